//! The outer process: starts init, then forwards signals and waits for its end.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, pipe2};

use super::init::{Talk, become_init};
use super::spec::Spec;
use super::system;

/// An init that has become its command.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) init: Pid,
    /// Its network namespace.
    pub(crate) network: File,
}

/// Starts init and returns once it has executed the command. The caller must be single-threaded.
///
/// Blocks the signals that [`wait`] handles.
pub(crate) fn launch(spec: &Spec, scratch: &Path) -> anyhow::Result<Launched> {
    handled_signals().thread_block().context("block signals")?;
    system::notice_children();
    let (report, report_in_init) = pipe2(OFlag::O_CLOEXEC).context("make a pipe")?;
    let (go_in_init, go) = pipe2(OFlag::O_CLOEXEC).context("make a pipe")?;
    let home = File::open("/proc/self/ns/pid").context("open the host's pid namespace")?;
    unshare(CloneFlags::CLONE_NEWPID).context("unshare the pid namespace")?;
    match system::fork().context("fork init")? {
        ForkResult::Child => {
            drop((report, go));
            let talk = Talk {
                report: report_in_init.into(),
                go: go_in_init.into(),
            };
            become_init(spec, scratch, talk)
        }
        ForkResult::Parent { child } => {
            drop((report_in_init, go_in_init));
            // Threads are refused to a process whose children are born elsewhere.
            setns(&home, CloneFlags::CLONE_NEWPID).context("return to the pid namespace")?;
            match follow(child, report.into(), go.into()) {
                Ok(network) => Ok(Launched {
                    init: child,
                    network,
                }),
                Err(error) => {
                    let _ = kill(child, Signal::SIGKILL);
                    let _ = waitpid(child, None);
                    Err(error)
                }
            }
        }
    }
}

/// Accompanies init from its birth to its exec.
fn follow(init: Pid, mut report: File, mut go: File) -> anyhow::Result<File> {
    let mut first = [FAILED];
    report.read_exact(&mut first).context("hear from init")?;
    let network = match first {
        [UNSHARED] => {
            let path = format!("/proc/{init}/ns/net");
            let network = File::open(&path).with_context(|| format!("open {path}"))?;
            go.write_all(b"g").context("let init go on")?;
            Some(network)
        }
        _ => None,
    };
    let mut rest = Vec::new();
    report.read_to_end(&mut rest).context("hear from init")?;
    let text = String::from_utf8_lossy(rest.strip_prefix(&[FAILED]).unwrap_or(&rest)).into_owned();
    match network {
        Some(network) if text.is_empty() => Ok(network),
        Some(_) | None => bail!("{text}"),
    }
}

/// Waits for init to end, forwarding what we are told. Returns the exit code: 128 + n for signal n.
pub(crate) fn wait(init: Pid) -> anyhow::Result<i32> {
    let mut asked = Asked::default();
    loop {
        let signal = handled_signals().wait().context("wait for a signal")?;
        if signal == Signal::SIGCHLD {
            if let Some(code) = exit_code(init)? {
                return Ok(code);
            }
        } else if let Some(signal) = asked.hear(signal, Instant::now()) {
            send(init, signal);
        }
    }
}

/// The requests to end so far: each kind of signal and when it first came.
///
/// One Ctrl-C can arrive as several signals: INT from the terminal, and TERM from a script that
/// hears it too. So the first request of all is TERM for init, and only a signal of a kind that has
/// come before, some time ago, asks again, which is KILL.
#[derive(Debug, Default)]
struct Asked {
    heard: Vec<(Signal, Instant)>,
}

impl Asked {
    /// What init is to be sent.
    fn hear(&mut self, signal: Signal, now: Instant) -> Option<Signal> {
        if signal == END_AT_ONCE {
            return Some(Signal::SIGKILL);
        }
        if let Some((_, at)) = self.heard.iter().find(|(kind, _)| *kind == signal) {
            let again = now.duration_since(*at) >= SAME_REQUEST;
            return again.then_some(Signal::SIGKILL);
        }
        self.heard.push((signal, now));
        (self.heard.len() == 1).then_some(Signal::SIGTERM)
    }
}

/// The exit code of a child if it has ended.
pub(crate) fn exit_code(child: Pid) -> anyhow::Result<Option<i32>> {
    match waitpid(child, Some(WaitPidFlag::WNOHANG)).context("wait for init")? {
        WaitStatus::Exited(_, code) => Ok(Some(code)),
        WaitStatus::Signaled(_, signal, _) => Ok(Some(128 + signal as i32)),
        WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => Ok(None),
    }
}

/// Init may have ended already; until it is waited for, its pid is nobody else's.
fn send(init: Pid, signal: Signal) {
    let _ = kill(init, signal);
}

fn handled_signals() -> SigSet {
    [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGCHLD,
        END_AT_ONCE,
    ]
    .into_iter()
    .collect()
}

/// Signals of one kind that come within this time are one request.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// What another thread of this process sends to it to have init killed.
pub(crate) const END_AT_ONCE: Signal = Signal::SIGUSR1;

/// Init has its namespaces and waits for the outer process.
pub(super) const UNSHARED: u8 = b'U';
/// An error text follows.
pub(super) const FAILED: u8 = b'E';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_may_come_as_several_signals() {
        let (mut asked, start) = (Asked::default(), Instant::now());
        let mut hear = |signal, after| asked.hear(signal, start + Duration::from_millis(after));
        assert_eq!(hear(Signal::SIGINT, 0), Some(Signal::SIGTERM));
        assert_eq!(hear(Signal::SIGTERM, 0), None);
        assert_eq!(hear(Signal::SIGINT, 999), None);
        // A script may be slow to pass it on.
        assert_eq!(hear(Signal::SIGHUP, 5000), None);
    }

    #[test]
    fn the_same_request_later_is_a_second_one() {
        for kind in [Signal::SIGINT, Signal::SIGTERM] {
            let (mut asked, start) = (Asked::default(), Instant::now());
            asked.hear(Signal::SIGINT, start);
            asked.hear(Signal::SIGTERM, start);
            let answer = asked.hear(kind, start + SAME_REQUEST);
            assert_eq!(answer, Some(Signal::SIGKILL));
        }
    }

    #[test]
    fn who_holds_the_sandbox_ends_it_at_once() {
        let answer = Asked::default().hear(END_AT_ONCE, Instant::now());
        assert_eq!(answer, Some(Signal::SIGKILL));
    }
}
