//! Who waits for which process.
//!
//! One place reaps, so that nobody takes another's exit status, and a number is never signalled
//! after its process was reaped: whoever signals asks here whether it is still there.

use std::{collections::HashMap, fs, time::Duration};

use nix::{
    errno::Errno,
    libc,
    time::{ClockId, clock_gettime},
    unistd::{Pid, SysconfVar, sysconf},
};
use supervisor_core::{Exit, Scope};
use tokio::sync::oneshot;

/// The processes we created and have not reaped.
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    waiting: HashMap<i32, oneshot::Sender<Exit>>,
    /// Processes that were taken over, with their start. Their parent may reap them before we hear
    /// of it, so their number alone says nothing.
    adopted: HashMap<i32, Duration>,
}

/// A process that nobody here created: an orphan that became ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) pid: i32,
    pub(crate) exit: Exit,
}

impl Reaper {
    /// Learns of a process; the receiver gets its end.
    pub(crate) fn expect(&mut self, pid: Pid) -> oneshot::Receiver<Exit> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.insert(pid.as_raw(), sender);
        receiver
    }

    /// Learns of a process that was taken over; `started` is its start after boot.
    pub(crate) fn adopt(&mut self, pid: i32, started: Duration) -> oneshot::Receiver<Exit> {
        self.adopted.insert(pid, started);
        self.expect(Pid::from_raw(pid))
    }

    /// Kills a process that we created and cannot look after, with what it may have created; the
    /// receiver gets its end.
    pub(crate) fn give_up(&mut self, pid: i32) -> oneshot::Receiver<Exit> {
        for scope in [Scope::Group, Scope::Leader] {
            // It is our child and not reaped, so that there is nothing to be refused.
            let _ = self.signal(pid, libc::SIGKILL, scope);
        }
        self.expect(Pid::from_raw(pid))
    }

    /// Takes the end of a process that somebody else reaped for us.
    pub(crate) fn told(&mut self, pid: i32, exit: Exit) {
        self.adopted.remove(&pid);
        if let Some(waiting) = self.waiting.remove(&pid) {
            let _ = waiting.send(exit);
        }
    }

    /// Reaps everything that has ended; gives the orphans among it.
    pub(crate) fn reap(&mut self) -> Vec<Orphan> {
        let mut orphans = Vec::new();
        while let Some((pid, exit)) = wait_for_any() {
            match self.waiting.remove(&pid) {
                Some(waiting) => {
                    let _ = waiting.send(exit);
                }
                None => orphans.push(Orphan { pid, exit }),
            }
        }
        orphans
    }

    /// Sends a signal to a process that has not been reaped; any number the kernel knows.
    pub(crate) fn signal(&self, pid: i32, number: i32, scope: Scope) -> Result<(), Errno> {
        if pid <= 1 || !self.waiting.contains_key(&pid) {
            return Ok(());
        }
        if let Some(started) = self.adopted.get(&pid)
            && start_of(pid).as_ref() != Some(started)
        {
            return Ok(());
        }
        let target = match scope {
            Scope::Leader => pid,
            Scope::Group => -pid,
        };
        #[expect(unsafe_code, reason = "nix knows no real-time signals")]
        // SAFETY: takes two numbers.
        let result = unsafe { libc::kill(target, number) };
        match Errno::result(result) {
            // It has ended by itself; that will be told in a moment.
            Ok(_) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// Time since the machine was started.
pub(crate) fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// A number of clock ticks, as `/proc` counts them.
pub(crate) fn ticks(number: u64) -> Duration {
    let hertz = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let hertz = hertz
        .and_then(|hertz| u32::try_from(hertz).ok())
        .unwrap_or(100);
    Duration::from_millis(number.saturating_mul(1000)) / hertz
}

/// When a process was started, after boot. The name in parentheses may hold anything.
fn start_of(pid: i32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let started = fields.split_whitespace().nth(START_FIELD)?;
    started.parse().ok().map(ticks)
}

/// Field 22 of `/proc/PID/stat`, counted from the one after the name.
const START_FIELD: usize = 19;

/// The next process that has ended, without waiting for one.
fn wait_for_any() -> Option<(i32, Exit)> {
    let mut status = 0;
    #[expect(
        unsafe_code,
        reason = "nix loses the end of a process killed by a real-time signal"
    )]
    // SAFETY: the pointer is that of a local.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    let exit = match libc::WIFSIGNALED(status) {
        true => Exit::Signal {
            number: libc::WTERMSIG(status),
            dumped: libc::WCOREDUMP(status),
        },
        false => Exit::Code(libc::WEXITSTATUS(status)),
    };
    (pid > 0).then_some((pid, exit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::process::CommandExt as _, process::Command};

    #[tokio::test]
    async fn a_process_that_is_given_up_is_killed_and_reaped() {
        let child = Command::new("sleep").arg("1000").process_group(0).spawn();
        let pid = Pid::from_raw(child.unwrap().id().try_into().unwrap());
        let mut reaper = Reaper::default();
        drop(reaper.expect(pid));
        let mut end = reaper.give_up(pid.as_raw());
        let exit = loop {
            assert!(reaper.reap().is_empty(), "it is nobody's");
            match end.try_recv() {
                Ok(exit) => break exit,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert!(matches!(exit, Exit::Signal { number: 9, .. }), "{exit:?}");
    }
}
