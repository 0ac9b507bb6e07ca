//! `berth-sandbox run`: from the command line to the end of init.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, bail};
use clap::Args;
use nix::fcntl::OFlag;
use nix::sys::signal::kill;
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid};

use super::{States, exit_code, say, variables};
use crate::checkout::Checkout;
use crate::namespaces::enter::set_all;
use crate::namespaces::launch::{END_AT_ONCE, launch, wait};
use crate::namespaces::publish::{self, Bound, Publisher};
use crate::namespaces::spec::{Bind, Name, Network, Privileges, Publish, Spec, Transfer};
use crate::namespaces::state::State;
use crate::namespaces::{complain, permission, system};

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Name and host name of the sandbox.
    #[arg(long)]
    name: Name,
    /// Directory that is copied over / inside.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Directory with the daemons, shown in /opt/berth/bin.
    #[arg(long, value_name = "DIR")]
    bin: Option<PathBuf>,
    /// Carry connections to a host port into the sandbox. Host port 0 takes a free one.
    #[arg(long, short, value_name = "[IP:]HOST_PORT:PORT")]
    publish: Vec<Publish>,
    /// Set a variable; without =VALUE, take it from this environment if it is there.
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Show a host path inside.
    #[arg(long, value_name = "SOURCE:TARGET[:ro]")]
    bind: Vec<Bind>,
    /// Copy a host file or directory to the inside.
    #[arg(long, value_name = "SOURCE:TARGET")]
    copy: Vec<Transfer>,
    /// Show a host directory inside; what is written to it stays inside and ends with the sandbox.
    #[arg(long, value_name = "SOURCE:TARGET")]
    overlay: Vec<Transfer>,
    /// Set VAST_TCP_PORT_N for each published port N, as the platform does.
    #[arg(long)]
    announce_ports: bool,
    /// Make one more host directory empty inside.
    #[arg(long, value_name = "DIR")]
    mask: Vec<PathBuf>,
    /// Which network the sandbox sees.
    #[arg(long, value_enum, default_value = "private")]
    net: Network,
    /// Keep all capabilities instead of those a container has.
    #[arg(long)]
    privileged: bool,
    #[command(flatten)]
    states: States,
    /// Return once init runs; its output goes to STATE_DIR/NAME/console.log.
    #[arg(long, short)]
    detach: bool,
    /// Once init runs, write its host pid to this file, then a line `HOST_ADDRESS PORT` for each
    /// published port.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Kill the sandbox when standard input ends.
    #[arg(long, conflicts_with = "detach")]
    hold_stdin: bool,
    /// What becomes init.
    #[arg(last = true, default_value = "/opt/instance-tools/bin/entrypoint.sh")]
    command: Vec<String>,
}

/// Everything of a sandbox that exists before it is started.
#[derive(Debug)]
struct Planned {
    spec: Spec,
    bound: Vec<Bound>,
    state: State,
    ready_file: Option<PathBuf>,
}

pub(super) fn run(run: Run) -> ExitCode {
    let bound = match publish::bind(&run.publish, run.net) {
        Ok(bound) => bound,
        Err(reason) => {
            complain(&reason);
            return ExitCode::from(BAD_REQUEST);
        }
    };
    let (detach, hold_stdin) = (run.detach, run.hold_stdin);
    let outcome = run.plan(bound).and_then(|planned| {
        if detach {
            run_detached(planned)
        } else {
            run_attached(planned, hold_stdin)
        }
    });
    match outcome {
        Ok(code) => exit_code(code),
        Err(error) => {
            // Where nothing could have worked, that is the news and not the step that failed.
            let refused = permission::check().map_err(|refusal| permission::explain(&refusal));
            complain(&refused.err().unwrap_or_else(|| format!("{error:#}")));
            ExitCode::from(NOT_MADE)
        }
    }
}

impl Run {
    fn plan(self, bound: Vec<Bound>) -> anyhow::Result<Planned> {
        let resolve = |dir: &PathBuf| {
            dir.canonicalize()
                .with_context(|| format!("find directory {}", dir.display()))
        };
        let overlay = self.root.as_ref().map(resolve).transpose()?;
        let bin_dir = self.bin.as_ref().map(resolve).transpose()?;
        let mut masked = self
            .mask
            .iter()
            .map(resolve)
            .collect::<anyhow::Result<Vec<_>>>()?;
        masked.push(Checkout::find().top().to_owned());
        masked.extend(overlay.as_deref().and_then(checkout_around));
        let state = State::claim(&self.states.state_dir, &self.name)?;
        masked.push(self.states.state_dir);
        let mut environment: Vec<(String, String)> = ENVIRONMENT
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut given = variables(&self.env)?;
        if self.announce_ports {
            given.extend(bound.iter().map(announcement));
        }
        set_all(&mut environment, given);
        let spec = Spec {
            name: self.name,
            overlay,
            bin_dir,
            environment,
            binds: self.bind,
            copies: self.copy,
            overlays: self.overlay,
            network: self.net,
            privileges: if self.privileged {
                Privileges::Full
            } else {
                Privileges::Container
            },
            masked,
            command: self.command,
        };
        Ok(Planned {
            spec,
            bound,
            state,
            ready_file: self.ready_file,
        })
    }
}

