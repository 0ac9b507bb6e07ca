//! The sockets of FastCGI programs: opened once for a group, given to each of its processes.

use std::{
    fs, io,
    net::{SocketAddr, ToSocketAddrs as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::PermissionsExt as _,
    },
    path::Path,
};

use nix::{
    libc,
    sys::socket::{
        AddressFamily, Backlog, Shutdown, SockFlag, SockType, SockaddrIn, SockaddrLike as _,
        UnixAddr, bind, getsockname, listen, setsockopt, shutdown, socket, sockopt,
    },
};

use crate::config::{SocketAddress, SocketConfig};

/// Opens and listens.
pub(crate) fn open(config: &SocketConfig) -> io::Result<OwnedFd> {
    let backlog = config.backlog.map_or(libc::SOMAXCONN, i32::from);
    let backlog = Backlog::new(backlog).unwrap_or(Backlog::MAXCONN);
    let fd = match &config.address {
        SocketAddress::Tcp { host, port } => {
            let fd = socket(
                AddressFamily::Inet,
                SockType::Stream,
                SockFlag::SOCK_CLOEXEC,
                None,
            )?;
            setsockopt(&fd, sockopt::ReuseAddr, &true)?;
            bind(fd.as_raw_fd(), &inet(host, *port)?)?;
            fd
        }
        SocketAddress::Unix(path) => {
            let fd = socket(
                AddressFamily::Unix,
                SockType::Stream,
                SockFlag::SOCK_CLOEXEC,
                None,
            )?;
            // What is left of an earlier run is in the way.
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let address = UnixAddr::new(path)?;
            debug_assert!(address.len() > 0);
            bind(fd.as_raw_fd(), &address)?;
            dress(path, config)?;
            fd
        }
    };
    listen(&fd, backlog)?;
    Ok(fd)
}

/// Whether a socket that was handed over is the one that is configured.
pub(crate) fn is_at(fd: &OwnedFd, config: &SocketConfig) -> bool {
    match &config.address {
        SocketAddress::Tcp { host, port } => {
            let there = getsockname::<SockaddrIn>(fd.as_raw_fd()).ok();
            there.is_some() && there == inet(host, *port).ok()
        }
        SocketAddress::Unix(path) => getsockname::<UnixAddr>(fd.as_raw_fd())
            .is_ok_and(|there| there.path() == Some(path.as_path())),
    }
}

/// Ends a socket that nobody uses any more. Others may hold it a moment longer, which must not keep
/// the next one from its address.
pub(crate) fn end(socket: &OwnedFd) {
    let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
}

/// Removes the file of a socket that nobody uses any more.
pub(crate) fn remove(config: &SocketConfig) {
    if let SocketAddress::Unix(path) = &config.address {
        let _ = fs::remove_file(path);
    }
}

fn dress(path: &Path, config: &SocketConfig) -> io::Result<()> {
    if let Some((uid, gid)) = config.owner {
        nix::unistd::chown(path, Some(uid), gid)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(config.mode))
}

fn inet(host: &str, port: u16) -> io::Result<SockaddrIn> {
    let addresses = (host, port).to_socket_addrs()?;
    for address in addresses {
        if let SocketAddr::V4(address) = address {
            return Ok(address.into());
        }
    }
    Err(io::Error::other(format!("{host} has no IPv4 address")))
}
