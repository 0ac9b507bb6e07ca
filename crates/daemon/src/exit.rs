//! How a daemon ends.

use std::process::ExitCode;

/// Exit codes of every Berth daemon.
///
/// | code | meaning |
/// |---|---|
/// | 0 | ended as asked |
/// | 1 | could not start or had to give up; the last line on stderr says why |
/// | 2 | wrong command line or settings |
/// | 3 | ended as asked, but tasks had to be abandoned |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Ended as asked.
    Clean,
    /// Could not start, or had to give up.
    Failed,
    /// Wrong command line or settings.
    Usage,
    /// Ended as asked, but tasks had to be abandoned.
    Abandoned,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Clean => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Abandoned => 3,
        })
    }
}
