//! Signals to us.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnSignal {
    /// Stop everything and end; with the signal's name.
    Stop(&'static str),
    /// Stop everything and begin again.
    Restart,
    /// Open all logs again.
    ReopenLogs,
    /// A child has ended.
    Child,
}

/// The streams of them.
#[derive(Debug)]
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
    quit: Signal,
    hup: Signal,
    usr2: Signal,
    child: Signal,
}

impl OwnSignal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stop(name) => name,
            Self::Restart => "SIGHUP",
            Self::ReopenLogs => "SIGUSR2",
            Self::Child => "SIGCHLD",
        }
    }
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hup: signal(SignalKind::hangup())?,
            usr2: signal(SignalKind::user_defined2())?,
            child: signal(SignalKind::child())?,
        })
    }

    pub(crate) async fn next(&mut self) -> OwnSignal {
        tokio::select! {
            biased;
            _ = self.child.recv() => OwnSignal::Child,
            _ = self.term.recv() => OwnSignal::Stop("SIGTERM"),
            _ = self.int.recv() => OwnSignal::Stop("SIGINT"),
            _ = self.quit.recv() => OwnSignal::Stop("SIGQUIT"),
            _ = self.hup.recv() => OwnSignal::Restart,
            _ = self.usr2.recv() => OwnSignal::ReopenLogs,
        }
    }
}
