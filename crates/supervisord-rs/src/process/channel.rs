//! The socket over which bootd will one day keep our children's pipes.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{
        socket::{MsgFlags, SockType, getsockopt, recv, send, sockopt},
        stat::{SFlag, fstat},
    },
};
use thiserror::Error;
use tokio::io::{Interest, unix::AsyncFd};

/// The open channel.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: AsyncFd<OwnedFd>,
}

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

impl Channel {
    /// Takes over the descriptor that `value` names.
    pub(crate) fn adopt(value: &str) -> Result<Self, ChannelError> {
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
        let is_packets =
            is_socket && getsockopt(&socket, sockopt::SockType) == Ok(SockType::SeqPacket);
        if !is_packets {
            // Not ours to close either.
            let _ = std::os::fd::IntoRawFd::into_raw_fd(socket);
            return Err(ChannelError::NotTheSocket(number));
        }
        fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(io::Error::from)?;
        fcntl(&socket, FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))
            .map_err(io::Error::from)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        #[expect(unsafe_code, reason = "the runtime keeps the number of the descriptor")]
        // SAFETY: the registration owns the descriptor and closes it only when it is dropped.
        let socket = unsafe { AsyncFd::register_with_interest(socket, interest) };
        Ok(Self {
            socket: socket.map_err(io::Error::from)?,
        })
    }

    /// Says who we are and waits for the answer.
    pub(crate) async fn greet(&self, epoch: u64) -> io::Result<String> {
        let hello = serde_json::json!({"hello": {"pid": std::process::id(), "epoch": epoch}});
        let hello = hello.to_string();
        let flags = MsgFlags::MSG_NOSIGNAL;
        self.socket
            .async_io(Interest::WRITABLE, |fd| {
                send(fd.as_raw_fd(), hello.as_bytes(), flags).map_err(io::Error::from)
            })
            .await?;
        self.receive().await
    }

    /// The next message; an error when bootd has closed its end.
    pub(crate) async fn receive(&self) -> io::Result<String> {
        let mut buffer = [0u8; 4096];
        let size = self
            .socket
            .async_io(Interest::READABLE, |fd| {
                recv(fd.as_raw_fd(), &mut buffer, MsgFlags::empty()).map_err(io::Error::from)
            })
            .await?;
        if size == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&buffer[..size]).into_owned())
    }
}
