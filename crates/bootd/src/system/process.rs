//! Starting one process.

use std::{
    ffi::OsStr,
    fmt, io,
    os::{
        fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        unix::process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use instance::Variables;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    libc,
    sys::{
        signal::{SigSet, Signal},
        stat::{Mode, umask},
    },
    unistd::{Pid, setpgid, setsid},
};

/// What to start and how.
#[derive(Debug)]
pub(crate) struct Spawn {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The whole environment.
    pub(crate) environment: Variables,
    pub(crate) directory: PathBuf,
    pub(crate) umask: u32,
    pub(crate) group: Group,
    /// Standard output and error; bootd's own if absent.
    pub(crate) output: Option<OwnedFd>,
    /// Descriptors to hand down under their own numbers.
    pub(crate) keep: Vec<OwnedFd>,
}

/// Where a process stands among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// A session of its own. Its number names everything started below, even after its death.
    Session,
    /// A process group of its own, to be signalled as one.
    Own,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Code(i32),
    Signal(i32),
}

impl Spawn {
    /// Starts the process. Only [`super::Children`] may call this: whoever starts a process must
    /// be known before its end can be seen.
    pub(super) fn start(self) -> io::Result<Pid> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(existing(&self.directory))
            .stdin(Stdio::null());
        if let Some(output) = &self.output {
            command.stdout(output.try_clone()?);
            command.stderr(output.try_clone()?);
        }
        let kept: Vec<RawFd> = self.keep.iter().map(|fd| fd.as_raw_fd()).collect();
        let (mask, group) = (Mode::from_bits_truncate(self.umask), self.group);
        #[expect(
            unsafe_code,
            reason = "the mask and group of a child can only be set in the child"
        )]
        // SAFETY: the closure runs between fork and exec in the child of a threaded process. It
        // makes system calls only, allocates nothing, takes no lock and does not unwind.
        unsafe {
            command.pre_exec(move || enter(mask, group, &kept))
        };
        let child = command.spawn()?;
        i32::try_from(child.id())
            .map(Pid::from_raw)
            .map_err(io::Error::other)
    }
}

/// Runs in the child.
fn enter(mask: Mode, group: Group, kept: &[RawFd]) -> io::Result<()> {
    default_dispositions();
    SigSet::empty().thread_set_mask()?;
    umask(mask);
    match group {
        Group::Session => drop(setsid()?),
        Group::Own => setpgid(Pid::from_raw(0), Pid::from_raw(0))?,
    }
    for fd in kept {
        #[expect(unsafe_code, reason = "the number is all that survives the fork")]
        // SAFETY: the parent holds the descriptor open until spawn returns, so its copy is open
        // here under the same number.
        let fd = unsafe { BorrowedFd::borrow_raw(*fd) };
        fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
    }
    Ok(())
}

/// A signal that bootd's parent ignores would stay ignored in every program.
fn default_dispositions() {
    for number in 1..=libc::SIGSYS {
        #[expect(unsafe_code, reason = "no safe interface resets a disposition")]
        // SAFETY: installs no handler, only the default action; unknown numbers are refused.
        unsafe {
            libc::signal(number, libc::SIG_DFL)
        };
    }
}

/// A missing working directory is no reason not to start.
fn existing(directory: &Path) -> &Path {
    if directory.is_dir() {
        directory
    } else {
        Path::new("/")
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
        }
    }
}

/// Finds a program as a shell would, in the directories of `path`.
pub(crate) fn find(name: &str, path: &str) -> Option<PathBuf> {
    std::env::split_paths(OsStr::new(path))
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}
