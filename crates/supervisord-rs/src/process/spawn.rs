//! Creating a process.
//!
//! The child is set up between fork and exec, and what fails there is told on its standard error
//! and by exit code 127, as in the original. We never wait for it: a file on a dead mount costs the
//! child, not us.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    ffi::{CString, OsString},
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    libc,
    sys::{resource::Resource, signal::SigSet},
    unistd::{ForkResult, Gid, Pid, Uid, fork, getgrouplist},
};

use super::exec::{Failure, Image, become_program, tell};

/// Everything a process is created from.
#[derive(Debug)]
pub(crate) struct Blueprint<'a> {
    /// The file to execute.
    pub(crate) file: &'a Path,
    /// The arguments, the program's name first.
    pub(crate) words: &'a [String],
    /// The whole environment.
    pub(crate) environment: &'a BTreeMap<OsString, OsString>,
    pub(crate) setup: Setup,
}

/// What the child does to itself before it becomes the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) directory: Option<CString>,
    pub(crate) umask: Option<u32>,
    pub(crate) identity: Option<Identity>,
    /// Resource, soft and hard limit.
    pub(crate) limits: Vec<(Resource, u64, u64)>,
    pub(crate) nice: Option<i32>,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) terminal: Terminal,
}

/// Whether its outputs are a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Terminal {
    #[default]
    No,
    Controlling,
}

/// An account, with its further groups.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    pub(crate) groups: Vec<Gid>,
}

/// The child's ends: descriptors 0, 1 and 2, and one more under a number of its own.
#[derive(Debug)]
pub(crate) struct ChildEnds {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    pub(crate) notify: Option<(OwnedFd, i32)>,
}

/// Our ends of a process's pipes.
#[derive(Debug)]
pub(crate) struct OurEnds {
    /// Absent where standard input is a socket.
    pub(crate) stdin: Option<OwnedFd>,
    /// That socket, which is kept for those who are started later.
    pub(crate) socket: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    /// Absent where stderr goes into stdout's pipe.
    pub(crate) stderr: Option<OwnedFd>,
    /// Where the program says that it is ready.
    pub(crate) notify: Option<OwnedFd>,
}

/// What standard input is.
#[derive(Debug)]
pub(crate) enum Input {
    Pipe,
    Socket(OwnedFd),
}

/// Where errors go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errors {
    Apart,
    WithOutput,
}

impl Identity {
    /// The account with all its groups.
    pub(crate) fn of(name: &str, uid: Uid, gid: Gid) -> Self {
        let groups = CString::new(name)
            .ok()
            .and_then(|name| getgrouplist(&name, gid).ok())
            .unwrap_or_else(|| vec![gid]);
        Self { uid, gid, groups }
    }
}

/// Makes the pipes of a process; none of them is inherited by another.
pub(crate) fn pipes(
    input: Input,
    errors: Errors,
    terminal: Terminal,
    notify: Option<i32>,
) -> io::Result<(OurEnds, ChildEnds)> {
    let (child_in, stdin, socket) = match input {
        Input::Pipe => {
            let (child, ours) = io::pipe()?;
            (OwnedFd::from(child), Some(OwnedFd::from(ours)), None)
        }
        Input::Socket(socket) => (socket.try_clone()?, None, Some(socket)),
    };
    let (stdout, child_out) = match terminal {
        Terminal::No => {
            let (ours, child) = io::pipe()?;
            (OwnedFd::from(ours), OwnedFd::from(child))
        }
        Terminal::Controlling => terminal_pair()?,
    };
    let (stderr, child_err) = match errors {
        Errors::WithOutput => (None, child_out.try_clone()?),
        Errors::Apart => {
            let (ours, child) = io::pipe()?;
            (Some(OwnedFd::from(ours)), OwnedFd::from(child))
        }
    };
    let (notify, child_notify) = match notify {
        None => (None, None),
        Some(number) => {
            let (ours, child) = io::pipe()?;
            (
                Some(OwnedFd::from(ours)),
                Some((OwnedFd::from(child), number)),
            )
        }
    };
    let ours = OurEnds {
        stdin,
        socket,
        stdout,
        stderr,
        notify,
    };
    let theirs = ChildEnds {
        stdin: child_in,
        stdout: child_out,
        stderr: child_err,
        notify: child_notify,
    };
    Ok((ours, theirs))
}

