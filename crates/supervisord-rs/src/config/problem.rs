//! What is wrong with a configuration, and where.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

/// A piece of configuration that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Line from 1, or 0 for the whole file.
    pub line: u32,
    /// The section, or empty for the whole file.
    pub section: String,
    /// What is wrong and what to do.
    pub text: String,
    /// Whether it is a mistake or a thing that is not supported.
    pub kind: ProblemKind,
}

/// Whose fault a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The file is wrong.
    Mistake,
    /// The file is right, and this supervisor cannot do it.
    Unsupported,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.section.is_empty() {
            write!(f, ": [{}]", self.section)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Why nothing can be started from a configuration.
#[derive(Debug, Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("could not find config file {}", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The main file cannot be read.
    #[error("could not read config file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// `[supervisord]` is missing.
    #[error("{}: .ini file does not include supervisord section", path.display())]
    NoDaemonSection {
        /// The file.
        path: PathBuf,
    },
    /// What the daemon itself needs is wrong.
    #[error("{}", lines(.0))]
    Refused(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<Path>,
    /// From 1, or 0 for the whole file.
    pub(crate) line: u32,
}

/// A value that was refused: the place and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) place: Place,
    pub(crate) text: String,
}
