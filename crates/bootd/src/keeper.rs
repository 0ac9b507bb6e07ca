//! Keeps the supervisor alive.
//!
//! ```text
//! Idle ── launch ──▶ Running ── it ends ──▶ Clearing ── nothing left ──▶ Braking ── over ──▶ Running
//! ```
//!
//! Before a restart everything the dead supervisor has left behind is ended, so that its successor
//! finds every port free; what cannot be ended is told and left. Runs on the init thread and never
//! waits.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use instance::Variables;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    board::{Board, LinkState},
    channel::{Channel, Event},
    leftovers::Leftovers,
    system::{Children, Ending, Group, Owner, Spawn},
};

/// Starts and restarts the supervisor.
#[derive(Debug)]
pub(crate) struct Keeper {
    command: Vec<String>,
    board: Board,
    children: Arc<Children>,
    launch: Option<Launch>,
    keeping: Keeping,
    /// Deaths in a row soon after the start.
    quick_deaths: u32,
}

/// What the supervisor is started with.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) environment: Variables,
    pub(crate) directory: PathBuf,
}

#[derive(Debug)]
enum Keeping {
    Idle,
    Running {
        pid: Pid,
        since: Instant,
        /// `None` once the other end is gone.
        channel: Option<Channel>,
    },
    Clearing {
        session: i32,
        kill_at: Instant,
        /// Counts from the first KILL: a container that was paused wakes up past all times.
        give_up_at: Option<Instant>,
    },
    Braking {
        until: Instant,
    },
    Stopped,
}

impl Keeper {
    /// A keeper that has nothing to keep yet.
    pub(crate) fn new(command: Vec<String>, board: Board, children: Arc<Children>) -> Self {
        Self {
            command,
            board,
            children,
            launch: None,
            keeping: Keeping::Idle,
            quick_deaths: 0,
        }
    }

    /// Starts the supervisor for the first time; later calls change what restarts use.
    pub(crate) fn launch(&mut self, launch: Launch) -> Result<i32, String> {
        self.launch = Some(launch);
        if !matches!(self.keeping, Keeping::Idle) {
            return Err("the supervisor was launched before or the instance stops".to_owned());
        }
        self.start(Instant::now())
    }

    /// Notes that the supervisor has ended, ends what it left behind, and plans the restart.
    pub(crate) fn ended(&mut self, pid: Pid, ending: Ending, now: Instant) {
        let since = match &self.keeping {
            Keeping::Running { since, .. } => *since,
            Keeping::Stopped => {
                self.board.link(|link| link.pid = None);
                return;
            }
            Keeping::Idle | Keeping::Clearing { .. } | Keeping::Braking { .. } => return,
        };
        let lived = now.saturating_duration_since(since);
        self.quick_deaths = if lived < QUICK {
            self.quick_deaths + 1
        } else {
            0
        };
        // The supervisor leads a session of its own, which bears its number.
        let session = pid.as_raw();
        let leftovers = Leftovers::find(session, &self.children);
        let names: Vec<String> = leftovers.names().cloned().collect();
        leftovers.signal(Signal::SIGTERM);
        tracing::warn!(%ending, ?lived, leftovers = ?names, "supervisor ended; it is started again");
        self.board.link(|link| {
            link.state = LinkState::Restarting;
            link.pid = None;
            link.channel_open = false;
            link.last_exit = ending.to_string();
            link.leftovers_stopped = names;
        });
        self.keeping = Keeping::Clearing {
            session,
            kill_at: now + LEFTOVER_GRACE,
            give_up_at: None,
        };
        self.advance(now);
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Instant) {
        if let Keeping::Clearing {
            session,
            kill_at,
            give_up_at,
        } = &mut self.keeping
        {
            let leftovers = Leftovers::find(*session, &self.children);
            let in_vain = give_up_at.is_some_and(|at| now >= at);
            if leftovers.is_empty() || in_vain {
                self.tell_of(&leftovers);
                let until = now + brake(self.quick_deaths);
                self.keeping = Keeping::Braking { until };
            } else if now >= *kill_at {
                leftovers.signal(Signal::SIGKILL);
                give_up_at.get_or_insert(now + UNKILLABLE);
            }
        }
        if let Keeping::Braking { until } = self.keeping
            && now >= until
        {
            self.restart(now);
        }
    }

