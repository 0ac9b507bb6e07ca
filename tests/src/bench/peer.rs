//! The peers' programs: a Python environment with pinned versions (tests/requirements.txt).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use testkit::Checkout;

/// The environment `target/venv-test`, or what `BERTH_TEST_VENV` names.
#[derive(Debug)]
pub(crate) struct Venv {
    dir: PathBuf,
}

impl Venv {
    /// # Errors
    /// When it has not been created; the message says how to.
    pub(crate) fn find(checkout: &Checkout) -> anyhow::Result<Self> {
        let venv = Self {
            dir: checkout.venv(),
        };
        for program in ["python3", "supervisord", "caddy", "uvicorn"] {
            ensure!(
                venv.program(program).exists(),
                "{} is missing; run `/usr/bin/python3 -m venv {1} && {1}/bin/pip install -r \
                 tests/requirements.txt`",
                venv.program(program).display(),
                venv.dir.display(),
            );
        }
        Ok(venv)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn program(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.dir.join("bin").join(Path::new(name.as_ref()))
    }

    /// The installed version of a package.
    ///
    /// # Errors
    /// When the package is not installed.
    pub(crate) fn version(&self, package: &str) -> anyhow::Result<String> {
        let script =
            "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))";
        let output = Command::new(self.program("python3"))
            .args(["-c", script, package])
            .output()
            .context("ask Python for the version of a package")?;
        ensure!(
            output.status.success(),
            "package {package} is not in {}",
            self.dir.display()
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
