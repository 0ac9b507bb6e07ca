//! Keeps the supervisor alive, and its programs when it is not.
//!
//! ```text
//! Idle ── launch ──▶ Running ── it ends ──▶ Clearing ── nothing left ──▶ Braking ── over ──▶ Running
//!                       └── stop ──▶ Stopping ── it ends ──▶ Stopped
//! ```
//!
//! Before a restart everything the dead supervisor has left behind and did not have held is ended,
//! so that its successor finds every port free; what cannot be ended is told and left. Held runs go
//! on and are handed to the successor. Runs on the init thread and never waits.

mod clearing;
mod listening;

use std::{
    io,
    os::fd::AsRawFd as _,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use instance::Variables;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use self::{
    clearing::Unclaimed,
    listening::{Greeted, Line},
};
use crate::{
    board::{Board, LinkState},
    channel::Channel,
    custody::{Custody, Room},
    leftovers::{CHANNEL, Eviction},
    system::{Children, Ending, Group, Orphan, Owner, Spawn, open_files},
};

/// Starts and restarts the supervisor.
#[derive(Debug)]
pub(crate) struct Keeper {
    command: Vec<String>,
    board: Board,
    children: Arc<Children>,
    launch: Option<Launch>,
    keeping: Keeping,
    custody: Custody,
    /// Runs that nobody has taken over and that are being ended.
    unclaimed: Option<Unclaimed>,
    /// The program file of the supervisor that has last greeted as one that takes over.
    heir: Option<PathBuf>,
    /// How many held runs have been told.
    told_held: usize,
    /// The sessions of dead supervisors that somebody is still in.
    sessions: Vec<i32>,
    /// Deaths in a row soon after the start.
    quick_deaths: u32,
}

/// What the supervisor is started with.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) environment: Variables,
    pub(crate) directory: PathBuf,
}

/// What a supervisor wants that gives its instance up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) code: u8,
    pub(crate) reason: String,
}

/// Who ends a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Us,
    /// It stops its programs and then itself already. A signal would hurry it.
    Itself,
}

#[derive(Debug)]
enum Keeping {
    Idle,
    Running {
        since: Instant,
        line: Line,
    },
    Clearing {
        /// How long programs that are being created may take to become known.
        unborn_until: Instant,
        eviction: Option<Eviction>,
    },
    Braking {
        until: Instant,
    },
    Stopping {
        line: Line,
    },
    Stopped,
}

