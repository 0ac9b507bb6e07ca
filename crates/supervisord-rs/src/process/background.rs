//! Going to the background.
//!
//! The original forks when its servers are open. A process with threads must not do that, so ours
//! forks first, and the parent stays until the child is ready: whoever started us finds the servers
//! open, or gets the error and the exit code of a supervisord that could not start.

use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    path::Path,
};

use nix::{
    sys::{
        stat::{Mode, umask},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid},
};

use crate::logs::MainLog;

/// The two sides of a fork.
#[derive(Debug)]
pub(crate) enum Side {
    /// Whoever started us waits for this one; it has nothing left to do.
    Parent {
        code: u8,
    },
    Child(Starting),
}

/// A supervisord that is not ready yet, and has the outputs, the directory and the session that it
/// was started with.
#[derive(Debug)]
pub(crate) struct Starting {
    /// Who waits for it; nobody in the foreground, where everything stays as it is.
    parent: Option<PipeWriter>,
}

/// Forks. The parent comes back when the child is ready or has ended.
///
/// To be called while there is one thread.
pub(crate) fn fork_away() -> io::Result<Side> {
    let (child, parent) = io::pipe()?;
    #[expect(unsafe_code, reason = "nothing else leaves the terminal to its user")]
    // SAFETY: there is one thread, so that the child has all that the parent had.
    match unsafe { fork() } {
        Ok(ForkResult::Parent { child: pid }) => {
            drop(parent);
            let code = wait_until_ready(child, pid)?;
            Ok(Side::Parent { code })
        }
        Ok(ForkResult::Child) => Ok(Side::Child(Starting {
            parent: Some(parent),
        })),
        Err(errno) => Err(errno.into()),
    }
}

fn wait_until_ready(mut child: PipeReader, pid: Pid) -> io::Result<u8> {
    if child.read(&mut [0])? > 0 {
        return Ok(0);
    }
    let WaitStatus::Exited(_, code) = waitpid(pid, None)? else {
        return Ok(FAILED);
    };
    // An end without readiness is a failure, whatever it calls itself.
    Ok(u8::try_from(code).unwrap_or(FAILED).max(FAILED))
}

impl Starting {
    /// In the foreground.
    pub(crate) fn here() -> Self {
        Self { parent: None }
    }

    /// Leaves the session, the terminal and the directory, and lets the parent go.
    ///
    /// # Errors
    /// When the outputs cannot be left; a directory that cannot be entered is only told.
    pub(crate) fn ready(
        self,
        directory: Option<&Path>,
        mask: u32,
        log: &MainLog,
    ) -> io::Result<()> {
        let Some(mut parent) = self.parent else {
            return Ok(());
        };
        log.info("daemonizing the supervisord process");
        if let Some(directory) = directory {
            let shown = directory.display();
            match chdir(directory) {
                Ok(()) => log.info(&format!("set current directory: '{shown}'")),
                Err(errno) => log.critical(&format!("can't chdir into '{shown}': {errno}")),
            }
        }
        let null = File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdin(&null)?;
        dup2_stdout(&null)?;
        dup2_stderr(&null)?;
        setsid()?;
        umask(Mode::from_bits_truncate(mask));
        // A parent that is gone has nothing to wait for.
        let _ = parent.write_all(b"\n");
        Ok(())
    }
}

const FAILED: u8 = 1;
