//! Where this checkout keeps what a sandbox is made of. Reads paths only, never creates them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The checkout the running program was built from.
#[derive(Debug, Clone)]
pub struct Checkout {
    top: PathBuf,
}

impl Checkout {
    /// Finds the checkout that this crate was compiled in.
    #[must_use]
    pub fn find() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        // crates/testkit is two levels below the top.
        let top = here.ancestors().nth(2).unwrap_or(here);
        Self {
            top: top.to_owned(),
        }
    }

    /// The top directory.
    #[must_use]
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The overlay that is copied to `/` of an instance.
    #[must_use]
    pub fn overlay(&self) -> PathBuf {
        self.top.join("ROOT")
    }

    /// What builds leave.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.top.join("target")
    }

    /// The Python environment of the programs that judge ours (`tests/requirements.txt`), or what
    /// `BERTH_TEST_VENV` names.
    #[must_use]
    pub fn venv(&self) -> PathBuf {
        let named = std::env::var_os("BERTH_TEST_VENV");
        named.map_or_else(|| self.target().join("venv-test"), PathBuf::from)
    }

    /// The default directory of sandbox states.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.target().join("sandbox")
    }

    /// The directory with the daemons to test: `BERTH_BIN_DIR`, else the release build when it has
    /// a bootd, else the debug build.
    #[must_use]
    pub fn bin_dir(&self) -> PathBuf {
        // Read here and not in a `main`, because a test has none of its own.
        if let Some(dir) = std::env::var_os("BERTH_BIN_DIR") {
            return dir.into();
        }
        let release = self.top.join("target/release");
        if release.join("bootd").exists() {
            release
        } else {
            self.top.join("target/debug")
        }
    }
}

/// A program of the Python environment that the tests need.
///
/// # Panics
/// When it is not there; the message says how to get it.
pub fn venv_program(name: &str) -> PathBuf {
    let path = Checkout::find().venv().join("bin").join(name);
    let shown = path.display();
    assert!(path.exists(), "{shown} is missing; run `make venv`");
    path
}

/// The path of a program of this crate (`berth-sandbox` or `actor`).
///
/// Looks beside the running test first, so a debug test uses the debug program.
///
/// # Errors
/// When it has not been built; the message names the command that builds it.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let running = std::env::current_exe().context("find the running program")?;
    let checkout = Checkout::find();
    let beside = running.ancestors().skip(1).take(2).map(Path::to_owned);
    let places = beside.chain([checkout.bin_dir(), checkout.top().join("target/debug")]);
    for place in places {
        let candidate = place.join(name);
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!("the program {name} is not built; run `cargo build -p testkit --bins`")
}