/// Runs in the foreground, and leaves nothing.
fn run_attached(mut planned: Planned, hold_stdin: bool) -> anyhow::Result<i32> {
    let outcome = planned.start().and_then(|(init, publisher)| {
        if hold_stdin {
            end_with_stdin()?;
        }
        let code = wait(init)?;
        planned.state.record("exit_code", &code.to_string())?;
        drop(publisher);
        Ok(code)
    });
    planned.state.remove();
    outcome
}

/// Runs in a process of its own; this one returns when init runs.
fn run_detached(mut planned: Planned) -> anyhow::Result<i32> {
    let (answer, mut report) = {
        let (read, write) = pipe2(OFlag::O_CLOEXEC).context("make a pipe")?;
        (File::from(read), File::from(write))
    };
    match system::fork().context("fork")? {
        ForkResult::Parent { .. } => {
            drop(report);
            let mut text = String::new();
            { answer }
                .read_to_string(&mut text)
                .context("hear from the sandbox")?;
            match text.strip_suffix(STARTED) {
                Some(_) => {
                    say(&planned.spec.name);
                    Ok(0)
                }
                None if text.is_empty() => bail!("the sandbox died while it started"),
                None => bail!("{text}"),
            }
        }
        ForkResult::Child => {
            let outcome = leave_terminal(&planned.state).and_then(|()| planned.start());
            match outcome {
                Ok((init, publisher)) => {
                    let _ = report.write_all(STARTED.as_bytes());
                    drop(report);
                    if let Ok(code) = wait(init) {
                        let _ = planned.state.record("exit_code", &code.to_string());
                    }
                    drop(publisher);
                }
                Err(error) => {
                    let _ = write!(report, "{error:#}");
                    planned.state.remove();
                }
            }
            system::exit_now(0)
        }
    }
}

fn leave_terminal(state: &State) -> anyhow::Result<()> {
    setsid().context("start a session")?;
    let path = state.console();
    let console = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("create {}", path.display()))?;
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(&console)?;
    dup2_stderr(&console)?;
    Ok(())
}

impl Planned {
    fn start(&mut self) -> anyhow::Result<(Pid, Publisher)> {
        let ports: Vec<String> = self
            .bound
            .iter()
            .map(|Bound { host, inside, .. }| format!("{host} {inside}"))
            .collect();
        let ports = ports.join("\n");
        self.state.record("ports", &ports)?;
        match self.spec.privileges {
            Privileges::Container => {}
            Privileges::Full => self.state.record("privileges", "full")?,
        }
        let launched = launch(&self.spec, &self.state.mount_point())?;
        let publisher = Publisher::start(mem::take(&mut self.bound), launched.network)?;
        let init = launched.init.to_string();
        self.state.record("init_pid", &init)?;
        if let Some(path) = &self.ready_file {
            publish_file(path, &format!("{init}\n{ports}"))?;
        }
        Ok((launched.init, publisher))
    }
}

/// The variable that tells an instance from where one of its ports is reached.
fn announcement(bound: &Bound) -> (String, String) {
    (
        format!("VAST_TCP_PORT_{}", bound.inside),
        bound.host.port().to_string(),
    )
}

/// A reader sees the whole file or none.
fn publish_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    fs::write(&partial, format!("{text}\n"))
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("write {}", path.display()))
}

/// Ends the sandbox when whoever started us is gone, however that happened.
fn end_with_stdin() -> anyhow::Result<()> {
    let watch = || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = kill(Pid::this(), END_AT_ONCE);
    };
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(watch)
        .map(drop)
        .context("watch standard input")
}

/// The checkout that an overlay directory belongs to, which an instance must not see.
fn checkout_around(overlay: &Path) -> Option<PathBuf> {
    overlay
        .parent()
        .filter(|top| top.join("Cargo.toml").is_file())
        .map(Path::to_owned)
}

/// What a container runtime would set. `entrypoint.sh` is found on this path.
const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "PATH",
        "/opt/instance-tools/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
    ("TERM", "xterm-256color"),
];

const BAD_REQUEST: u8 = 2;
const NOT_MADE: u8 = 125;
const STARTED: &str = "started";
