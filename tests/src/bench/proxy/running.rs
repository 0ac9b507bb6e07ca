//! A server of the benchmark, on loopback, with what it prints kept in its directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::{processes, rest};

/// A running program. Dropping it ends it and its processes.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    console: PathBuf,
}

impl Running {
    /// Starts a program that stays in the foreground.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(command: &mut Command, dir: &Path) -> anyhow::Result<Self> {
        let console = dir.join("console.log");
        let output = File::create(&console).context("keep what a server prints")?;
        command.stdin(Stdio::null());
        command.stdout(output.try_clone()?).stderr(output);
        let program = command.get_program().to_owned();
        let child = command
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        Ok(Self { child, console })
    }

    /// Tries until `works`.
    ///
    /// # Errors
    /// When the program ends or does not work in time; with what it printed.
    pub(crate) fn until<T>(
        &mut self,
        mut works: impl FnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match works() {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let console = fs::read_to_string(&self.console).unwrap_or_default();
                bail!("{error:#}; ended: {ended:?}; it printed {console:?}");
            }
            rest(BETWEEN_ATTEMPTS);
        }
    }

    /// # Errors
    /// When the number is no pid.
    pub(crate) fn pid(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let pid = self.pid()?;
        kill(pid, Signal::SIGTERM)?;
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                for process in processes::tree(pid)? {
                    let _ = kill(process, Signal::SIGKILL);
                }
            }
            rest(BETWEEN_ATTEMPTS);
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A failure leaves nothing that could be done here.
        let _ = self.end();
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);
