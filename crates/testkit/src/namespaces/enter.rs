//! Running a program inside a sandbox that is running, as `docker exec` does.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::OwnedFd;

use anyhow::Context;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, Pid, User, initgroups, setgid, setuid};

use super::init::{Command, drop_privileges};
use super::launch::exit_code;
use super::spec::Privileges;
use super::state::Seen;
use super::{system, terminal};

/// A program to run inside.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) command: Vec<String>,
    pub(crate) user: Option<String>,
    /// Set in the environment, which is that of init.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) terminal: Terminal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terminal {
    /// Standard input and outputs as they are.
    Inherited,
    /// A terminal of the sandbox's own.
    Own,
}

/// Runs the program and returns its exit code: 128 + n for signal n. The caller must be
/// single-threaded.
pub(crate) fn enter(seen: &Seen, visit: Visit) -> anyhow::Result<i32> {
    let init = seen.init_pid()?;
    let mut environment = environment_of(init)?;
    set_all(&mut environment, visit.environment);
    let privileges = if seen.read("privileges") == "full" {
        Privileges::Full
    } else {
        Privileges::Container
    };
    join(init)?;
    // All paths and accounts below are the sandbox's.
    let user = visit.user.as_deref().map(find_user).transpose()?;
    if let Some(user) = &user {
        describe(user, &mut environment);
    }
    let command = Command::resolve(&visit.command, &environment)?;
    handled_signals().thread_block().context("block signals")?;
    system::notice_children();
    match visit.terminal {
        Terminal::Inherited => {
            let child = spawn(command, user, privileges, None)?;
            wait(child)
        }
        Terminal::Own => {
            let (ours, theirs) = terminal::open()?;
            let child = spawn(command, user, privileges, Some(theirs))?;
            terminal::relay(&ours, child)
        }
    }
}

fn environment_of(init: Pid) -> anyhow::Result<Vec<(String, String)>> {
    let path = format!("/proc/{init}/environ");
    let bytes = fs::read(&path).with_context(|| format!("read {path}"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    Ok(pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect())
}

/// Moves into the namespaces of init; that of pids counts for children only.
fn join(init: Pid) -> anyhow::Result<()> {
    let mut opened = Vec::new();
    for (file, kind) in [
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("ipc", CloneFlags::CLONE_NEWIPC),
        ("net", CloneFlags::CLONE_NEWNET),
        ("pid", CloneFlags::CLONE_NEWPID),
        ("mnt", CloneFlags::CLONE_NEWNS),
    ] {
        let path = format!("/proc/{init}/ns/{file}");
        opened.push((
            File::open(&path).with_context(|| format!("open {path}"))?,
            kind,
            file,
        ));
    }
    for (namespace, kind, name) in opened {
        setns(&namespace, kind).with_context(|| format!("enter the {name} namespace"))?;
    }
    std::env::set_current_dir("/").context("enter the root directory")
}

fn find_user(name: &str) -> anyhow::Result<User> {
    User::from_name(name)
        .with_context(|| format!("look up the user {name}"))?
        .with_context(|| format!("the sandbox has no user {name}"))
}

fn describe(user: &User, environment: &mut Vec<(String, String)>) {
    let home = user.dir.display().to_string();
    let shell = user.shell.display().to_string();
    let ours = [
        ("HOME", home),
        ("USER", user.name.clone()),
        ("LOGNAME", user.name.clone()),
        ("SHELL", shell),
    ];
    set_all(
        environment,
        ours.map(|(key, value)| (key.to_owned(), value)),
    );
}

/// Sets variables in the place of those of the same name: of two, programs differ in which they take.
pub(crate) fn set_all(
    environment: &mut Vec<(String, String)>,
    pairs: impl IntoIterator<Item = (String, String)>,
) {
    for (name, value) in pairs {
        environment.retain(|(key, _)| *key != name);
        environment.push((name, value));
    }
}

fn spawn(
    command: Command,
    user: Option<User>,
    privileges: Privileges,
    terminal: Option<OwnedFd>,
) -> anyhow::Result<Pid> {
    match system::fork().context("fork")? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let become_it = || {
                if let Some(terminal) = terminal {
                    terminal::adopt(&terminal)?;
                }
                umask(Mode::from_bits_truncate(0o022));
                drop_privileges(privileges)?;
                if let Some(user) = user {
                    become_user(&user)?;
                }
                // Last, because a change of user clears it.
                set_pdeathsig(Signal::SIGKILL).context("tie the program to us")?;
                command.exec()
            };
            let Err(error) = become_it();
            super::complain(&format!("{error:#}"));
            system::exit_now(126)
        }
    }
}

fn become_user(user: &User) -> anyhow::Result<()> {
    let name = CString::new(user.name.as_str())?;
    initgroups(&name, user.gid).context("take the groups")?;
    setgid(user.gid).context("take the group")?;
    setuid(user.uid).context("take the user")
}

/// INT and QUIT reach the program from the terminal, as it shares our process group.
fn wait(child: Pid) -> anyhow::Result<i32> {
    loop {
        let signal = handled_signals().wait().context("wait for a signal")?;
        if signal == Signal::SIGCHLD {
            if let Some(code) = exit_code(child)? {
                return Ok(code);
            }
        } else if signal == Signal::SIGTERM || signal == Signal::SIGHUP {
            let _ = kill(child, signal);
        }
    }
}

pub(super) fn handled_signals() -> SigSet {
    [
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGCHLD,
        Signal::SIGWINCH,
    ]
    .into_iter()
    .collect()
}
