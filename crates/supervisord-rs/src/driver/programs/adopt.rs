//! Taking over the processes of a predecessor, and ending those that are nobody's.

use std::{
    io,
    time::{Duration, SystemTime},
};

use supervisor_core::{Run, Scope};
use tracing::info_span;

use super::{Programs, open_sinks};
use crate::{
    config::{GroupConfig, GroupKind},
    driver::inherit::STRANGER_GRACE,
    logs::{Begin, MainLog},
    process::{Held, Life, OurEnds, Process, socket},
};

impl Programs {
    /// Takes over the process of a run of our predecessor's, which is `age` old.
    ///
    /// # Errors
    /// When its output cannot be carried. The process is ours all the same: somebody has to end it
    /// and to hear of its end, or another would be started beside it.
    pub(in crate::driver) fn adopt(
        &mut self,
        run: &Run,
        held: Held,
        age: Duration,
        log: &MainLog,
    ) -> io::Result<()> {
        let Held {
            run: mark,
            pid,
            started,
            exit,
            ends,
        } = held;
        if let Some(entry) = self.entries.get_mut(&run.program) {
            entry.started = SystemTime::now().checked_sub(age);
        }
        let adopted = self.adopt_whole(run, pid, started, ends, &mark, log);
        if adopted.is_err() {
            let end = self.reaper.adopt(pid, started);
            let (process, life) = Process::mute(run.clone(), pid, end, self.facts.clone());
            self.begin_life(run.clone(), pid, mark, process, life);
        }
        if let Some(exit) = exit {
            self.reaper.told(pid, exit);
        }
        adopted
    }

    /// Takes over the socket of a group of FastCGI programs, so that those who are started later
    /// serve the same clients as those who run.
    pub(in crate::driver) fn inherit_socket(&mut self, group: &GroupConfig, held: &mut Held) {
        let GroupKind::Fcgi(config) = &group.kind else {
            return;
        };
        let socket = held.ends.as_mut().and_then(|ends| ends.socket.take());
        // One that is configured otherwise by now is opened when it is wanted.
        if let Some(socket) = socket.filter(|socket| socket::is_at(socket, config)) {
            self.sockets.entry(group.name.clone()).or_insert(socket);
        }
    }

    /// Takes over a process with its output.
    fn adopt_whole(
        &mut self,
        run: &Run,
        pid: i32,
        started: Duration,
        ends: Option<OurEnds>,
        mark: &str,
        log: &MainLog,
    ) -> io::Result<()> {
        let ends = ends.ok_or_else(|| io::Error::other("its output did not arrive"))?;
        let entry = self
            .entries
            .get(&run.program)
            .ok_or(io::ErrorKind::NotFound)?;
        let (stdout, stderr) =
            open_sinks(entry, &self.settings, &self.destinations, Begin::GoOn, log)?;
        let life = Life {
            run: run.clone(),
            pid,
            ends,
            end: self.reaper.adopt(pid, started),
            stdout,
            stderr,
            reading: entry.reading,
            facts: self.facts.clone(),
        };
        self.keep(life, mark.to_owned())
    }

    /// Ends a process that bootd kept and that is no program of ours any more.
    pub(in crate::driver) fn end_stranger(&mut self, held: Held) {
        let Held {
            run: mark,
            pid,
            started,
            exit,
            ends,
        } = held;
        let custody = self.custody.clone();
        let release = move || {
            drop(ends);
            if let Some(custody) = custody {
                custody.release(&mark);
            }
        };
        if exit.is_some() {
            return release();
        }
        let end = self.reaper.adopt(pid, started);
        let _ = self.reaper.signal(pid, SIGTERM, Scope::Group);
        let stop = self.tasks.stop().token();
        self.tasks
            .spawn("stranger", info_span!("stranger", pid), async move {
                tokio::select! {
                    _ = end => {}
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(STRANGER_GRACE) => {
                        // It is still there, as nobody told of its end.
                        let group = nix::unistd::Pid::from_raw(pid);
                        let _ = nix::sys::signal::killpg(group, nix::sys::signal::SIGKILL);
                    }
                }
                release();
            });
    }
}

const SIGTERM: i32 = 15;
