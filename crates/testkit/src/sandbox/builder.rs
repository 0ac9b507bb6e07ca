//! What a test's sandbox shall be made of, and its start. Builds one command line and spawns it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use tempfile::TempDir;

use super::Sandbox;
use crate::checkout::{Checkout, program};

/// What a sandbox shall be made of. See [`Sandbox::builder`].
#[derive(Debug)]
pub struct Builder {
    prefix: String,
    arguments: Vec<String>,
    command: Vec<String>,
    bin_dir: PathBuf,
    stack: Stack,
    files: Vec<Planted>,
}

/// Whether `ROOT/` and the daemons are inside.
#[derive(Debug, Clone, Copy)]
enum Stack {
    Installed,
    Absent,
}

/// A small file to be put inside.
#[derive(Debug)]
struct Planted {
    target: PathBuf,
    text: String,
    mode: u32,
}

impl Builder {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            arguments: Vec::new(),
            command: Vec::new(),
            bin_dir: Checkout::find().bin_dir(),
            stack: Stack::Installed,
            files: Vec::new(),
        }
    }

    /// Sets a variable of PID 1.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.arguments(["--env", &format!("{name}={value}")])
    }

    /// Publishes a TCP port on a free port of the host's loopback.
    #[must_use]
    pub fn publish(self, inside: u16) -> Self {
        self.arguments(["--publish", &format!("127.0.0.1:0:{inside}")])
    }

    /// Tells the instance from which host port each published port is reached, in the variables
    /// that the platform sets.
    #[must_use]
    pub fn map_ports_like_a_platform(self) -> Self {
        self.arguments(["--announce-ports"])
    }

    /// Shows a host path inside, writable.
    #[must_use]
    pub fn bind(self, source: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        self.arguments(["--bind", &pair(source.as_ref(), target.as_ref())])
    }

    /// Shows a host path inside, read-only.
    #[must_use]
    pub fn bind_read_only(self, source: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        self.arguments(["--bind", &(pair(source.as_ref(), target.as_ref()) + ":ro")])
    }

    /// Shows a host directory inside; what is written to it stays inside.
    #[must_use]
    pub fn overlay(self, source: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        self.arguments(["--overlay", &pair(source.as_ref(), target.as_ref())])
    }

    /// Copies a host file or directory to the inside, owned by root.
    #[must_use]
    pub fn copy(self, source: impl AsRef<Path>, target: impl AsRef<Path>) -> Self {
        self.arguments(["--copy", &pair(source.as_ref(), target.as_ref())])
    }

    /// Puts a file with this text inside, over what `ROOT/` has at that path.
    #[must_use]
    pub fn file(mut self, target: impl AsRef<Path>, text: &str, executable: bool) -> Self {
        let mode = if executable { 0o755 } else { 0o644 };
        let (target, text) = (target.as_ref().to_owned(), text.to_owned());
        self.files.push(Planted { target, text, mode });
        self
    }

    /// Takes the daemons from another directory.
    #[must_use]
    pub fn bin_dir(mut self, dir: impl AsRef<Path>) -> Self {
        dir.as_ref().clone_into(&mut self.bin_dir);
        self
    }

    /// Leaves `ROOT/` and the daemons out: a bare machine.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.stack = Stack::Absent;
        self
    }

    /// Runs something else than `entrypoint.sh` as PID 1.
    #[must_use]
    pub fn command(mut self, command: &[&str]) -> Self {
        self.command = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Starts the sandbox; returns when PID 1 runs its command.
    ///
    /// # Errors
    /// When it cannot be made, with the reason the tool gave.
    pub fn start(self) -> anyhow::Result<Sandbox> {
        let consoles = Checkout::find().target().join("sandbox-consoles");
        fs::create_dir_all(&consoles).with_context(|| format!("create {}", consoles.display()))?;
        let name = unique(&self.prefix);
        let console = consoles.join(format!("{name}.log"));
        let output = File::create(&console).context("create the console")?;
        let ready = consoles.join(format!("{name}.ready"));
        // One of that name may be left of a killed test whose pid is ours again.
        let _ = fs::remove_file(&ready);
        // The planted files are copied before the sandbox is ready.
        let planted = TempDir::with_prefix("berth-planted-").context("make a directory")?;
        let outer = self
            .to_command(&name, &ready, planted.path())?
            .stdin(Stdio::piped())
            .stdout(output.try_clone().context("share the console")?)
            .stderr(output)
            .spawn()
            .context("start berth-sandbox")?;
        let sandbox = Sandbox::adopt(name, outer, console, &ready);
        let _ = fs::remove_file(&ready);
        sandbox
    }

    fn to_command(&self, name: &str, ready: &Path, planted: &Path) -> anyhow::Result<Command> {
        let checkout = Checkout::find();
        let mut command = Command::new(program("berth-sandbox")?);
        command.args(["run", "--hold-stdin", "--name", name]);
        command.arg("--ready-file").arg(ready);
        command.arg("--state-dir").arg(checkout.state_dir());
        match self.stack {
            Stack::Installed => {
                command.arg("--root").arg(checkout.overlay());
                command.arg("--bin").arg(&self.bin_dir);
            }
            Stack::Absent => {}
        }
        command.args(&self.arguments);
        for (number, file) in self.files.iter().enumerate() {
            let source = planted.join(number.to_string());
            fs::write(&source, &file.text)
                .and_then(|()| fs::set_permissions(&source, fs::Permissions::from_mode(file.mode)))
                .with_context(|| format!("prepare {}", file.target.display()))?;
            command.arg("--copy").arg(pair(&source, &file.target));
        }
        if !self.command.is_empty() {
            command.arg("--").args(&self.command);
        }
        Ok(command)
    }

    fn arguments<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(str::to_owned));
        self
    }
}

fn pair(source: &Path, target: &Path) -> String {
    format!("{}:{}", source.display(), target.display())
}

/// Tests run at the same time in processes of their own.
fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}-{}-{count}", std::process::id())
}
