//! How many files bootd itself may have open.
//!
//! bootd keeps the pipes of every program. The number of files that programs may open is theirs and
//! stays what it was: some size tables by it, and `select` knows no number above 1023.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The limits that bootd was started with, which its children get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileLimit {
    soft: rlim_t,
    hard: rlim_t,
}

impl FileLimit {
    /// Lets this process open as many files as it may, and remembers what it was started with.
    pub(crate) fn lift() -> nix::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        Ok(Self { soft, hard })
    }

    /// Puts the remembered limits back. Only for a child between fork and exec.
    pub(super) fn restore(self) -> nix::Result<()> {
        setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard)
    }
}

/// How many files this process may have open.
pub(crate) fn open_files() -> usize {
    let limits = getrlimit(Resource::RLIMIT_NOFILE);
    let soft = limits.map_or(FEWEST, |(soft, _)| soft);
    usize::try_from(soft).unwrap_or(usize::MAX)
}

/// What every Unix promises to allow is less; no system that runs containers has less than this.
const FEWEST: rlim_t = 256;