impl Keeper {
    /// A keeper that has nothing to keep yet.
    pub(crate) fn new(command: Vec<String>, board: Board, children: Arc<Children>) -> Self {
        let room = Room {
            runs: MOST_RUNS,
            descriptors: open_files().saturating_sub(OWN_FILES),
        };
        Self {
            command,
            board,
            children,
            launch: None,
            keeping: Keeping::Idle,
            custody: Custody::new(room),
            unclaimed: None,
            heir: None,
            told_held: 0,
            sessions: Vec::new(),
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

    /// Notes that the supervisor has ended and plans the restart. What it has said before must
    /// have been listened to, and the ends of its programs must have been told.
    pub(crate) fn ended(&mut self, ending: Ending, now: Instant) {
        let (since, line) = match std::mem::replace(&mut self.keeping, Keeping::Stopped) {
            Keeping::Running { since, line } => (since, line),
            Keeping::Stopping { .. } | Keeping::Stopped => {
                self.board.link(|link| link.pid = None);
                return;
            }
            other @ (Keeping::Idle | Keeping::Clearing { .. } | Keeping::Braking { .. }) => {
                self.keeping = other;
                return;
            }
        };
        let lived = now.saturating_duration_since(since);
        // One that never greeted has not understood what this code means.
        let asked_for = ending == Ending::Code(ANEW) && line.greeted != Greeted::NotYet;
        if asked_for {
            tracing::info!(?lived, "supervisor ended to be started anew");
        } else {
            self.quick_deaths = if lived < QUICK {
                self.quick_deaths + 1
            } else {
                0
            };
            tracing::warn!(%ending, ?lived, "supervisor ended; it is started again");
        }
        // It leads a session of its own, which bears its number.
        self.sessions.push(line.pid.as_raw());
        // What is left of those that nobody claimed is like everything else that nobody holds.
        self.unclaimed = None;
        self.board.link(|link| {
            link.state = LinkState::Restarting;
            link.pid = None;
            link.channel_open = false;
            link.last_exit = if asked_for {
                "ended to be started anew".to_owned()
            } else {
                ending.to_string()
            };
            link.leftovers_stopped.clear();
            link.taken_over.clear();
        });
        self.keeping = Keeping::Clearing {
            unborn_until: now + UNBORN,
            eviction: None,
        };
        self.advance(now);
    }

    /// Notes the ends of processes that became bootd's when their parents ended.
    pub(crate) fn reaped(&mut self, orphans: &[Orphan]) {
        for orphan in orphans {
            let Some(run) = self.custody.reaped(orphan) else {
                continue;
            };
            tracing::debug!(run, pid = orphan.pid, ending = %orphan.ending, "held run ended");
            if let Keeping::Running { line, .. } | Keeping::Stopping { line } = &mut self.keeping
                && line.greeted == Greeted::AsHeir
                && let Some(channel) = &mut line.channel
            {
                channel.say_exited(run, orphan.pid, orphan.ending);
            }
        }
    }

    /// Does what is due.
    pub(crate) fn advance(&mut self, now: Instant) {
        self.look_at_silence(now);
        self.evict_unclaimed(now);
        self.clear(now);
        if let Keeping::Braking { until } = self.keeping
            && now >= until
        {
            self.restart(now);
        }
    }

    /// When [`Self::advance`] has something to do again.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let deadline = match &self.keeping {
            // Ends of processes that are not our children are not signalled to us.
            Keeping::Clearing { .. } => Some(now + LOOK_AGAIN),
            Keeping::Braking { until } => Some(*until),
            Keeping::Running { line, .. } => line.hello_by,
            Keeping::Idle | Keeping::Stopping { .. } | Keeping::Stopped => None,
        };
        let unclaimed = self.unclaimed.as_ref().map(|_| now + LOOK_AGAIN);
        deadline.into_iter().chain(unclaimed).min()
    }

    /// Stops keeping: has a running supervisor end. Answers with its process, if any.
    pub(crate) fn stop(&mut self, by: By) -> Option<Pid> {
        let (running, next) = match std::mem::replace(&mut self.keeping, Keeping::Stopped) {
            // The channel stays: only bootd knows how programs end that were taken over.
            Keeping::Running { line, .. } | Keeping::Stopping { line } => {
                (Some(line.pid), Keeping::Stopping { line })
            }
            Keeping::Idle
            | Keeping::Clearing { .. }
            | Keeping::Braking { .. }
            | Keeping::Stopped => (None, Keeping::Stopped),
        };
        self.keeping = next;
        self.unclaimed = None;
        if let (Some(pid), By::Us) = (running, by) {
            let _ = kill(pid, Signal::SIGTERM);
        }
        self.board.link(|link| {
            link.state = LinkState::Stopped;
            link.channel_open = false;
        });
        running
    }

    /// Tells how many runs are held, if that has changed.
    fn tell_held(&mut self) {
        let held = self.custody.len();
        if std::mem::replace(&mut self.told_held, held) != held {
            self.board.link(|link| link.held = held);
        }
    }

    fn restart(&mut self, now: Instant) {
        self.tell_held();
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
                let mut line = Line::new(pid, channel);
                line.hello_by = (self.custody.len() > 0).then_some(now + HELLO);
                self.keeping = Keeping::Running { since: now, line };
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
        environment.insert(CHANNEL.to_owned(), theirs.as_raw_fd().to_string());
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

/// The exit code of a supervisor that wants to be started anew, as after an upgrade.
const ANEW: i32 = 77;
/// A supervisor that lived shorter than this died quickly.
const QUICK: Duration = Duration::from_secs(5);
/// How long a supervisor may take to greet while something is held.
const HELLO: Duration = Duration::from_secs(2);
/// How long a process may take from its creation to being a program.
const UNBORN: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LONGEST_BRAKE: Duration = Duration::from_secs(10);
/// More programs than any instance has.
const MOST_RUNS: usize = 4096;
/// Files that are left for everything else that bootd does.
const OWN_FILES: usize = 512;

#[cfg(test)]
mod tests;
