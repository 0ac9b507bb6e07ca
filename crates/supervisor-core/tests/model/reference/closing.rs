//! A shutdown.

use std::time::Duration;

use supervisor_core::{
    Admission, Announcement, DependencyTarget, Effect, Patience, SHUTDOWN_BUDGET, StateName,
};

use super::{Reference, SECOND, Then};

/// A shutdown under way. Programs are numbered; none comes or goes any more.
pub(super) struct Closing {
    deadline: Option<Duration>,
    /// Who stops together, the last first; each in the order of the stops.
    ranks: Vec<Vec<usize>>,
    /// Whose rank has had its turn.
    opened: Vec<usize>,
    untold: Vec<Turn>,
    /// When the next rank has its turn at the latest.
    next_at: Option<Duration>,
    report_at: Duration,
    over: bool,
}

/// Somebody to be told, when at the latest, and when to be killed.
#[derive(Clone, Copy)]
struct Turn {
    who: usize,
    tell_at: Option<Duration>,
    until: Option<Duration>,
}

impl Reference {
    pub(super) fn shut_down(&mut self, patience: Patience) -> Admission {
        if self.closing.is_some() {
            self.hurry();
            return Admission::Accepted;
        }
        for i in 0..self.lines.len() {
            if self.lines[i].state == StateName::Waiting {
                self.rest(i);
            }
            let line = &mut self.lines[i];
            line.ready_by = None;
            line.then = Then::Rest;
            if line.state != StateName::Stopping {
                line.due = None;
            }
        }
        self.closing = Some(Closing {
            deadline: match patience {
                Patience::Budget => Some(self.now + SHUTDOWN_BUDGET),
                Patience::Own => None,
            },
            ranks: self.ranks(),
            opened: Vec::new(),
            untold: Vec::new(),
            next_at: None,
            report_at: self.now,
            over: false,
        });
        Admission::Accepted
    }

    /// Kills what is left.
    fn hurry(&mut self) {
        let now = self.now;
        if let Some(closing) = &mut self.closing {
            closing.deadline = Some(closing.deadline.map_or(now, |at| at.min(now)));
            closing.ranks.clear();
            closing.untold.clear();
        }
        for i in (0..self.lines.len()).rev() {
            self.stop(i, Some(now));
            if self.lines[i].state == StateName::Stopping {
                self.kill(i);
            }
        }
    }

    pub(super) fn closing_due(&self) -> Option<Duration> {
        let closing = self.closing.as_ref().filter(|closing| !closing.over)?;
        let next = match closing.ranks.is_empty() {
            true => closing.deadline.map(|at| at + STUCK),
            false => closing.next_at,
        };
        let untold = closing.untold.iter().filter_map(|turn| turn.tell_at);
        untold.chain(next).chain([closing.report_at]).min()
    }

    /// Goes on with the shutdown, if there is one.
    pub(super) fn close(&mut self) {
        let Some(mut closing) = self.closing.take() else {
            return;
        };
        loop {
            self.open(&mut closing);
            let told = self.turn(&mut closing);
            if told.is_empty() {
                break;
            }
            for turn in told {
                self.stop(turn.who, turn.until);
            }
        }
        let left = (0..self.lines.len()).filter(|i| !self.lines[*i].is_stopped());
        let left: Vec<_> = left.map(|i| self.lines[i].spec.id.clone()).collect();
        let stuck = closing.deadline.is_some_and(|at| at + STUCK <= self.now);
        if !closing.over && (left.is_empty() || closing.ranks.is_empty() && stuck) {
            closing.over = true;
            if !left.is_empty() {
                self.tell(Announcement::Abandoned(left));
            }
            self.effects.push_back(Effect::Drained);
        } else if !closing.over && closing.report_at <= self.now {
            closing.report_at = self.now + 3 * SECOND;
            self.tell(Announcement::WaitingFor(left));
        }
        self.closing = Some(closing);
    }

    /// A program that fails while its rank is being stopped is not tried again.
    pub(super) fn give_up_if_closing(&mut self) {
        let opened = self.closing.as_ref().map(|closing| closing.opened.clone());
        for i in opened.into_iter().flatten() {
            if self.lines[i].state == StateName::Backoff {
                self.give_up(i);
            }
        }
    }

    fn stop(&mut self, i: usize, until: Option<Duration>) {
        match self.lines[i].state {
            StateName::Starting | StateName::Running => self.ask_to_stop(i, Then::Rest),
            StateName::Backoff => self.give_up(i),
            StateName::Stopping
            | StateName::Stopped
            | StateName::Waiting
            | StateName::Exited
            | StateName::Fatal
            | StateName::Unknown => {}
        }
        let line = &mut self.lines[i];
        if let (StateName::Stopping, Some(until)) = (line.state, until) {
            line.due = line.due.map(|due| due.min(until));
        }
    }

