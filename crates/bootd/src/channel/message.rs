//! The messages of the channel: JSON objects with one key.

use serde::{Deserialize, Serialize};

use crate::{custody::Kept, system::Ending};

/// What a supervisor says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Said {
    /// Its first message.
    Hello {
        epoch: u64,
        /// From 2 on it takes over what is held.
        #[serde(default = "oldest")]
        version: u32,
    },
    /// A process is about to be created; its ends come along.
    Hold { run: String, ends: Vec<String> },
    /// The process exists.
    Bind { run: String, pid: i32 },
    /// It has ended and its output is written.
    Release { run: String },
    /// The instance shall stop.
    End { code: u8, reason: String },
}

/// What bootd says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Saying<'a> {
    Held {
        run: &'a str,
        pid: i32,
        started: u64,
        ends: &'a [String],
        exit: Option<Exit>,
    },
    Welcome {
        epoch: u64,
        held: usize,
    },
    Exited {
        run: &'a str,
        pid: i32,
        exit: Exit,
    },
}

/// How a process ended.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Exit {
    Code { code: i32 },
    Signal { signal: i32, dumped: bool },
}

impl Said {
    /// Reads a message.
    pub(super) fn read(text: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(text)
    }
}

impl<'a> Saying<'a> {
    pub(super) fn held(kept: &'a Kept) -> Self {
        Self::Held {
            run: &kept.run,
            pid: kept.pid,
            started: kept.started,
            ends: &kept.ends.names,
            exit: kept.ending.map(Exit::from),
        }
    }
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Code(code) => Self::Code { code },
            Ending::Signal { number, dumped } => Self::Signal {
                signal: number,
                dumped,
            },
        }
    }
}

fn oldest() -> u32 {
    1
}
