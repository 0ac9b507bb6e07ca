//! A whole stack in a sandbox of its own, started and asked from outside.
//!
//! Ours and the peer differ only in what is copied to `/`; the tool, the environment, the client
//! and the clock are the same.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::https::{Client, Credential};
use super::rest;

/// What a sandbox is filled with.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// Copied over `/`.
    pub(crate) overlay: PathBuf,
    /// Where the daemons are.
    pub(crate) programs: PathBuf,
    /// Host directories that are visible inside, read-only.
    pub(crate) binds: Vec<(PathBuf, &'static str)>,
}

/// A running stack. Dropping it ends every process in it.
#[derive(Debug)]
pub(crate) struct Stack {
    outer: Child,
    address: SocketAddr,
    init_pid_file: PathBuf,
    /// Holds the console and the sandbox's state.
    dir: TempDir,
}

impl Stack {
    /// Starts the sandbox; returns at once.
    ///
    /// # Errors
    /// When the sandbox tool cannot be started.
    pub(crate) fn start(recipe: &Recipe) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("berth-bench-").tempdir()?;
        let name = format!("bench-{}-{}", recipe.name, std::process::id());
        let port = testkit::free_port();
        let console = File::create(dir.path().join(CONSOLE))?;
        let mut command = Command::new(testkit::program("berth-sandbox")?);
        command.args(["run", "--name", &name]);
        command.arg("--root").arg(&recipe.overlay);
        command.arg("--bin").arg(&recipe.programs);
        command.arg("--state-dir").arg(dir.path().join("state"));
        // An interrupted benchmark takes its sandbox along: the pipe ends with this process.
        command.arg("--hold-stdin").stdin(Stdio::piped());
        command.args(["--publish", &format!("127.0.0.1:{port}:1111")]);
        for (source, target) in &recipe.binds {
            command
                .arg("--bind")
                .arg(format!("{}:{target}:ro", source.display()));
        }
        for (key, value) in environment(port) {
            command.args(["--env", &format!("{key}={value}")]);
        }
        command.args(["--", "/bin/bash", "-c", STAMP_AND_EXEC, ENTRYPOINT]);
        command.stdout(console.try_clone()?).stderr(console);
        let init_pid_file = dir.path().join("state").join(&name).join("init_pid");
        let outer = command.spawn().context("start berth-sandbox")?;
        Ok(Self {
            outer,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            init_pid_file,
            dir,
        })
    }

    /// Asks until the portal answers 200 to the token; the time since PID 1 became the entrypoint.
    ///
    /// # Errors
    /// When that does not happen within a minute, or the page is open without the token.
    pub(crate) fn first_answer(&mut self, client: &Client) -> anyhow::Result<Duration> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::from("nothing was tried");
        while Instant::now() < deadline {
            match client.status(self.address, Credential::Bearer(TOKEN)) {
                Ok(200) => {
                    let answered = SystemTime::now().duration_since(UNIX_EPOCH)?;
                    self.refuses_strangers(client)?;
                    return answered
                        .checked_sub(self.started()?)
                        .context("the answer is older than the start");
                }
                Ok(status) => last = format!("status {status}"),
                Err(error) => last = format!("{error:#}"),
            }
            if let Some(status) = self.outer.try_wait()? {
                bail!("the sandbox ended with {status}: {}", self.console_end());
            }
            rest(BETWEEN_ATTEMPTS);
        }
        bail!(
            "no 200 within {PATIENCE:?}, last: {last}; console: {}",
            self.console_end()
        )
    }

    /// The pid of the stack's PID 1 as the host sees it.
    ///
    /// # Errors
    /// When the sandbox did not leave it.
    pub(crate) fn init(&self) -> anyhow::Result<Pid> {
        let text = fs::read_to_string(&self.init_pid_file)
            .with_context(|| format!("read {}", self.init_pid_file.display()))?;
        let pid = text
            .trim()
            .parse()
            .with_context(|| format!("read the pid {text:?}"))?;
        Ok(Pid::from_raw(pid))
    }

    /// A stack that lets anybody in answers sooner, and is no comparison.
    fn refuses_strangers(&self, client: &Client) -> anyhow::Result<()> {
        let status = client.status(self.address, Credential::Nothing)?;
        ensure!(
            status == 401,
            "the portal answers {status} without a token, instead of 401"
        );
        Ok(())
    }

    /// When PID 1 became the entrypoint, as noted by the shell that did the exec.
    fn started(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/root{STAMP}", self.init()?);
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let seconds = text.trim().replace(',', ".").parse::<f64>();
        let seconds = seconds.with_context(|| format!("read the time {text:?}"))?;
        Ok(Duration::try_from_secs_f64(seconds)?)
    }

    fn console_end(&self) -> String {
        end_of(&self.dir.path().join(CONSOLE))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let init = self.init();
        // The kernel ends everything inside with the outer process. Both calls fail only when it
        // is gone already.
        let _ = self.outer.kill();
        let _ = self.outer.wait();
        let Ok(init) = init else { return };
        let gone = || !Path::new(&format!("/proc/{init}")).exists();
        let deadline = Instant::now() + PATIENCE;
        // The next stack must not share the machine with the last of this one.
        while !gone() && Instant::now() < deadline {
            rest(BETWEEN_ATTEMPTS);
        }
    }
}

/// The same for both stacks.
fn environment(port: u16) -> Vec<(&'static str, String)> {
    let apps = [
        "localhost:1111:11111:/:Instance Portal",
        "localhost:8080:18080:/:Jupyter",
        "localhost:8188:18188:/:ComfyUI",
        "localhost:6006:16006:/:TensorBoard",
    ];
    vec![
        ("CONTAINER_ID", "1".to_owned()),
        ("VAST_CONTAINERLABEL", "C.1".to_owned()),
        ("PUBLIC_IPADDR", "127.0.0.1".to_owned()),
        ("VAST_TCP_PORT_1111", port.to_string()),
        ("VAST_TCP_PORT_8080", "8080".to_owned()),
        ("VAST_TCP_PORT_8188", "8188".to_owned()),
        ("VAST_TCP_PORT_6006", "6006".to_owned()),
        ("OPEN_BUTTON_TOKEN", TOKEN.to_owned()),
        ("ENABLE_HTTPS", "true".to_owned()),
        ("PORTAL_CONFIG", apps.join("|")),
        ("LANG", "C.UTF-8".to_owned()),
    ]
}

fn end_of(console: &Path) -> String {
    let text = fs::read(console).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

const ENTRYPOINT: &str = "/opt/instance-tools/bin/entrypoint.sh";
const STAMP: &str = "/tmp/.bench-started";
/// Notes the time with no further process, then becomes the entrypoint.
const STAMP_AND_EXEC: &str = "echo $EPOCHREALTIME >/tmp/.bench-started; exec \"$0\"";
/// Not a secret: it opens a sandbox that lives for seconds.
const TOKEN: &str = "bench-4f1c9a7e2b6d8035";
const CONSOLE: &str = "console.log";
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(2);
