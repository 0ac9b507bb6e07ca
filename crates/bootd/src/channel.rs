//! The descriptor channel to the supervisor.
//!
//! gRPC cannot carry descriptors, so the two share an inherited pair of Unix sockets that keeps
//! messages apart. This side reads what the supervisor says and sends what it is told to, in order;
//! it knows nothing of what is held. Neither reading nor sending ever waits: what the supervisor
//! does not take at once is kept here until it does. The protocol is in `docs/design/survival.md`.

mod message;

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, socketpair},
};

pub(crate) use self::message::Said;
use self::message::Saying;
use crate::{
    custody::{Ends, Kept},
    system::{self, Ending},
};

/// bootd's end of the channel to one supervisor process.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
    /// What the supervisor has not taken yet.
    outbox: VecDeque<Letter>,
}

/// What arrived.
#[derive(Debug)]
pub(crate) enum Event {
    Said(Said, Vec<OwnedFd>),
    /// A message that is not understood; the channel stays open.
    Refused(String),
    /// The other end is gone.
    Closed,
}

/// A message to be sent.
#[derive(Debug)]
struct Letter {
    text: Vec<u8>,
    /// Shared with the table of held runs, so that waiting costs no descriptors.
    ends: Option<Arc<Ends>>,
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
        let channel = Self {
            socket: ours,
            outbox: VecDeque::new(),
        };
        Ok((channel, theirs))
    }

    /// Takes the next message.
    pub(crate) fn take(&self) -> Option<Event> {
        loop {
            let packet = match system::receive(self.socket.as_fd(), LONGEST) {
                Ok(packet) => packet,
                Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::EAGAIN) => return None,
                    // The other end was closed before it had read everything. That is told once,
                    // before what it had said.
                    Some(Errno::EINTR | Errno::ECONNRESET) => continue,
                    _ => return Some(Event::Closed),
                },
            };
            return Some(if packet.bytes.is_empty() {
                Event::Closed
            } else if packet.is_whole {
                match Said::read(&packet.bytes) {
                    Ok(said) => Event::Said(said, packet.descriptors),
                    Err(error) => Event::Refused(error.to_string()),
                }
            } else {
                Event::Refused(format!(
                    "it is longer than {LONGEST} bytes or brings more descriptors than there is \
                     room for"
                ))
            });
        }
    }

    /// Hands over what is held and answers the greeting.
    pub(crate) fn welcome(&mut self, epoch: u64, kept: &[Kept]) {
        for run in kept {
            let ends = Some(Arc::clone(&run.ends));
            self.post(&Saying::held(run), ends);
        }
        let held = kept.len();
        self.post(&Saying::Welcome { epoch, held }, None);
    }

    /// Says how a run that was handed over has ended.
    pub(crate) fn say_exited(&mut self, run: &str, pid: i32, ending: Ending) {
        let exit = ending.into();
        self.post(&Saying::Exited { run, pid, exit }, None);
    }

    /// Sends what there is room for.
    pub(crate) fn flush(&mut self) {
        while let Some(letter) = self.outbox.front() {
            let descriptors = letter.ends.as_ref().map(|ends| &ends.descriptors[..]);
            match system::send(
                self.socket.as_fd(),
                &letter.text,
                descriptors.unwrap_or_default(),
            ) {
                Ok(()) => {
                    self.outbox.pop_front();
                }
                Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                    Some(Errno::EAGAIN) => return,
                    Some(Errno::EINTR) => {}
                    // Its end will be seen by whoever reads.
                    Some(Errno::EPIPE | Errno::ECONNRESET) => return self.outbox.clear(),
                    _ => {
                        tracing::error!(%error, "a message to the supervisor cannot be sent");
                        self.outbox.pop_front();
                    }
                },
            }
        }
    }

    /// Whether something waits for room.
    pub(crate) fn has_mail(&self) -> bool {
        !self.outbox.is_empty()
    }

    fn post(&mut self, saying: &Saying<'_>, ends: Option<Arc<Ends>>) {
        let text = serde_json::to_vec(saying).expect("plain data has a JSON form");
        self.outbox.push_back(Letter { text, ends });
        self.flush();
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The longest message that is understood.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests;