    /// When [`Self::advance`] has something to do again.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        match self.keeping {
            // Ends of processes that are not our children are not signalled to us.
            Keeping::Clearing { .. } => Some(now + LOOK_AGAIN),
            Keeping::Braking { until } => Some(until),
            Keeping::Idle | Keeping::Running { .. } | Keeping::Stopped => None,
        }
    }

    /// The descriptor to watch, if there is one.
    pub(crate) fn channel(&self) -> Option<BorrowedFd<'_>> {
        match &self.keeping {
            Keeping::Running { channel, .. } => channel.as_ref().map(|channel| channel.as_fd()),
            Keeping::Idle
            | Keeping::Clearing { .. }
            | Keeping::Braking { .. }
            | Keeping::Stopped => None,
        }
    }

    /// Handles what the supervisor says over the channel.
    pub(crate) fn listen(&mut self) {
        let epoch = self.board.state().epoch.micros();
        let Keeping::Running { channel, .. } = &mut self.keeping else {
            return;
        };
        while let Some(event) = channel.as_ref().and_then(|channel| channel.take(epoch)) {
            match event {
                Event::Greeted { epoch } => {
                    tracing::debug!(epoch, "supervisor greeted");
                    self.board.link(|link| link.channel_open = true);
                }
                Event::Refused(reason) => self.board.notice(
                    "supervisor channel",
                    format!("a message was not understood: {reason}"),
                ),
                Event::Closed => {
                    *channel = None;
                    self.board.link(|link| link.channel_open = false);
                }
            }
        }
    }

    /// Stops keeping: asks a running supervisor to end. Answers with its process, if any.
    pub(crate) fn stop(&mut self) -> Option<Pid> {
        let running = match self.keeping {
            Keeping::Running { pid, .. } => Some(pid),
            Keeping::Idle
            | Keeping::Clearing { .. }
            | Keeping::Braking { .. }
            | Keeping::Stopped => None,
        };
        if let Some(pid) = running {
            let _ = kill(pid, Signal::SIGTERM);
        }
        self.keeping = Keeping::Stopped;
        self.board.link(|link| {
            link.state = LinkState::Stopped;
            link.channel_open = false;
        });
        running
    }

    /// What KILL does not end is stuck in the kernel or not ours to end.
    fn tell_of(&self, leftovers: &Leftovers) {
        if leftovers.is_empty() {
            return;
        }
        let pids: Vec<String> = leftovers.pids().map(|pid| pid.to_string()).collect();
        let names: Vec<&str> = leftovers.names().map(String::as_str).collect();
        let text = format!(
            "processes {} of {} cannot be ended; the supervisor is started beside them, and their \
             programs may not be able to start again",
            pids.join(", "),
            names.join(", "),
        );
        self.board.notice("supervisor", text);
    }

    fn restart(&mut self, now: Instant) {
        self.board.link(|link| {
            link.restarts += 1;
            link.last_restart = Some(SystemTime::now());
        });
        // A failed start has been told; the next attempt waits longer.
        let _ = self.start(now);
    }

    fn start(&mut self, now: Instant) -> Result<i32, String> {
        match self.spawn() {
            Ok((pid, channel)) => {
                tracing::info!(pid = pid.as_raw(), "supervisor started");
                self.keeping = Keeping::Running {
                    pid,
                    since: now,
                    channel: Some(channel),
                };
                self.board.link(|link| {
                    link.state = LinkState::Running;
                    link.pid = Some(pid.as_raw());
                });
                Ok(pid.as_raw())
            }
            Err(error) => {
                let program = self.command.first().map_or("", String::as_str);
                let text = format!("failed to start {program:?}: {error}");
                self.board.notice("supervisor", text.clone());
                self.quick_deaths += 1;
                self.keeping = Keeping::Braking {
                    until: now + brake(self.quick_deaths + 1),
                };
                self.board.link(|link| {
                    link.state = LinkState::Restarting;
                    link.last_exit.clone_from(&text);
                });
                Err(text)
            }
        }
    }

    fn spawn(&self) -> io::Result<(Pid, Channel)> {
        let (Some(launch), Some((program, arguments))) = (&self.launch, self.command.split_first())
        else {
            return Err(io::Error::other("no command is set"));
        };
        let (channel, theirs) = Channel::open()?;
        let mut environment = launch.environment.clone();
        environment.insert("BERTH_BOOTD_FD".to_owned(), theirs.as_raw_fd().to_string());
        let spawn = Spawn {
            program: program.into(),
            arguments: arguments.to_vec(),
            environment,
            directory: launch.directory.clone(),
            umask: 0o002,
            group: Group::Session,
            output: None,
            keep: vec![theirs],
        };
        let pid = self.children.spawn(spawn, Owner::Supervisor)?;
        Ok((pid, channel))
    }
}

/// How long to wait before a restart: the first is at once, repeated quick deaths slow down.
fn brake(quick_deaths: u32) -> Duration {
    match quick_deaths {
        0 | 1 => Duration::ZERO,
        _ => LONGEST_BRAKE.min(Duration::from_secs(1 << (quick_deaths - 2).min(8))),
    }
}

/// A supervisor that lived shorter than this died quickly.
const QUICK: Duration = Duration::from_secs(5);
/// How long leftovers may take to end before they are killed.
const LEFTOVER_GRACE: Duration = Duration::from_secs(1);
/// How long killed leftovers may take to be gone.
const UNKILLABLE: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LONGEST_BRAKE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_later_ones_slow_down() {
        let seconds: Vec<u64> = (0..8).map(|deaths| brake(deaths).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 1, 2, 4, 8, 10, 10]);
        assert_eq!(brake(u32::MAX), LONGEST_BRAKE);
    }
}
