//! What is said between the keeper and a running supervisor, and what it means for held runs.

use std::{
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    time::Instant,
};

use nix::unistd::Pid;

use super::{End, HELLO, Keeper, Keeping};
use crate::{
    board::LinkState,
    channel::{Channel, Event, Said},
    custody::{Ends, Refusal},
    system::{program, started, uptime},
};

/// The connection to a running supervisor.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) pid: Pid,
    /// `None` once the other end is gone.
    pub(super) channel: Option<Channel>,
    pub(super) greeted: Greeted,
    /// Until when it has to greet, or to end if it has closed the channel, if something is held.
    pub(super) hello_by: Option<Instant>,
    /// Whether it has said nothing since it greeted.
    is_silent: bool,
    /// Messages that were refused.
    refused: u32,
    /// Whether it has been told that no more can be held.
    is_full: bool,
}

/// What a supervisor has said of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeted {
    NotYet,
    /// It knows nothing of held runs.
    Plainly,
    /// It takes over what is held.
    AsHeir,
}

impl Line {
    /// The connection to a process that has said nothing yet.
    pub(super) fn new(pid: Pid, channel: Channel) -> Self {
        Self {
            pid,
            channel: Some(channel),
            greeted: Greeted::NotYet,
            hello_by: None,
            is_silent: true,
            refused: 0,
            is_full: false,
        }
    }
}

impl Keeper {
    /// The descriptor to watch, if there is one, and whether something waits for room in it.
    pub(crate) fn channel(&self) -> Option<(BorrowedFd<'_>, bool)> {
        let channel = self.line()?.channel.as_ref()?;
        Some((channel.as_fd(), channel.has_mail()))
    }

    /// Handles what the supervisor says over the channel. Answers with what it wants if it gives
    /// the instance up.
    pub(crate) fn listen(&mut self, now: Instant) -> Option<End> {
        let mut end = None;
        // One turn is bounded: a supervisor that never stops talking must not keep init from its
        // other work. More than this does not fit into the channel at once.
        for _ in 0..MOST_AT_ONCE {
            let Some(channel) = self.line_mut().and_then(|line| line.channel.as_ref()) else {
                break;
            };
            match channel.take() {
                None => break,
                Some(Event::Said(said, descriptors)) => {
                    let wanted = self.hear(said, descriptors, now);
                    end = end.or(wanted);
                }
                Some(Event::Refused(reason)) => self.refuse(&reason),
                Some(Event::Closed) => self.closed(now),
            }
        }
        if let Some(channel) = self.line_mut().and_then(|line| line.channel.as_mut()) {
            channel.flush();
        }
        self.tell_held();
        end
    }

    fn line(&self) -> Option<&Line> {
        match &self.keeping {
            Keeping::Running { line, .. } | Keeping::Stopping { line } => Some(line),
            Keeping::Idle
            | Keeping::Clearing { .. }
            | Keeping::Braking { .. }
            | Keeping::Stopped => None,
        }
    }

    fn line_mut(&mut self) -> Option<&mut Line> {
        match &mut self.keeping {
            Keeping::Running { line, .. } | Keeping::Stopping { line } => Some(line),
            Keeping::Idle
            | Keeping::Clearing { .. }
            | Keeping::Braking { .. }
            | Keeping::Stopped => None,
        }
    }

    fn hear(&mut self, said: Said, descriptors: Vec<OwnedFd>, now: Instant) -> Option<End> {
        let line = self.line_mut()?;
        let greeted = line.greeted;
        line.is_silent = greeted == Greeted::NotYet;
        match said {
            Said::Hello { epoch, version } => {
                if greeted == Greeted::NotYet {
                    self.greet(epoch, version, now);
                } else {
                    self.refuse("it has greeted before");
                }
            }
            Said::Hold { .. } | Said::Bind { .. } | Said::Release { .. }
                if greeted != Greeted::AsHeir =>
            {
                self.refuse("it has not greeted as one that takes over what is held");
            }
            Said::Hold { run, ends } => {
                let ends = Ends {
                    names: ends,
                    descriptors,
                };
                if let Err(refusal) = self.custody.hold(&run, ends) {
                    self.refuse_hold(&run, &refusal);
                }
            }
            Said::Bind { run, pid } => self.custody.bind(&run, pid, started(pid), uptime()),
            Said::Release { run } => self.custody.release(&run),
            Said::End { code, reason } => return Some(End { code, reason }),
        }
        None
    }

    fn greet(&mut self, supervisor: u64, version: u32, now: Instant) {
        let epoch = self.board.state().epoch.micros();
        let greeted = if version >= HEIR {
            Greeted::AsHeir
        } else {
            Greeted::Plainly
        };
        if greeted == Greeted::Plainly {
            self.end_unclaimed("cannot take programs over", now);
        }
        let kept = self.custody.kept();
        let living = self.custody.living();
        let Some(line) = self.line_mut() else { return };
        line.greeted = greeted;
        let pid = line.pid.as_raw();
        line.hello_by = None;
        if let Some(channel) = &mut line.channel {
            channel.welcome(epoch, &kept);
        }
        if greeted == Greeted::AsHeir {
            self.heir = program(pid);
        }
        if kept.is_empty() {
            tracing::debug!(epoch = supervisor, "supervisor greeted");
        } else {
            let (held, living) = (kept.len(), living.len());
            tracing::info!(epoch = supervisor, held, living, "supervisor takes over");
        }
        self.board.link(|link| {
            link.channel_open = link.state == LinkState::Running;
            link.taken_over = living;
        });
    }

    /// The other end is gone: the supervisor is about to end, or goes on without us.
    fn closed(&mut self, now: Instant) {
        let holds = self.custody.len() > 0;
        if let Some(line) = self.line_mut() {
            line.channel = None;
            // One that has acted on what it got has taken it over.
            let took_nothing = line.greeted != Greeted::AsHeir || line.is_silent;
            line.hello_by = (holds && took_nothing).then_some(now + HELLO);
        }
        self.board.link(|link| link.channel_open = false);
    }

    fn refuse(&mut self, reason: &str) {
        let Some(line) = self.line_mut() else { return };
        line.refused += 1;
        if line.refused <= MOST_REFUSALS_TOLD {
            let text = format!("a message was not understood: {reason}");
            self.board.notice("supervisor channel", text);
        }
    }

    fn refuse_hold(&mut self, run: &str, refusal: &Refusal) {
        match refusal {
            Refusal::Full(room) => {
                let was_full = self
                    .line_mut()
                    .is_none_or(|line| std::mem::replace(&mut line.is_full, true));
                if !was_full {
                    let text = format!(
                        "{run} and perhaps later programs do not outlive the supervisor: no more \
                         than {} programs and {} descriptors can be kept; start fewer, or raise \
                         the hard limit of open files of the container",
                        room.runs, room.descriptors,
                    );
                    self.board.notice("supervisor channel", text);
                }
            }
            Refusal::Twice => self.refuse(&format!("{run} is held already")),
            Refusal::Uneven { ends, descriptors } => self.refuse(&format!(
                "{run} comes with {descriptors} descriptors for {ends} ends"
            )),
        }
    }
}

/// The version of the greeting from which on a supervisor takes over what is held.
const HEIR: u32 = 2;
/// Messages of one turn.
const MOST_AT_ONCE: usize = 1024;
const MOST_REFUSALS_TOLD: u32 = 5;
