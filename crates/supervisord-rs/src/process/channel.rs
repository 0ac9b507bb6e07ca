//! The socket that bootd handed down.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{
        socket::{SockType, getsockopt, sockopt},
        stat::{SFlag, fstat},
    },
};
use thiserror::Error;
use tokio::io::{Interest, unix::AsyncFd};

/// Why a descriptor is not the channel.
#[derive(Debug, Error)]
pub(crate) enum ChannelError {
    /// The variable holds no number of a descriptor.
    #[error("'{0}' is not the number of a descriptor")]
    NotANumber(String),
    /// The descriptor is something else.
    #[error("descriptor {0} is not a SOCK_SEQPACKET socket")]
    NotTheSocket(RawFd),
    /// The operating system refused.
    #[error("failed to use it")]
    Io(#[from] io::Error),
}

/// Takes over the descriptor that `value` names.
pub(super) fn adopt(value: &str) -> Result<AsyncFd<OwnedFd>, ChannelError> {
    let number: RawFd = value
        .trim()
        .parse()
        .ok()
        .filter(|fd| *fd > 2)
        .ok_or_else(|| ChannelError::NotANumber(value.to_owned()))?;
    #[expect(unsafe_code, reason = "a descriptor handed over by our parent")]
    // SAFETY: bootd passes the number of a descriptor that nobody else in this process uses;
    // a wrong number is noticed by the checks below, before anything is read or written.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    let is_socket = fstat(&socket).is_ok_and(|stat| {
        SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFSOCK
    });
    let is_packets = is_socket && getsockopt(&socket, sockopt::SockType) == Ok(SockType::SeqPacket);
    if !is_packets {
        // Not ours to close either.
        let _ = std::os::fd::IntoRawFd::into_raw_fd(socket);
        return Err(ChannelError::NotTheSocket(number));
    }
    fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(io::Error::from)?;
    fcntl(&socket, FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).map_err(io::Error::from)?;
    let interest = Interest::READABLE | Interest::WRITABLE;
    #[expect(unsafe_code, reason = "the runtime keeps the number of the descriptor")]
    // SAFETY: the registration owns the descriptor and closes it only when it is dropped.
    let socket = unsafe { AsyncFd::register_with_interest(socket, interest) };
    socket.map_err(io::Error::from).map_err(ChannelError::from)
}