    /// Gives the next rank its turn, if those before have ended or had their time.
    fn open(&self, closing: &mut Closing) {
        while closing.opened.iter().all(|i| self.lines[*i].is_stopped())
            || closing.next_at.is_some_and(|at| at <= self.now)
        {
            let Some(mut rank) = closing.ranks.pop() else {
                return;
            };
            rank.retain(|i| !self.lines[*i].is_stopped());
            let (steps, of) = self.steps(&rank);
            let shares = u32::try_from(closing.ranks.len()).expect("few") + 1;
            let left = closing.deadline.map(|at| at.saturating_sub(self.now));
            let share = left.map(|left| left / shares);
            let after = |step: u32| share.map(|share| self.now + share * step / steps);
            closing.next_at = after(steps);
            for (who, step) in rank.into_iter().zip(of) {
                closing.opened.push(who);
                let (tell_at, until) = (after(step), after(step + 1));
                closing.untold.push(Turn {
                    who,
                    tell_at,
                    until,
                });
            }
        }
    }

    /// Takes out those who are told now.
    fn turn(&self, closing: &mut Closing) -> Vec<Turn> {
        closing
            .untold
            .retain(|turn| !self.lines[turn.who].is_stopped());
        let due = |turn: &Turn| {
            let late = turn.tell_at.is_some_and(|at| at <= self.now);
            late || self.dependents(turn.who).is_empty()
        };
        // If nobody is being stopped, those that are left wait for each other.
        let alive = closing
            .opened
            .iter()
            .filter(|i| !self.lines[**i].is_stopped());
        let circle = alive.count() == closing.untold.len() && !closing.untold.iter().any(due);
        let (told, untold) = closing.untold.iter().partition(|turn| circle || due(turn));
        closing.untold = untold;
        told
    }

    /// The number of steps in which a rank stops, and the step of each. Those that depend on each
    /// other stop in the last one.
    fn steps(&self, rank: &[usize]) -> (u32, Vec<u32>) {
        let mut of: Vec<Option<u32>> = vec![None; rank.len()];
        let mut step = 0;
        while of.contains(&None) {
            let waits_for = |by: usize| rank.iter().position(|i| *i == by).map(|at| of[at]);
            let free = |i: usize| {
                let mut dependents = self.dependents(i).into_iter();
                dependents.all(|by| waits_for(by) != Some(None))
            };
            let left = (0..rank.len()).filter(|at| of[*at].is_none());
            let left: Vec<_> = left.collect();
            let mut next: Vec<_> = left.clone();
            next.retain(|at| free(rank[*at]));
            if next.is_empty() {
                next = left;
            }
            for at in next {
                of[at] = Some(step);
            }
            step += 1;
        }
        (step.max(1), of.into_iter().flatten().collect())
    }

    /// Others that have a process and depend on this program, if it has one.
    fn dependents(&self, i: usize) -> Vec<usize> {
        if !self.lines[i].has_process() {
            return Vec::new();
        }
        let id = &self.lines[i].spec.id;
        let concerns = |target: &DependencyTarget| match target {
            DependencyTarget::Program(on) => on == id,
            DependencyTarget::Group(on) => *on == id.group,
        };
        let depends = |other: &usize| {
            let mut on = self.lines[*other].spec.depends_on.iter();
            on.any(|on| concerns(&on.target))
        };
        let others = (0..self.lines.len()).filter(|other| *other != i);
        others
            .filter(|other| self.lines[*other].has_process())
            .filter(depends)
            .collect()
    }

    /// Who stops together: those of one priority, which for a program is the lowest of its group
    /// and of everything with a process that depends on it.
    fn ranks(&self) -> Vec<Vec<usize>> {
        let priority = |i: usize| self.groups[&self.lines[i].spec.id.group];
        let mut ranks: Vec<_> = (0..self.lines.len()).map(priority).collect();
        for _ in 0..self.lines.len() {
            for i in 0..self.lines.len() {
                let theirs = self.dependents(i).into_iter().map(|by| ranks[by]).min();
                ranks[i] = theirs.map_or(ranks[i], |theirs| theirs.min(ranks[i]));
            }
        }
        let mut order: Vec<_> = (0..self.lines.len()).collect();
        order.retain(|i| !self.lines[*i].is_stopped());
        order.sort_by_key(|i| {
            let spec = &self.lines[*i].spec;
            (priority(*i), spec.id.group.clone(), spec.priority, *i)
        });
        order.reverse();
        let mut different: Vec<_> = order.iter().map(|i| ranks[*i]).collect();
        different.sort_unstable();
        different.dedup();
        let of = |rank: i64| {
            let members = order.iter().filter(|i| ranks[**i] == rank);
            members.copied().collect()
        };
        different.into_iter().map(of).collect()
    }
}

impl Closing {
    pub(super) fn freeze(&mut self, gap: Duration) {
        self.report_at += gap;
        for at in [&mut self.deadline, &mut self.next_at] {
            *at = at.map(|at| at + gap);
        }
        for turn in &mut self.untold {
            for at in [&mut turn.tell_at, &mut turn.until] {
                *at = at.map(|at| at + gap);
            }
        }
    }
}

const STUCK: Duration = Duration::from_millis(700);
