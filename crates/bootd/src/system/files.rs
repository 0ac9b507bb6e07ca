//! The real file system, optionally below a directory of a test.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid, chown, geteuid};

use super::{Access, Published, Stat, System};

/// Files of this machine. Every path is taken below `root`, which is `/` outside tests.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Files below `root`.
    pub(crate) fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Where `path` is on the disk.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

impl System for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(self.resolve(path))
    }

    fn stat(&self, path: &Path) -> Option<Stat> {
        let meta = fs::metadata(self.resolve(path)).ok()?;
        Some(Stat {
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            is_dir: meta.is_dir(),
        })
    }

    fn list(&self, dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(self.resolve(dir)).into_iter().flatten();
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }

    fn publish(&self, path: &Path, content: &[u8], access: Access) -> io::Result<Published> {
        let target = follow(&self.resolve(path))?;
        if fs::read(&target).is_ok_and(|current| current == content) {
            apply(&target, access)?;
            return Ok(Published::Unchanged);
        }
        let dir = target.parent().unwrap_or_else(|| Path::new("/"));
        fs::create_dir_all(dir)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let temporary = dir.join(format!(".{name}.bootd-{}", std::process::id()));
        // The content is on the disk before its name is. The name itself may be lost with the
        // machine: then the old file stands there, and the next boot does this again.
        let written =
            write(&temporary, content, access).and_then(|()| fs::rename(&temporary, &target));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.map(|()| Published::Written)
    }

    fn make_dir(&self, path: &Path, access: Access) -> io::Result<()> {
        let path = self.resolve(path);
        fs::create_dir_all(&path)?;
        apply(&path, access)
    }

    fn set_access(&self, path: &Path, access: Access) -> io::Result<()> {
        apply(&self.resolve(path), access)
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        File::open("/dev/urandom")?.read_exact(bytes)
    }
}

/// The file that a chain of symbolic links ends in, which need not exist.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or_else(|| Path::new("/")).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn write(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    // A crashed run may have left the name behind.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    apply(path, access)?;
    file.sync_all()
}

/// The owner first: changing it clears the set-id bits of the mode.
fn apply(path: &Path, access: Access) -> io::Result<()> {
    let meta = fs::metadata(path)?;
    let owner = access
        .owner
        .filter(|owner| *owner != (meta.uid(), meta.gid()));
    if let Some((uid, gid)) = owner {
        let changed = chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        // Without root the files stay ours; the boot says once that it is not root.
        if geteuid().is_root() {
            changed?;
        }
    }
    if owner.is_some() || meta.mode() & 0o7777 != access.mode {
        fs::set_permissions(path, Permissions::from_mode(access.mode))?;
    }
    Ok(())
}

const MAX_LINKS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn me(mode: u32) -> Access {
        Access { mode, owner: None }
    }

    #[test]
    fn publishing_follows_a_link_and_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::at(dir.path());
        fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real/file", dir.path().join("link")).unwrap();
        disk.publish(Path::new("/link"), b"text", me(0o640))
            .unwrap();
        assert!(dir.path().join("link").is_symlink());
        let meta = fs::metadata(dir.path().join("real/file")).unwrap();
        assert_eq!(meta.mode() & 0o777, 0o640);
        assert_eq!(disk.list(Path::new("/real")), ["file"]);
    }

    #[test]
    fn equal_content_is_not_written_again_but_its_mode_is_asserted() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::at(dir.path());
        let path = Path::new("/a/b");
        assert_eq!(
            disk.publish(path, b"x", me(0o644)).unwrap(),
            Published::Written
        );
        assert_eq!(
            disk.publish(path, b"x", me(0o600)).unwrap(),
            Published::Unchanged
        );
        assert_eq!(disk.stat(path).unwrap().mode, 0o600);
    }
}
