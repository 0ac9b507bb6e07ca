//! The command line of `berth-sandbox`.
//!
//! | exit code | meaning |
//! |---|---|
//! | of init   | `run`: 128 + n when signal n ended it |
//! | of the program | `exec` |
//! | 0 | done |
//! | 1 | `check`: namespaces are not permitted; other commands: it failed |
//! | 2 | bad usage, or a host port is taken: nothing was started |
//! | 125 | the sandbox could not be made |

mod run;

use std::fmt::Display;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use nix::sys::signal::{Signal, kill};

use crate::checkout::Checkout;
use crate::namespaces::enter::{Terminal, Visit, enter};
use crate::namespaces::spec::Name;
use crate::namespaces::state::Seen;
use crate::namespaces::{complain, permission};
use crate::wait::poll;

/// Runs an instance in mount, pid, network, uts and ipc namespaces of its own, over a copy of this
/// machine's root. Nothing on the host changes.
#[derive(Debug, Parser)]
#[command(name = "berth-sandbox", version)]
struct Tool {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start a sandbox.
    Run(Box<run::Run>),
    /// Run a program in a running sandbox and pass its exit code on.
    Exec(Exec),
    /// End a sandbox: TERM to its init, KILL after the timeout. Says with which exit code it ended.
    Stop(Stop),
    /// List the sandboxes.
    List(States),
    /// Print the host's pid of a sandbox's init.
    Pid(Named),
    /// Say whether this machine permits sandboxes.
    Check,
}

#[derive(Debug, Args)]
struct States {
    /// Where the states of sandboxes are kept.
    #[arg(long, value_name = "DIR", default_value_os_t = Checkout::find().state_dir())]
    state_dir: PathBuf,
}

#[derive(Debug, Args)]
struct Named {
    /// The name of the sandbox.
    name: Name,
    #[command(flatten)]
    states: States,
}

#[derive(Debug, Args)]
struct Exec {
    #[command(flatten)]
    of: Named,
    /// Give the program a terminal.
    #[arg(long, short)]
    tty: bool,
    /// Run as this account of the sandbox.
    #[arg(long, short, value_name = "USER")]
    user: Option<String>,
    /// Set a variable; without =VALUE, take it from this environment.
    #[arg(long, short, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

#[derive(Debug, Args)]
struct Stop {
    #[command(flatten)]
    of: Named,
    /// Seconds from TERM to KILL.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
}

/// Reads the command line, does it, and maps the outcome to an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Tool::parse().verb {
        Verb::Run(run) => return run::run(*run),
        Verb::Exec(exec) => run_inside(exec),
        Verb::Stop(stop) => end(&stop),
        Verb::List(states) => list(&states),
        Verb::Pid(of) => print_pid(&of),
        Verb::Check => Ok(check()),
    };
    outcome.unwrap_or_else(|error| {
        complain(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

fn run_inside(exec: Exec) -> anyhow::Result<ExitCode> {
    let seen = exec.of.find()?;
    let visit = Visit {
        command: exec.command,
        user: exec.user,
        environment: variables(&exec.env)?,
        terminal: if exec.tty {
            Terminal::Own
        } else {
            Terminal::Inherited
        },
    };
    Ok(exit_code(enter(&seen, visit)?))
}

fn end(stop: &Stop) -> anyhow::Result<ExitCode> {
    let seen = stop.of.find()?;
    let mut code = seen.open_exit_code()?;
    let was_running = seen.is_running()?;
    if was_running {
        let init = seen.init_pid()?;
        let ended = |limit: Duration| {
            poll(limit, || {
                (!seen.is_running().unwrap_or(false)).then_some(())
            })
            .is_some()
        };
        // Init cannot be somebody else: its parent is alive and has not waited for it.
        kill(init, Signal::SIGTERM).context("signal init")?;
        if !ended(Duration::from_secs(stop.timeout)) {
            complain(&format!(
                "{} did not end in {} s; killing it",
                seen.name, stop.timeout
            ));
            let _ = kill(init, Signal::SIGKILL);
            anyhow::ensure!(ended(KILL_TIMEOUT), "{} survived KILL", seen.name);
        }
    }
    let mut text = String::new();
    code.read_to_string(&mut text)
        .context("read the exit code")?;
    let name = &seen.name;
    say(match (text.trim(), was_running) {
        ("", _) => format!("killed \"{name}\""),
        (code, true) => format!("stopped \"{name}\", exit code {code}"),
        (code, false) => format!("\"{name}\" had ended by itself, exit code {code}"),
    });
    seen.remove()?;
    Ok(ExitCode::SUCCESS)
}

fn list(states: &States) -> anyhow::Result<ExitCode> {
    for seen in Seen::all(&states.state_dir)? {
        let ports = seen.read("ports").lines().collect::<Vec<_>>().join(", ");
        let condition = if seen.is_running()? {
            format!("running\tinit {}", seen.read("init_pid"))
        } else {
            format!("ended\tcode {}", seen.read("exit_code"))
        };
        say(format!("{}\t{condition}\t{ports}", seen.name));
    }
    Ok(ExitCode::SUCCESS)
}

fn print_pid(of: &Named) -> anyhow::Result<ExitCode> {
    say(of.find()?.init_pid()?);
    Ok(ExitCode::SUCCESS)
}

fn check() -> ExitCode {
    match permission::check() {
        Ok(()) => {
            say("namespaces are permitted");
            ExitCode::SUCCESS
        }
        Err(refusal) => {
            say(permission::explain(&refusal));
            ExitCode::FAILURE
        }
    }
}

impl Named {
    fn find(&self) -> anyhow::Result<Seen> {
        Seen::find(&self.states.state_dir, &self.name)
    }
}

/// `NAME=VALUE` pairs; a bare NAME is taken from our own environment, which keeps a secret out of
/// the process list.
fn variables(given: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for text in given {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => match std::env::var(text) {
                Ok(value) => (text.as_str(), value),
                Err(std::env::VarError::NotPresent) => continue,
                Err(error) => return Err(error).with_context(|| format!("read variable {text}")),
            },
        };
        anyhow::ensure!(!name.is_empty(), "variable {text:?} has no name");
        pairs.push((name.to_owned(), value));
    }
    Ok(pairs)
}

fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn say(text: impl Display) {
    // With standard output gone nobody is left to tell.
    let _ = writeln!(std::io::stdout(), "{text}");
}

const KILL_TIMEOUT: Duration = Duration::from_secs(10);
