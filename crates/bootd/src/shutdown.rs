//! The ordered end of an instance: first the supervisor with its programs, then everything else.
//!
//! | what | at most | in all |
//! |---|---|---|
//! | supervisor and programs, by TERM | 6.25 s | 6.25 s |
//! | everything else, by TERM | 1 s, and no later than | 6.75 s |
//! | everything else, by KILL | | 7 s |
//! | bootd's own socket | 0.5 s | 7.5 s |
//! | the last lines of the log | 0.1 s | 7.6 s |
//!
//! Part of the shutdown budget of ARCHITECTURE.md: programs 5 s, supervisord 6 s, bootd 8 s,
//! container runtime 10 s. Nothing waits longer than there is something to wait for.

use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::system::{Process, Processes};

/// An end under way.
#[derive(Debug)]
pub(crate) struct Shutdown {
    began: Instant,
    /// Nobody waits any longer: everything is killed.
    hurried: bool,
    stage: Stage,
}

/// Whether the init thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn,
    End,
}

#[derive(Debug)]
enum Stage {
    Supervisor { pid: Pid, kill_at: Instant },
    Rest { told: bool, kill_at: Instant },
}

impl Shutdown {
    /// The supervisor, if any, has been asked to end.
    pub(crate) fn begin(supervisor: Option<Pid>, now: Instant) -> Self {
        let stage = match supervisor {
            Some(pid) => Stage::Supervisor {
                pid,
                kill_at: now + SUPERVISOR,
            },
            None => Stage::Rest {
                told: false,
                kill_at: now + REST,
            },
        };
        Self {
            began: now,
            hurried: false,
            stage,
        }
    }

    /// The supervisor has ended, by itself or killed.
    pub(crate) fn supervisor_ended(&mut self, now: Instant) {
        let kill_at = if self.hurried {
            now
        } else {
            (now + REST).min(self.began + KILL_ALL)
        };
        self.stage = Stage::Rest {
            told: false,
            kill_at,
        };
    }

    /// Skips to KILL.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.hurried = true;
        if let Stage::Supervisor { pid, .. } = self.stage {
            let _ = kill(pid, Signal::SIGKILL);
        }
        self.stage = Stage::Rest {
            told: true,
            kill_at: now,
        };
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Instant, is_init: bool) -> Next {
        match &mut self.stage {
            Stage::Supervisor { pid, kill_at } => {
                if now >= *kill_at {
                    tracing::error!("the supervisor did not end in time and is killed");
                    let _ = kill(*pid, Signal::SIGKILL);
                    self.stage = Stage::Rest {
                        told: true,
                        kill_at: now,
                    };
                }
                Next::GoOn
            }
            Stage::Rest { told, kill_at } => {
                let rest = others(is_init);
                if rest.is_empty() {
                    return Next::End;
                }
                if now >= self.began + GIVE_UP {
                    tracing::error!(processes = rest.len(), "processes outlive the instance");
                    return Next::End;
                }
                if now >= *kill_at {
                    signal(&rest, Signal::SIGKILL);
                } else if !*told {
                    signal(&rest, Signal::SIGTERM);
                    *told = true;
                }
                Next::GoOn
            }
        }
    }

    /// When [`Self::advance`] has something to do again.
    pub(crate) fn deadline(&self, now: Instant) -> Instant {
        match self.stage {
            Stage::Supervisor { kill_at, .. } => kill_at,
            // Ends of processes that are not our children are not signalled to us.
            Stage::Rest { .. } => now + LOOK_AGAIN,
        }
    }
}

/// Every process that goes with the instance: as PID 1 all there are, otherwise all below bootd.
fn others(is_init: bool) -> Vec<Process> {
    let me = i32::try_from(std::process::id()).unwrap_or(1);
    let table = Processes::read();
    if is_init {
        table.except(me)
    } else {
        table.descendants(me).into_iter().cloned().collect()
    }
}

fn signal(processes: &[Process], signal: Signal) {
    for process in processes {
        process.signal(signal);
    }
}

/// supervisord itself promises 6 s.
const SUPERVISOR: Duration = Duration::from_millis(6250);
const REST: Duration = Duration::from_secs(1);
const KILL_ALL: Duration = Duration::from_millis(6750);
const GIVE_UP: Duration = Duration::from_secs(7);
/// How long the service may take to cut its streams and remove its socket.
pub(crate) const SERVICE_END: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_fit_into_the_promised_eight_seconds() {
        assert!(Duration::from_secs(6) < SUPERVISOR);
        assert!(SUPERVISOR < KILL_ALL && KILL_ALL < GIVE_UP);
        let all = GIVE_UP + SERVICE_END + daemon::telemetry::FLUSH;
        // A busy machine needs some time to notice.
        let margin = Duration::from_millis(250);
        assert!(all + margin <= Duration::from_secs(8), "{all:?}");
    }

    #[test]
    fn without_a_supervisor_the_rest_is_told_at_once() {
        let now = Instant::now();
        let shutdown = Shutdown::begin(None, now);
        assert!(matches!(shutdown.stage, Stage::Rest { told: false, .. }));
    }

    #[test]
    fn a_second_request_kills_at_once() {
        let now = Instant::now();
        let mut shutdown = Shutdown::begin(None, now);
        shutdown.hurry(now);
        assert!(matches!(shutdown.stage, Stage::Rest { kill_at, .. } if kill_at == now));
        shutdown.supervisor_ended(now);
        assert!(matches!(shutdown.stage, Stage::Rest { kill_at, .. } if kill_at == now));
    }
}
