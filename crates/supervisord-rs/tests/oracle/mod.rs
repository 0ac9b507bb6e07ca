//! The real program beside ours: both started on the same files, asked the same things, and their
//! answers compared. Differences that are wanted stand with their reasons in `allowed.toml`.

pub(crate) mod allowed;
pub(crate) mod client;
pub(crate) mod server;

use std::path::{Path, PathBuf};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Original,
    Ours,
}

impl Which {
    /// The path of one of its programs.
    pub(crate) fn program(self, name: &str) -> PathBuf {
        match (self, name) {
            (Self::Original, name) => venv(name),
            (Self::Ours, "supervisord") => env!("CARGO_BIN_EXE_supervisord").into(),
            (Self::Ours, _) => env!("CARGO_BIN_EXE_supervisorctl").into(),
        }
    }
}

/// A program of the Python environment the original is installed in.
pub(crate) fn venv(name: &str) -> PathBuf {
    let venv = std::env::var_os("BERTH_TEST_VENV").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/venv-test"),
        PathBuf::from,
    );
    let path = venv.join("bin").join(name);
    assert!(
        path.exists(),
        "{} is missing; run `make venv`",
        path.display()
    );
    path
}
