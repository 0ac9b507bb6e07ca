//! Creating a process.

use std::{
    collections::BTreeMap, ffi::CString, io, os::fd::OwnedFd, path::PathBuf, process::Stdio,
};

use nix::unistd::{Gid, Uid, getgrouplist, setgid, setgroups, setuid};
use thiserror::Error;
use tokio::{
    net::unix::pipe,
    process::{Child, Command},
};

use super::command::{CommandError, resolve};
use crate::config::{ProgramConfig, User};

/// Everything a process is created from.
#[derive(Debug)]
pub(crate) struct Blueprint<'a> {
    pub(crate) config: &'a ProgramConfig,
    /// The whole environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Directories in which the program is looked for.
    pub(crate) search: &'a str,
}

/// A process that was just created.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) child: Child,
    pub(crate) pid: i32,
    pub(crate) stdin: pipe::Sender,
    pub(crate) stdout: pipe::Receiver,
    /// Absent where stderr goes into stdout's pipe.
    pub(crate) stderr: Option<pipe::Receiver>,
}

/// Why a process was not created.
#[derive(Debug, Error)]
pub(crate) enum SpawnError {
    /// There is nothing to execute.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Its pipes could not be made.
    #[error("unknown error making dispatchers for '{name}': {source}")]
    Pipes {
        /// Name of the program.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused the process.
    #[error("couldn't exec {}: {source}", path.display())]
    Exec {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Creates the process: a process group of its own, its pipes, and nothing else of ours.
pub(crate) fn spawn(blueprint: &Blueprint<'_>) -> Result<Created, SpawnError> {
    let config = blueprint.config;
    let (path, words) = resolve(&config.command, blueprint.search)?;
    let pipes = |source| SpawnError::Pipes {
        name: config.id.name.to_string(),
        source,
    };
    let (child_in, stdin) = io::pipe().map_err(pipes)?;
    let (stdout, child_out) = io::pipe().map_err(pipes)?;
    let (stderr, child_err) = match config.redirect_stderr {
        true => (None, child_out.try_clone().map_err(pipes)?),
        false => {
            let (stderr, child_err) = io::pipe().map_err(pipes)?;
            (Some(stderr), child_err)
        }
    };
    let mut command = Command::new(&path);
    command
        .arg0(&words[0])
        .args(&words[1..])
        .env_clear()
        .envs(&blueprint.environment)
        .stdin(Stdio::from(child_in))
        .stdout(Stdio::from(child_out))
        .stderr(Stdio::from(child_err))
        .process_group(0);
    if let Some(directory) = &config.directory {
        command.current_dir(directory);
    }
    become_other(&mut command, config);
    let child = command.spawn().map_err(|source| SpawnError::Exec {
        path: path.clone(),
        source,
    })?;
    // The command holds our copies of the child's ends; with them open no pipe would ever end.
    drop(command);
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    Ok(Created {
        pid: pid.ok_or_else(|| pipes(io::Error::other("the process has no id")))?,
        child,
        stdin: pipe::Sender::from_owned_fd(OwnedFd::from(stdin)).map_err(pipes)?,
        stdout: receiver(OwnedFd::from(stdout)).map_err(pipes)?,
        stderr: match stderr {
            Some(stderr) => Some(receiver(OwnedFd::from(stderr)).map_err(pipes)?),
            None => None,
        },
    })
}

fn receiver(fd: OwnedFd) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(fd)
}

/// Arranges for another account and umask, which only the child itself can take on.
fn become_other(command: &mut Command, config: &ProgramConfig) {
    let identity = config.user.as_ref().map(identity);
    let umask = config.umask;
    if identity.is_none() && umask.is_none() {
        return;
    }
    let act = move || {
        if let Some((uid, gid, groups)) = &identity {
            // Without the right to change groups the rest may still be our own account.
            if Uid::effective().is_root() {
                setgroups(groups)?;
                setgid(*gid)?;
            }
            if Uid::current() != *uid {
                setuid(*uid)?;
            }
        }
        if let Some(umask) = umask {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(umask));
        }
        Ok(())
    };
    #[expect(unsafe_code, reason = "runs between fork and exec")]
    // SAFETY: the closure only makes the system calls setgroups, setgid, getuid, geteuid, setuid
    // and umask; all are async-signal-safe, and everything they need was allocated before the fork.
    unsafe {
        command.pre_exec(act);
    }
}

fn identity(user: &User) -> (Uid, Gid, Vec<Gid>) {
    let groups = CString::new(user.name.as_str())
        .ok()
        .and_then(|name| getgrouplist(&name, user.gid).ok())
        .unwrap_or_else(|| vec![user.gid]);
    (user.uid, user.gid, groups)
}
