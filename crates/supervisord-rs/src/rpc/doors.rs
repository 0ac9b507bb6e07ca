//! The sockets clients come in by.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::errno::Errno;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use crate::config::{InetServer, UnixServer};

/// Where connections come in.
#[derive(Debug)]
pub(super) enum Door {
    Unix {
        listener: UnixListener,
        _file: SocketFile,
    },
    Inet(TcpListener),
}

/// A client that has come in.
#[derive(Debug)]
pub(super) enum Guest {
    Unix(tokio::net::UnixStream),
    Inet(tokio::net::TcpStream),
}

/// Why a server could not be opened, in the original's words.
#[derive(Debug, Error)]
pub(super) enum DoorError {
    #[error(
        "Another program is already listening on a port that one of our HTTP servers is configured \
         to use.  Shut this program down first before starting supervisord."
    )]
    InUse,
    #[error("Cannot open an HTTP server: socket.error reported {}", reported(.0))]
    Refused(io::Error),
    #[error(
        "Not permitted to chown {} to uid/gid ({uid}, {gid}); adjust the chown value in the config \
         file to one that this user can give", path.display()
    )]
    Chown { path: PathBuf, uid: u32, gid: i64 },
}

impl From<io::Error> for DoorError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::AddrInUse {
            return Self::InUse;
        }
        Self::Refused(error)
    }
}

fn reported(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => format!("errno.{:?} ({number})", Errno::from_raw(number)),
        None => error.to_string(),
    }
}

impl Door {
    /// Binds the socket of `[unix_http_server]`.
    ///
    /// It is bound beside its place and linked there, so that nobody meets it with wrong modes and
    /// two supervisors that start at once do not both believe to have it.
    pub(super) fn unix(config: &UnixServer) -> Result<Self, DoorError> {
        let path = &config.file;
        let aside = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
        // A process of our number may have died in the middle of this.
        let _ = fs::remove_file(&aside);
        let listener = UnixListener::bind(&aside)?;
        let placed = fs::set_permissions(&aside, fs::Permissions::from_mode(config.mode))
            .map_err(DoorError::from)
            .and_then(|()| place(&aside, path));
        let _ = fs::remove_file(&aside);
        placed?;
        let file = SocketFile::of(path)?;
        if let Some((uid, gid)) = config.owner {
            match nix::unistd::chown(path, Some(uid), gid) {
                Ok(()) => {}
                Err(Errno::EPERM) => {
                    return Err(DoorError::Chown {
                        path: path.clone(),
                        uid: uid.as_raw(),
                        gid: gid.map_or(-1, |gid| i64::from(gid.as_raw())),
                    });
                }
                Err(errno) => return Err(io::Error::from(errno).into()),
            }
        }
        Ok(Self::Unix {
            listener,
            _file: file,
        })
    }

    /// Binds the address of `[inet_http_server]`. A name means its IPv4 address, as in the original:
    /// `localhost` must not be found under another address than clients look for it.
    pub(super) async fn inet(config: &InetServer) -> Result<Self, DoorError> {
        let host = match config.host.as_str() {
            "" => "0.0.0.0",
            host => host,
        };
        let addresses: Vec<_> = tokio::net::lookup_host((host, config.port))
            .await?
            .collect();
        let address = addresses
            .iter()
            .find(|address| address.is_ipv4())
            .or_else(|| addresses.first())
            .ok_or_else(|| io::Error::other(format!("{host} has no address")))?;
        let socket = match address.is_ipv4() {
            true => TcpSocket::new_v4()?,
            false => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(*address)?;
        Ok(Self::Inet(socket.listen(BACKLOG)?))
    }

    pub(super) async fn accept(&self) -> io::Result<Guest> {
        match self {
            Self::Unix { listener, .. } => Ok(Guest::Unix(listener.accept().await?.0)),
            Self::Inet(listener) => Ok(Guest::Inet(listener.accept().await?.0)),
        }
    }
}

/// Puts the socket at `aside` to `path`. Whatever is there is removed, unless somebody answers at it.
fn place(aside: &Path, path: &Path) -> Result<(), DoorError> {
    for _ in 0..ATTEMPTS {
        let linked = fs::hard_link(aside, path);
        let taken = match &linked {
            Ok(()) => return Ok(()),
            Err(error) => error.kind() == io::ErrorKind::AlreadyExists,
        };
        if !taken {
            // There are filesystems without links.
            return Ok(fs::rename(aside, path)?);
        }
        if answers(path) {
            return Err(DoorError::InUse);
        }
        let _ = writeln!(io::stderr(), "Unlinking stale socket {}", path.display());
        fs::remove_file(path)?;
    }
    Err(DoorError::InUse)
}

/// Whether somebody serves HTTP at a socket. One who is there and does not answer in time counts:
/// its place is not ours.
fn answers(path: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(path) else {
        return false;
    };
    let asked = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.write_all(b"GET / HTTP/1.0\r\n\r\n"))
        .and_then(|()| stream.read(&mut [0]));
    match asked {
        Ok(_) => true,
        Err(error) => matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
        ),
    }
}

/// The file of a socket, removed on drop if it is still ours.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::symlink_metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

const BACKLOG: u32 = 1024;
const ATTEMPTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn server(path: &Path) -> UnixServer {
        UnixServer {
            section: "unix_http_server".to_owned(),
            file: path.to_owned(),
            mode: 0o600,
            owner: None,
            credentials: None,
        }
    }

    #[tokio::test]
    async fn a_stale_socket_and_a_leftover_are_replaced_and_the_end_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        fs::write(format!("{}.{}", path.display(), std::process::id()), "").unwrap();
        let door = Door::unix(&server(&path)).unwrap();
        assert_eq!(
            fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        drop(door);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_socket_that_answers_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let other = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            client.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
        });
        assert!(matches!(Door::unix(&server(&path)), Err(DoorError::InUse)));
        other.join().unwrap();
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_somebody_replaced_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let door = Door::unix(&server(&path)).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(door);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn localhost_is_its_ipv4_address_and_a_taken_port_is_told() {
        let config = |port| InetServer {
            section: "inet_http_server".to_owned(),
            host: "localhost".to_owned(),
            port,
            credentials: None,
        };
        let Door::Inet(listener) = Door::inet(&config(0)).await.unwrap() else {
            unreachable!("it is an inet door")
        };
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip().to_string(), "127.0.0.1");
        let again = Door::inet(&config(address.port())).await;
        assert!(matches!(again, Err(DoorError::InUse)));
    }
}
