//! The descriptor channel to the supervisor.
//!
//! gRPC cannot carry descriptors, so the two share an inherited pair of Unix sockets that keeps
//! messages apart. This side opens it and answers the greeting; the hand-over of descriptors
//! builds on it.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use serde::{Deserialize, Serialize};

/// bootd's end of the channel to one supervisor process.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The supervisor has introduced itself and was answered.
    Greeted { epoch: u64 },
    /// A message that is not understood; the channel stays open.
    Refused(String),
    /// The other end is gone.
    Closed,
}

#[derive(Deserialize)]
struct Hello {
    hello: Greeting,
}

#[derive(Deserialize)]
struct Greeting {
    epoch: u64,
}

#[derive(Serialize)]
struct Welcome {
    welcome: Answer,
}

#[derive(Serialize)]
struct Answer {
    epoch: u64,
}

impl Channel {
    /// A channel and the end to hand down.
    pub(crate) fn open() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        Ok((Self { socket: ours }, theirs))
    }

    /// Takes the next message without waiting; `epoch` is bootd's own.
    pub(crate) fn take(&self, epoch: u64) -> Option<Event> {
        let mut buffer = [0_u8; 4096];
        match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Some(Event::Closed),
            Ok(length) => Some(self.answer(&buffer[..length], epoch)),
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => None,
            Err(_) => Some(Event::Closed),
        }
    }

    fn answer(&self, message: &[u8], epoch: u64) -> Event {
        let hello: Hello = match serde_json::from_slice(message) {
            Ok(hello) => hello,
            Err(error) => return Event::Refused(error.to_string()),
        };
        let welcome = Welcome {
            welcome: Answer { epoch },
        };
        let text = serde_json::to_vec(&welcome).unwrap_or_default();
        // A supervisor that does not read is no reason to wait.
        match send(
            self.socket.as_raw_fd(),
            &text,
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
        ) {
            Ok(_) => Event::Greeted {
                epoch: hello.hello.epoch,
            },
            Err(_) => Event::Closed,
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(theirs: &OwnedFd, text: &str) {
        send(theirs.as_raw_fd(), text.as_bytes(), MsgFlags::empty()).unwrap();
    }

    #[test]
    fn a_greeting_is_answered() {
        let (ours, theirs) = Channel::open().unwrap();
        assert_eq!(ours.take(9), None);
        say(&theirs, r#"{"hello":{"pid":5,"epoch":77}}"#);
        assert_eq!(ours.take(9), Some(Event::Greeted { epoch: 77 }));
        let mut buffer = [0_u8; 100];
        let length = recv(theirs.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
        assert_eq!(&buffer[..length], br#"{"welcome":{"epoch":9}}"#);
    }

    #[test]
    fn nonsense_is_refused_and_an_end_is_seen() {
        let (ours, theirs) = Channel::open().unwrap();
        say(&theirs, "nonsense");
        assert!(matches!(ours.take(9), Some(Event::Refused(_))));
        drop(theirs);
        assert_eq!(ours.take(9), Some(Event::Closed));
    }
}