fn terminal_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let size = nix::pty::Winsize {
        ws_row: 24,
        ws_col: 120,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pair = nix::pty::openpty(Some(&size), None)?;
    for end in [&pair.master, &pair.slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    Ok((pair.master, pair.slave))
}

/// Creates the process and gives its number. The ends are the child's from then on.
pub(crate) fn spawn(blueprint: &Blueprint<'_>, ends: ChildEnds) -> io::Result<Pid> {
    let image = Image::new(blueprint)?;
    let ends = above_the_standard(ends)?;
    #[expect(
        unsafe_code,
        reason = "nothing else creates a process with our own set-up"
    )]
    // SAFETY: the child calls only `set_up`, `become_program` and `tell`, which make system calls on
    // memory that was prepared before the fork and neither allocate nor take locks, and then ends.
    match unsafe { fork() } {
        Ok(ForkResult::Parent { child }) => Ok(child),
        Ok(ForkResult::Child) => {
            let Err(failure) = child(&blueprint.setup, &image, &ends);
            tell(&image, failure);
            #[expect(unsafe_code, reason = "a forked child must not run our destructors")]
            // SAFETY: ends the process at once.
            unsafe {
                libc::_exit(NOT_SPAWNED)
            }
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Moves the ends out of the way of the numbers that they will be copied to.
fn above_the_standard(ends: ChildEnds) -> io::Result<ChildEnds> {
    let lowest = ends.notify.as_ref().map_or(2, |(_, number)| *number).max(2) + 1;
    let up = |fd: OwnedFd| -> io::Result<OwnedFd> {
        use std::os::fd::{AsRawFd as _, FromRawFd as _};
        if fd.as_raw_fd() >= lowest {
            return Ok(fd);
        }
        let moved = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(lowest))?;
        #[expect(unsafe_code, reason = "fcntl gives a bare number")]
        // SAFETY: the number was just made for us and nobody else knows it.
        Ok(unsafe { OwnedFd::from_raw_fd(moved) })
    };
    Ok(ChildEnds {
        stdin: up(ends.stdin)?,
        stdout: up(ends.stdout)?,
        stderr: up(ends.stderr)?,
        notify: match ends.notify {
            Some((fd, number)) => Some((up(fd)?, number)),
            None => None,
        },
    })
}

fn child(setup: &Setup, image: &Image, ends: &ChildEnds) -> Result<Infallible, Failure> {
    // A group of its own comes first, so that whoever stops it reaches all of it.
    let _ = match setup.terminal {
        Terminal::No => nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0)),
        Terminal::Controlling => nix::unistd::setsid().map(drop),
    };
    let _ = SigSet::empty().thread_set_mask();
    let standard: [(BorrowedFd<'_>, i32); 3] = [
        (ends.stdin.as_fd(), 0),
        (ends.stdout.as_fd(), 1),
        (ends.stderr.as_fd(), 2),
    ];
    let notify = ends
        .notify
        .as_ref()
        .map(|(fd, number)| (fd.as_fd(), *number));
    for (fd, number) in standard.into_iter().chain(notify) {
        duplicate(fd, number).map_err(Failure::Descriptors)?;
    }
    default_pipe_signal();
    if setup.terminal == Terminal::Controlling {
        take_terminal();
    }
    become_program(setup, image)
}

fn duplicate(fd: BorrowedFd<'_>, number: i32) -> Result<(), Errno> {
    use std::os::fd::AsRawFd as _;
    #[expect(
        unsafe_code,
        reason = "the target is a number that nobody owns in the child"
    )]
    // SAFETY: dup2 touches nothing but the descriptor table of the forked child.
    let result = unsafe { libc::dup2(fd.as_raw_fd(), number) };
    Errno::result(result).map(drop)
}

/// Rust ignores SIGPIPE; programs do not expect that.
fn default_pipe_signal() {
    #[expect(unsafe_code, reason = "sets a disposition in the forked child")]
    // SAFETY: the default disposition runs no code of ours.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// Makes descriptor 1 the controlling terminal of the session that the child leads.
fn take_terminal() {
    #[expect(unsafe_code, reason = "there is no safe form of this request")]
    // SAFETY: TIOCSCTTY takes a number and no pointer.
    unsafe {
        libc::ioctl(1, libc::TIOCSCTTY, 0);
    }
}

/// The exit code of a child that did not become the program.
const NOT_SPAWNED: i32 = 127;
