//! Signals as readable events.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::{
    libc,
    sys::{
        signal::{SigHandler, SigSet, Signal, signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

/// The signals of the init thread.
#[derive(Debug)]
pub(crate) struct Signals {
    descriptor: SignalFd,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A child may have ended.
    Reap,
    /// The instance shall stop.
    Stop(&'static str),
}

impl Signals {
    /// Blocks every signal in this thread and all threads it will start, and reads them instead.
    ///
    /// Must run before the first other thread exists: a thread with another mask would take the
    /// default action of a signal for the whole process.
    pub(crate) fn block_all() -> io::Result<Self> {
        SigSet::all().thread_set_mask()?;
        // Whoever started bootd may ignore this signal, and the kernel would then collect children
        // by itself and lose how they ended.
        #[expect(unsafe_code, reason = "no safe interface resets a disposition")]
        // SAFETY: installs no handler, only the default action.
        unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) }?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self {
            descriptor: SignalFd::with_flags(&SigSet::all(), flags)?,
        })
    }

    /// Takes every signal that has arrived; those that mean nothing to an init are dropped.
    pub(crate) fn take(&self) -> Vec<Request> {
        let mut requests = Vec::new();
        while let Ok(Some(info)) = self.descriptor.read_signal() {
            requests.extend(meaning(info.ssi_signo));
        }
        requests
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// `SIGRTMIN+3` is what container runtimes send to images made for systemd, `SIGPWR` what LXC
/// sends.
fn meaning(number: u32) -> Option<Request> {
    let number = i32::try_from(number).ok()?;
    if number == libc::SIGRTMIN() + 3 {
        return Some(Request::Stop("SIGRTMIN+3"));
    }
    if number == Signal::SIGCHLD as i32 {
        Some(Request::Reap)
    } else if number == Signal::SIGTERM as i32 {
        Some(Request::Stop("SIGTERM"))
    } else if number == Signal::SIGINT as i32 {
        Some(Request::Stop("SIGINT"))
    } else if number == Signal::SIGPWR as i32 {
        Some(Request::Stop("SIGPWR"))
    } else {
        None
    }
}
