//! What bootd keeps for us: the pipes and exit statuses of our programs, in case we die.
//!
//! The protocol is in `docs/design/survival.md`. Sending never waits longer than [`PATIENCE`]: a
//! bootd that does not read costs the program its survival, not us our work. Only what must not be
//! left unsaid, that a run is over, is kept until there is room for it.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::{
    cmsg_space,
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg},
};
use serde::{Deserialize, Serialize};
use supervisor_core::Exit;
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
};

use super::{OurEnds, channel, reaper::ticks};

/// Our end of the channel to bootd.
#[derive(Clone, Debug)]
pub(crate) struct Custody {
    socket: Arc<AsyncFd<OwnedFd>>,
    late: Arc<Late>,
}

/// Runs that are over and of which bootd was not told, for want of room.
#[derive(Debug, Default)]
struct Late {
    runs: Mutex<VecDeque<String>>,
    more: Notify,
}

/// A program that bootd kept for us.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) run: String,
    pub(crate) pid: i32,
    /// Start of the process after boot.
    pub(crate) started: Duration,
    pub(crate) exit: Option<Exit>,
    /// `None` where its output did not arrive, because we may open no more files or bootd got none.
    pub(crate) ends: Option<OurEnds>,
}

/// The end of a process that bootd reaped for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) pid: i32,
    pub(crate) exit: Exit,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Saying<'a> {
    Hello {
        pid: u32,
        epoch: u64,
        version: u32,
    },
    Hold {
        run: &'a str,
        ends: &'a [&'static str],
    },
    Bind {
        run: &'a str,
        pid: i32,
    },
    Release {
        run: &'a str,
    },
    End {
        code: u8,
        reason: &'a str,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Hearing {
    Held {
        run: String,
        pid: i32,
        started: u64,
        ends: Vec<String>,
        exit: Option<WireExit>,
    },
    Welcome {
        epoch: u64,
        /// How many were said to be held.
        #[serde(default)]
        held: usize,
    },
    Exited {
        pid: i32,
        exit: WireExit,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum WireExit {
    Code { code: i32 },
    Signal { signal: i32, dumped: bool },
}

impl From<WireExit> for Exit {
    fn from(exit: WireExit) -> Self {
        match exit {
            WireExit::Code { code } => Self::Code(code),
            WireExit::Signal { signal, dumped } => Self::Signal {
                number: signal,
                dumped,
            },
        }
    }
}

impl Custody {
    /// Takes over the descriptor that bootd handed down.
    pub(crate) fn adopt(value: &str) -> Result<Self, channel::ChannelError> {
        Ok(Self {
            socket: Arc::new(channel::adopt(value)?),
            late: Arc::default(),
        })
    }

    /// Says who we are; gives bootd's own epoch and what it kept.
    pub(crate) async fn greet(&self, epoch: u64) -> io::Result<(u64, Vec<Held>)> {
        let hello = Saying::Hello {
            pid: std::process::id(),
            epoch,
            version: 2,
        };
        self.say(&hello, &[])?;
        let mut kept = Vec::new();
        loop {
            let (hearing, fds) = self.hear().await?;
            match hearing {
                Hearing::Held {
                    run,
                    pid,
                    started,
                    ends,
                    exit,
                } => kept.push(Held {
                    run,
                    pid,
                    started: ticks(started),
                    exit: exit.map(Exit::from),
                    ends: ours(&ends, fds),
                }),
                Hearing::Welcome { epoch, held } => {
                    if held != kept.len() {
                        tracing::warn!(held, received = kept.len(), "bootd kept more than arrived");
                    }
                    return Ok((epoch, kept));
                }
                Hearing::Exited { .. } => {}
            }
        }
    }

    /// The next end of a process that bootd reaped for us.
    pub(crate) async fn told(&self) -> io::Result<Told> {
        loop {
            if let (Hearing::Exited { pid, exit }, _) = self.hear().await? {
                return Ok(Told {
                    pid,
                    exit: exit.into(),
                });
            }
        }
    }

    /// Has the ends of a process kept that is about to be created.
    pub(crate) fn hold(&self, run: &str, ends: &OurEnds) -> io::Result<()> {
        let named: Vec<(&'static str, &OwnedFd)> = [
            ("stdin", ends.stdin.as_ref()),
            ("socket", ends.socket.as_ref()),
            ("stdout", Some(&ends.stdout)),
            ("stderr", ends.stderr.as_ref()),
            ("notify", ends.notify.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, fd)| Some((name, fd?)))
        .collect();
        let names: Vec<_> = named.iter().map(|(name, _)| *name).collect();
        let fds: Vec<_> = named.iter().map(|(_, fd)| fd.as_raw_fd()).collect();
        self.say(&Saying::Hold { run, ends: &names }, &fds)
    }

    /// Says which process it became.
    pub(crate) fn bind(&self, run: &str, pid: i32) -> io::Result<()> {
        self.say(&Saying::Bind { run, pid }, &[])
    }

    /// Has it forgotten, as soon as there is room to say so: a successor would take the run for one
    /// that has just ended, and start again what was stopped.
    pub(crate) fn release(&self, run: &str) {
        let mut late = self.late();
        if late.is_empty() && !is_full(&self.try_say(&Saying::Release { run }, &[])) {
            return;
        }
        late.push_back(run.to_owned());
        drop(late);
        self.late.more.notify_one();
    }

    /// Tells what there was no room for, until the channel ends.
    pub(crate) async fn tell_late(&self) -> io::Error {
        loop {
            // The lock is not held while we wait; only this task takes runs out.
            let Some(run) = self.late().front().cloned() else {
                self.late.more.notified().await;
                continue;
            };
            let saying = Saying::Release { run: &run };
            let told = self
                .socket
                .async_io(Interest::WRITABLE, |_| self.try_say(&saying, &[]));
            if let Err(error) = told.await {
                return error;
            }
            self.late().pop_front();
        }
    }

    fn late(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.late
            .runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the end of the whole instance with an exit code.
    pub(crate) fn end(&self, code: u8, reason: &str) -> io::Result<()> {
        self.say(&Saying::End { code, reason }, &[])
    }

    fn say(&self, saying: &Saying<'_>, fds: &[RawFd]) -> io::Result<()> {
        loop {
            let said = self.try_say(saying, fds);
            if !is_full(&said) {
                return said;
            }
            wait_for_room(self.socket.as_fd())?;
        }
    }

    /// Says it if there is room.
    fn try_say(&self, saying: &Saying<'_>, fds: &[RawFd]) -> io::Result<()> {
        let text = serde_json::to_vec(saying)?;
        let rights = [ControlMessage::ScmRights(fds)];
        let control: &[ControlMessage<'_>] = if fds.is_empty() { &[] } else { &rights };
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let parts = [IoSlice::new(&text)];
        loop {
            match sendmsg::<()>(self.socket.as_raw_fd(), &parts, control, flags, None) {
                Err(Errno::EINTR) => {}
                said => return said.map(drop).map_err(io::Error::from),
            }
        }
    }

    /// The next message that is understood. Another one is no reason to hear of no more ends.
    async fn hear(&self) -> io::Result<(Hearing, Vec<OwnedFd>)> {
        loop {
            let received = self
                .socket
                .async_io(Interest::READABLE, |socket| receive(socket.as_fd()));
            let (text, fds) = received.await?;
            if text.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match serde_json::from_slice(&text) {
                Ok(hearing) => return Ok((hearing, fds)),
                Err(error) => tracing::warn!(%error, "a message of bootd is not understood"),
            }
        }
    }
}

fn receive(socket: BorrowedFd<'_>) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut text = vec![0; LONGEST];
    let mut space = cmsg_space!([RawFd; 4]);
    let (size, fds) = {
        let mut parts = [io::IoSliceMut::new(&mut text)];
        let message = recvmsg::<()>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )?;
        let mut fds = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(received) = control {
                fds.extend(received);
            }
        }
        (message.bytes, fds)
    };
    text.truncate(size);
    let owned = fds.into_iter().map(|fd| {
        #[expect(unsafe_code, reason = "received descriptors are bare numbers")]
        // SAFETY: the kernel just made the number for us and nobody else knows it.
        unsafe {
            OwnedFd::from_raw_fd(fd)
        }
    });
    Ok((text, owned.collect()))
}

/// The ends by their names, if the output is among them.
fn ours(names: &[String], fds: Vec<OwnedFd>) -> Option<OurEnds> {
    let (mut stdin, mut socket, mut notify) = (None, None, None);
    let (mut stdout, mut stderr) = (None, None);
    for (name, fd) in names.iter().zip(fds) {
        match name.as_str() {
            "stdin" => stdin = Some(fd),
            "socket" => socket = Some(fd),
            "stdout" => stdout = Some(fd),
            "stderr" => stderr = Some(fd),
            "notify" => notify = Some(fd),
            _ => {}
        }
    }
    Some(OurEnds {
        stdin,
        socket,
        stdout: stdout?,
        stderr,
        notify,
    })
}

fn is_full(said: &io::Result<()>) -> bool {
    let error = said.as_ref().err();
    error.is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn wait_for_room(socket: BorrowedFd<'_>) -> io::Result<()> {
    match poll(&mut [PollFd::new(socket, PollFlags::POLLOUT)], PATIENCE) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Milliseconds that we wait for room in the channel.
const PATIENCE: u8 = 100;
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use std::os::fd::IntoRawFd as _;

    use nix::sys::socket::{
        AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt::SndBuf,
    };

    use super::*;

    #[tokio::test]
    async fn a_release_is_told_however_late_bootd_reads() {
        let kind = SockType::SeqPacket;
        let (ours, bootd) =
            socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap();
        // The smallest there is, which is room for a few messages.
        setsockopt(&ours, SndBuf, &0).unwrap();
        let custody = Custody::adopt(&ours.into_raw_fd().to_string()).unwrap();
        let bootd = Custody::adopt(&bootd.into_raw_fd().to_string()).unwrap();
        let runs = 0..200;
        for run in runs.clone() {
            custody.release(&format!("5/a:a/{run}"));
        }
        let read = async {
            let mut told = Vec::new();
            while told.len() < runs.len() {
                let received = bootd.socket.async_io(Interest::READABLE, |socket| {
                    receive(socket.as_fd()).map(|(text, _)| text)
                });
                told.push(String::from_utf8(received.await.unwrap()).unwrap());
            }
            told
        };
        let told = tokio::select! {
            told = read => told,
            error = custody.tell_late() => panic!("{error}"),
        };
        for (run, text) in runs.zip(told) {
            assert_eq!(text, format!(r#"{{"release":{{"run":"5/a:a/{run}"}}}}"#));
        }
    }

    #[tokio::test]
    async fn a_message_that_is_not_understood_does_not_end_the_channel() {
        let kind = SockType::SeqPacket;
        let (ours, bootd) =
            socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap();
        let custody = Custody::adopt(&ours.into_raw_fd().to_string()).unwrap();
        for text in [
            r#"{"later":{"run":"5/a:a/1"}}"#,
            "no JSON",
            r#"{"exited":{"run":"5/a:a/1","pid":7,"exit":{"code":3}}}"#,
        ] {
            nix::unistd::write(&bootd, text.as_bytes()).unwrap();
        }
        let told = custody.told().await.unwrap();
        assert_eq!((told.pid, told.exit), (7, Exit::Code(3)));
        drop(bootd);
        custody.told().await.unwrap_err();
    }
}
