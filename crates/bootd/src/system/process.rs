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
    unistd::{Pid, SysconfVar, setpgid, setsid, sysconf},
};

use super::FileLimit;

/// What to start and how.
#[derive(Debug)]
pub(crate) struct Spawn {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// The whole environment. Variables that are [`too_long`] are left out.
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
    Signal {
        number: i32,
        /// Whether it left a core file.
        dumped: bool,
    },
}

impl Ending {
    /// Killed by this signal.
    #[cfg(test)]
    pub(crate) fn killed(number: i32) -> Self {
        Self::Signal {
            number,
            dumped: false,
        }
    }
}

impl Spawn {
    /// Starts the process. Only [`super::Children`] may call this: whoever starts a process must
    /// be known before its end can be seen. `files` is how many files it may open, if that is not
    /// what bootd may.
    pub(super) fn start(self, files: Option<FileLimit>) -> io::Result<Pid> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.handed_down())
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
            command.pre_exec(move || enter(mask, group, files, &kept))
        };
        let child = command.spawn().map_err(|error| self.explain(error))?;
        i32::try_from(child.id())
            .map(Pid::from_raw)
            .map_err(io::Error::other)
    }

    fn handed_down(&self) -> impl Iterator<Item = (&String, &String)> {
        let too_long: Vec<&str> = too_long(&self.environment).map(|(name, _)| name).collect();
        let variables = self.environment.iter();
        variables.filter(move |(name, _)| !too_long.contains(&name.as_str()))
    }

    /// Of a full environment the system says no more than that it is an argument list.
    fn explain(&self, error: io::Error) -> io::Error {
        if error.raw_os_error() != Some(libc::E2BIG) {
            return error;
        }
        let none = String::new();
        let sizes = || {
            self.handed_down()
                .map(|(name, value)| (size(name, value), name))
        };
        let all: usize = sizes().map(|(size, _)| size).sum();
        let (largest, name) = sizes().max().unwrap_or((0, &none));
        io::Error::new(
            error.kind(),
            format!(
                "the environment of {all} bytes is more than the system hands to a program; \
                 shorten or unset variables, the largest is {name} with {largest} bytes"
            ),
        )
    }
}

/// The variables that no program can be given, and the bytes of each.
pub(crate) fn too_long(environment: &Variables) -> impl Iterator<Item = (&str, usize)> {
    let limit = longest();
    environment
        .iter()
        .map(|(name, value)| (name.as_str(), size(name, value)))
        .filter(move |(_, size)| *size > limit)
}

/// How long a variable may be with its name.
pub(crate) fn longest() -> usize {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let page = page.and_then(|page| usize::try_from(page).ok());
    // MAX_ARG_STRLEN of the kernel, which nothing reports.
    32 * page.unwrap_or(4096)
}

/// Name, equals sign, value and the NUL byte at the end.
fn size(name: &str, value: &str) -> usize {
    name.len() + value.len() + 2
}

/// Runs in the child.
fn enter(mask: Mode, group: Group, files: Option<FileLimit>, kept: &[RawFd]) -> io::Result<()> {
    default_dispositions();
    SigSet::empty().thread_set_mask()?;
    umask(mask);
    match group {
        Group::Session => drop(setsid()?),
        Group::Own => setpgid(Pid::from_raw(0), Pid::from_raw(0))?,
    }
    if let Some(files) = files {
        files.restore()?;
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
            Self::Signal { number, .. } => match Signal::try_from(number) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn spawn(environment: Variables) -> Spawn {
        Spawn {
            program: "/bin/true".into(),
            arguments: Vec::new(),
            environment,
            directory: "/".into(),
            umask: 0o022,
            group: Group::Own,
            output: None,
            keep: Vec::new(),
        }
    }

    #[test]
    fn a_variable_that_no_program_can_be_given_is_left_out() {
        let fits = "x".repeat(longest() - "FITS=".len() - 1);
        let environment = Variables::from([
            ("FITS".to_owned(), fits.clone()),
            ("LONG".to_owned(), fits + "xx"),
        ]);
        let long: Vec<_> = too_long(&environment).collect();
        assert_eq!(long, [("LONG", longest() + 2)]);
        assert!(spawn(environment).start(None).is_ok());
    }

    #[test]
    fn an_environment_that_is_too_big_is_told_with_its_largest_variable() {
        let value = "x".repeat(100_000);
        let mut environment: Variables = (0..200)
            .map(|number| (format!("V{number}"), value.clone()))
            .collect();
        environment.insert("LARGEST".to_owned(), value);
        let error = spawn(environment).start(None).unwrap_err().to_string();
        assert!(error.contains("environment of 20"), "{error}");
        assert!(error.contains("LARGEST with 100009 bytes"), "{error}");
    }
}
