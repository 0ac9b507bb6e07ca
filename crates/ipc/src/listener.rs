//! The socket file.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, chown};
use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};

use crate::GROUP;

/// A bound Unix socket with mode 0660 for root and group `berth`; the file is removed on drop.
#[derive(Debug)]
pub struct Listener {
    pub(crate) inner: UnixListener,
    pub(crate) file: SocketFile,
}

/// The socket's file, removed on drop.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Inode of our file: a successor may have replaced it, and then it is not ours to remove.
    inode: u64,
}

/// Why a socket could not be bound.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another process answers on this path.
    #[error("failed to bind {path}: another process is listening there")]
    InUse {
        /// The socket path.
        path: PathBuf,
    },
    /// Something that is not a socket is in the way; it is left alone.
    #[error("failed to bind {path}: a file that is not a socket is in the way")]
    NotASocket {
        /// The socket path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("failed to bind {path}")]
    Io {
        /// The socket path.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl Listener {
    /// Binds `path`, creating its directory (0750) if needed and removing a stale socket.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When a live process owns the path, something else than a socket is there, or the operating
    /// system refuses.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let failed = |source| BindError::Io {
            path: path.to_owned(),
            source,
        };
        prepare_directory(path).map_err(failed)?;
        remove_stale(path)?;
        let inner = UnixListener::bind(path).map_err(failed)?;
        let inode = open_to_group(path).map_err(failed)?;
        Ok(Self {
            inner,
            file: SocketFile {
                path: path.to_owned(),
                inode,
            },
        })
    }

    /// The next connection.
    ///
    /// # Errors
    /// Mostly for want of descriptors; the next call may succeed.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.inner.accept().await?.0)
    }

    /// The socket path.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn prepare_directory(path: &Path) -> io::Result<()> {
    let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) else {
        return Ok(());
    };
    if dir.exists() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o750))?;
    give_to_group(dir)
}

fn remove_stale(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(BindError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    // Socket files survive a container's stop and start; only an answer proves an owner.
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(BindError::InUse {
            path: path.to_owned(),
        });
    }
    fs::remove_file(path).map_err(failed)
}

fn open_to_group(path: &Path) -> io::Result<u64> {
    give_to_group(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(fs::symlink_metadata(path)?.ino())
}

/// Hands `path` to group `berth` where that exists and we may; elsewhere the owner's group stays,
/// which is narrower and therefore safe.
fn give_to_group(path: &Path) -> io::Result<()> {
    match group(&fs::read_to_string("/etc/group").unwrap_or_default()) {
        Some(gid) => match chown(path, None, Some(gid)) {
            Ok(()) | Err(nix::Error::EPERM) => Ok(()),
            Err(error) => Err(error.into()),
        },
        None => Ok(()),
    }
}

/// Our group in the lines of a group file. The image puts it there; asking the name service would
/// keep its modules in the memory of every daemon.
fn group(lines: &str) -> Option<Gid> {
    lines.lines().find_map(|line| {
        let mut fields = line.split(':');
        let gid = (fields.next()? == GROUP).then(|| fields.nth(1))??;
        gid.parse().ok().map(Gid::from_raw)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_group_is_found_among_others() {
        let lines = "root:x:0:\nberth-other:x:7:\nberth:x:998:user\n";
        assert_eq!(group(lines), Some(Gid::from_raw(998)));
        assert_eq!(group("root:x:0:\nberth:x\n"), None);
    }

    #[tokio::test]
    async fn the_socket_is_for_owner_and_group_and_goes_with_its_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/x.sock");
        let listener = Listener::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
        assert_eq!(
            fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777,
            0o750
        );
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        Listener::bind(&path).unwrap();
    }

    #[tokio::test]
    async fn a_live_socket_and_a_plain_file_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sock");
        let _owner = Listener::bind(&path).unwrap();
        assert!(matches!(
            Listener::bind(&path),
            Err(BindError::InUse { .. })
        ));
        let file = dir.path().join("file");
        fs::write(&file, "kept").unwrap();
        assert!(matches!(
            Listener::bind(&file),
            Err(BindError::NotASocket { .. })
        ));
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    }
}
