//! What a command gives back.

use std::process::ExitCode;

use serde_json::Value;

use crate::sockets::Unreachable;

/// Exit codes of `berth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for is well, or was done.
    Ok,
    /// Something is wrong; the text says what.
    Wrong,
    /// Wrong command line, or a name that does not exist.
    Usage,
    /// The daemon that would know cannot be reached.
    Unreachable,
}

/// An answer in both forms.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For people.
    pub(crate) text: String,
    /// For programs.
    pub(crate) json: Value,
    /// How it went.
    pub(crate) exit: Exit,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One or more lines for stderr.
    pub(crate) text: String,
    /// How it went.
    pub(crate) exit: Exit,
}

impl Exit {
    /// `Ok` if `well`, otherwise `Wrong`.
    pub(crate) fn when(well: bool) -> Self {
        if well { Self::Ok } else { Self::Wrong }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Wrong => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 4,
        })
    }
}

impl From<Unreachable> for Failure {
    fn from(unreachable: Unreachable) -> Self {
        Self {
            text: unreachable.to_string(),
            exit: Exit::Unreachable,
        }
    }
}
