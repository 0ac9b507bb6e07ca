//! Ctrl-C as something that can be waited for, beside descriptors.

use std::os::fd::{AsFd, BorrowedFd};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, SigmaskHow, Signal, pthread_sigmask},
        signalfd::{SfdFlags, SignalFd},
    },
};

/// What Ctrl-C does while we wait for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruptions {
    /// It ends us, as it does any program.
    Deadly,
    /// Somebody wants to know of it.
    Told,
}

/// How waiting has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    Ready,
    Interrupted,
}

impl Interruptions {
    /// Waits until there is something to read.
    pub(super) fn wait(self, source: BorrowedFd<'_>) -> Waited {
        let waited = match self {
            Self::Deadly => return Waited::Ready,
            Self::Told => Interrupt::hold().and_then(|interrupt| interrupt.wait(&[source])),
        };
        match waited {
            Ok(Ready::Interrupted) => Waited::Interrupted,
            Ok(Ready::Readable(_)) | Err(_) => Waited::Ready,
        }
    }
}

/// Keeps Ctrl-C from ending us for as long as it lives.
#[derive(Debug)]
pub(super) struct Interrupt {
    signals: SignalFd,
    before: SigSet,
}

/// What there was to wait for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ready {
    Interrupted,
    /// Whether each descriptor can be read.
    Readable(Vec<bool>),
}

impl Interrupt {
    pub(super) fn hold() -> nix::Result<Self> {
        let mut wanted = SigSet::empty();
        wanted.add(Signal::SIGINT);
        let mut before = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&wanted), Some(&mut before))?;
        let signals = SignalFd::with_flags(&wanted, SfdFlags::SFD_CLOEXEC).inspect_err(|_| {
            let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
        })?;
        Ok(Self { signals, before })
    }

    /// Waits for Ctrl-C, or until one of the descriptors can be read.
    pub(super) fn wait(&self, others: &[BorrowedFd<'_>]) -> nix::Result<Ready> {
        let fds = std::iter::once(self.signals.as_fd()).chain(others.iter().copied());
        let mut fds: Vec<_> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        loop {
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        let ready: Vec<_> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        match ready.split_first() {
            Some((false, others)) => Ok(Ready::Readable(others.to_vec())),
            Some((true, _)) | None => {
                let _ = self.signals.read_signal();
                Ok(Ready::Interrupted)
            }
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}
