//! A sandbox for a test: started, looked into, and gone when dropped.
//!
//! Drives the `berth-sandbox` program, because a test is multi-threaded and must not fork. That
//! program watches its standard input, so a killed test takes its sandboxes along.

mod builder;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use self::builder::Builder;
use crate::checkout::{Checkout, program};
use crate::namespaces::complain;
use crate::wait::poll;

/// A running sandbox. Dropping it kills everything inside.
///
/// When the test panics, the end of the console is printed and the whole of it kept as a file.
#[derive(Debug)]
pub struct Sandbox {
    name: String,
    outer: Child,
    init: Pid,
    ports: BTreeMap<u16, u16>,
    console: PathBuf,
}

/// What a program run inside has left.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Sandbox {
    /// Describes a sandbox with this checkout's `ROOT/` and built daemons, and `entrypoint.sh` as
    /// its command. Its name is `prefix` and a number.
    #[must_use]
    pub fn builder(prefix: &str) -> Builder {
        Builder::new(prefix)
    }

    /// The name, which is also the host name inside.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's loopback port that leads to `inside`.
    ///
    /// # Panics
    /// When `inside` was not published.
    #[must_use]
    #[track_caller]
    pub fn host_port(&self, inside: u16) -> u16 {
        match self.ports.get(&inside) {
            Some(port) => *port,
            None => panic!("port {inside} of {} is not published", self.name),
        }
    }

    /// The host's pid of PID 1.
    #[must_use]
    pub fn init_pid(&self) -> i32 {
        self.init.as_raw()
    }

    /// Runs a program inside as root, with the environment of PID 1, and waits for it.
    ///
    /// # Errors
    /// When it could not be started from here; a program that is missing inside is exit code 126.
    pub fn exec<S: AsRef<OsStr>>(&self, command: &[S]) -> anyhow::Result<Output> {
        output(self.exec_command(None).args(command))
    }

    /// Like [`Sandbox::exec`], as another account.
    ///
    /// # Errors
    /// When it could not be started from here.
    pub fn exec_as<S: AsRef<OsStr>>(&self, user: &str, command: &[S]) -> anyhow::Result<Output> {
        output(self.exec_command(Some(user)).args(command))
    }

    /// A host command that runs inside whatever is appended to its arguments. For programs that
    /// need standard input, or that are left running.
    ///
    /// # Panics
    /// When `berth-sandbox` has vanished since the start.
    #[must_use]
    pub fn exec_command(&self, user: Option<&str>) -> Command {
        let tool = program("berth-sandbox").expect("it started this sandbox");
        let mut command = Command::new(tool);
        command
            .args(["exec", &self.name, "--state-dir"])
            .arg(Checkout::find().state_dir());
        command
            .args(user.map(|user| format!("--user={user}")))
            .arg("--");
        command
    }

    /// Sends a signal to PID 1.
    ///
    /// # Errors
    /// When the sandbox has ended and has been waited for.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill(self.init, signal).with_context(|| format!("send {signal} to init of {}", self.name))
    }

    /// Asks PID 1 to end, as a container runtime does.
    ///
    /// # Errors
    /// When the sandbox has ended and has been waited for.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Waits for the end of PID 1. The code is 128 + n when signal n ended it.
    ///
    /// # Errors
    /// When it has not ended within `timeout`.
    pub fn wait_exit(&mut self, timeout: Duration) -> anyhow::Result<ExitStatus> {
        let outer = &mut self.outer;
        let ended = poll(timeout, || outer.try_wait().transpose());
        match ended {
            Some(status) => status.context("wait for the sandbox"),
            None => bail!("the sandbox {} has not ended in {timeout:?}", self.name),
        }
    }

    /// All that PID 1 and its children wrote to their inherited outputs so far.
    #[must_use]
    pub fn console(&self) -> String {
        read_lossy(&self.console)
    }

    /// Whether the console shows `text`.
    #[must_use]
    pub fn console_contains(&self, text: &str) -> bool {
        self.console().contains(text)
    }

    /// The host's pid of the process that owns the sandbox. Killing it kills everything inside.
    #[must_use]
    pub fn outer_pid(&self) -> u32 {
        self.outer.id()
    }
}

impl Output {
    /// Whether the exit code is 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// The exit code: 128 + n when signal n ended the program.
    #[must_use]
    pub fn code(&self) -> i32 {
        let signalled = || self.status.signal().map(|signal| 128 + signal);
        self.status.code().or_else(signalled).unwrap_or(-1)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // At the end of its input it kills init, waits for the last process inside, and clears up.
        drop(self.outer.stdin.take());
        let outer = &mut self.outer;
        if poll(DROP_TIMEOUT, || outer.try_wait().transpose()).is_none() {
            let _ = self.outer.kill();
            let _ = self.outer.wait();
        }
        if std::thread::panicking() {
            report(&self.console);
        } else {
            let _ = fs::remove_file(&self.console);
        }
    }
}

impl Sandbox {
    /// Takes over a tool that was just spawned, and waits until init runs.
    fn adopt(name: String, outer: Child, console: PathBuf, ready: &Path) -> anyhow::Result<Self> {
        // From here on dropping it cleans up.
        let mut sandbox = Self {
            name,
            outer,
            init: Pid::from_raw(0),
            ports: BTreeMap::new(),
            console,
        };
        sandbox.wait_ready(ready)?;
        Ok(sandbox)
    }

    fn wait_ready(&mut self, ready: &Path) -> anyhow::Result<()> {
        let outer = &mut self.outer;
        let outcome = poll(START_TIMEOUT, || match fs::read_to_string(ready) {
            Ok(pid) => Some(Ok(pid)),
            Err(_) => outer.try_wait().transpose().map(Err),
        });
        let text = match outcome {
            Some(Ok(text)) => text,
            // It may have come and gone between the two looks.
            Some(Err(_)) => match fs::read_to_string(ready) {
                Ok(text) => text,
                Err(_) => bail!("the sandbox was not made: {}", self.console().trim()),
            },
            None => bail!("the sandbox did not start in {START_TIMEOUT:?}"),
        };
        let (init, ports) = text.split_once('\n').context("the ready file is empty")?;
        self.init = Pid::from_raw(init.parse().context("read the pid of init")?);
        for line in ports.lines() {
            if let Some((host, inside)) = line.split_once(' ') {
                let host: SocketAddr = host.parse().context("read a published address")?;
                self.ports
                    .insert(inside.parse().context("read a port")?, host.port());
            }
        }
        Ok(())
    }
}

fn output(command: &mut Command) -> anyhow::Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("run berth-sandbox exec")?;
    Ok(Output {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Tells a failed test's reader what the sandbox said last.
fn report(console: &Path) {
    let text = read_lossy(console);
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(TAIL)..)
        .unwrap_or_default()
        .join("\n");
    complain(&format!(
        "console (all of it in {}):\n{tail}",
        console.display()
    ));
}

fn read_lossy(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

const DROP_TIMEOUT: Duration = Duration::from_secs(10);

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Lines of the console shown when a test fails.
const TAIL: usize = 60;
