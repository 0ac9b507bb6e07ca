//! The registry of bootd's own children, and the only place that starts or reaps a process.
//!
//! The kernel hands bootd the end of every process: its own children and orphans of others. A
//! process is registered under the same lock that its start holds, and an end is looked at before
//! it is collected, so that nobody takes another's exit status and none is lost.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use nix::{
    libc,
    sys::eventfd::{EfdFlags, EventFd},
    unistd::Pid,
};

use super::{Ending, FileLimit, Spawn, started};

/// The registry.
#[derive(Debug, Default)]
pub(crate) struct Children {
    owned: Mutex<HashMap<i32, Owner>>,
    /// How many files every child may open, if that is not what bootd may.
    files: Option<FileLimit>,
}

/// Who is told about an end.
#[derive(Clone, Debug)]
pub(crate) enum Owner {
    /// The keeper of the supervisor, by the answer of [`Children::reap`].
    Supervisor,
    /// A thread that waits.
    Watched(Arc<ExitWatch>),
}

/// The end of one child, for a thread that waits for it.
#[derive(Debug)]
pub(crate) struct ExitWatch {
    ending: OnceLock<Ending>,
    event: EventFd,
}

/// What one round of reaping found.
#[derive(Debug, Default)]
pub(crate) struct Reaped {
    /// How the supervisor ended, if it did.
    pub(crate) supervisor: Option<Ending>,
    /// Processes that nobody here had started.
    pub(crate) orphans: Vec<Orphan>,
}

/// The end of a process that became bootd's child when its parent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) pid: i32,
    /// Its start in clock ticks, which tells it from others that have had its number.
    pub(crate) started: Option<u64>,
    pub(crate) ending: Ending,
}

impl Children {
    /// An empty registry; children may open this many files.
    pub(crate) fn new(files: Option<FileLimit>) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    /// Starts a process and registers its owner.
    pub(crate) fn spawn(&self, spawn: Spawn, owner: Owner) -> io::Result<Pid> {
        let mut owned = self.owned();
        let pid = spawn.start(self.files)?;
        owned.insert(pid.as_raw(), owner);
        Ok(pid)
    }

    /// Collects every process that has ended and tells its owner.
    pub(crate) fn reap(&self) -> Reaped {
        let mut reaped = Reaped::default();
        while let Some((pid, ending)) = next_ended() {
            // Held until the process is collected: a process that failed to start is collected by
            // its own start, which holds the same lock.
            let mut owned = self.owned();
            match owned.remove(&pid) {
                Some(Owner::Supervisor) => {
                    reaped.supervisor = Some(ending);
                }
                Some(Owner::Watched(watch)) => watch.tell(ending),
                None => reaped.orphans.push(Orphan {
                    pid,
                    started: started(pid),
                    ending,
                }),
            }
            collect(pid);
        }
        reaped
    }

    /// Whether bootd itself started this process and has not seen its end.
    pub(crate) fn owns(&self, pid: i32) -> bool {
        self.owned().contains_key(&pid)
    }

    fn owned(&self) -> MutexGuard<'_, HashMap<i32, Owner>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ExitWatch {
    /// A watch for a child about to be started.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            ending: OnceLock::new(),
            event: EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?,
        }))
    }

    /// How the child ended, if it has.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending.get().copied()
    }

    fn tell(&self, ending: Ending) {
        let _ = self.ending.set(ending);
        let _ = self.event.write(1);
    }
}

/// Readable once the child has ended.
impl AsFd for ExitWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// Looks at the next process that has ended without collecting it.
///
/// Not `nix::sys::wait::waitid`: that one fails for a process killed by a real-time signal, which
/// would then never be collected.
fn next_ended() -> Option<(i32, Ending)> {
    let flags = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG;
    let info = wait(libc::P_ALL, 0, flags)?;
    #[expect(unsafe_code, reason = "the fields are those of a union")]
    // SAFETY: waitid filled the structure for a child event, whose member this is.
    let pid = unsafe { info.si_pid() };
    #[expect(unsafe_code, reason = "the fields are those of a union")]
    // SAFETY: as above.
    let status = unsafe { info.si_status() };
    if pid == 0 {
        return None;
    }
    let ending = if info.si_code == libc::CLD_EXITED {
        Ending::Code(status)
    } else {
        Ending::Signal {
            number: status,
            dumped: info.si_code == libc::CLD_DUMPED,
        }
    };
    Some((pid, ending))
}

fn collect(pid: i32) {
    if let Ok(id) = libc::id_t::try_from(pid) {
        let _ = wait(libc::P_PID, id, libc::WEXITED | libc::WNOHANG);
    }
}

fn wait(kind: libc::idtype_t, id: libc::id_t, flags: i32) -> Option<libc::siginfo_t> {
    #[expect(unsafe_code, reason = "see next_ended")]
    // SAFETY: an all-zero siginfo_t is valid, it is plain data.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    #[expect(unsafe_code, reason = "see next_ended")]
    // SAFETY: `info` is a writable siginfo_t of ours for the time of the call.
    let result = unsafe { libc::waitid(kind, id, &raw mut info, flags) };
    (result == 0).then_some(info)
}

#[cfg(test)]
mod tests {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};

    use super::*;

    #[test]
    fn a_watch_is_not_handed_down_to_children() {
        let watch = ExitWatch::new().unwrap();
        let flags = fcntl(watch.as_fd(), FcntlArg::F_GETFD).unwrap();
        let flags = FdFlag::from_bits_truncate(flags);
        assert!(flags.contains(FdFlag::FD_CLOEXEC));
    }
}
