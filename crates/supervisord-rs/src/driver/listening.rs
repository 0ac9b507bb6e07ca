//! Events, and the programs that listen to them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use supervisor_core::{ProgramId, Run, StateName};

use super::Driver;
use crate::{
    config::{EventType, GroupConfig, GroupKind},
    events::{Change, Event, Heard, ListenerState, Overflow},
    process::Reading,
};

/// The periods that have begun. Nothing is awaited while nobody listens.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    wanted: Vec<Tick>,
}

#[derive(Debug)]
struct Tick {
    kind: EventType,
    seconds: u64,
    /// The present period, in seconds of the epoch.
    began: u64,
}

impl Ticks {
    /// Awaits the periods that somebody wants to hear of.
    pub(super) fn want(&mut self, wanted: impl Fn(EventType) -> bool) {
        let now = seconds();
        self.wanted.retain(|tick| wanted(tick.kind));
        for (kind, seconds) in PERIODS {
            if wanted(kind) && !self.wanted.iter().any(|tick| tick.kind == kind) {
                self.wanted.push(Tick {
                    kind,
                    seconds,
                    began: now - now % seconds,
                });
            }
        }
    }

    /// When the next period begins.
    pub(super) fn next(&self) -> Option<Instant> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let next = self
            .wanted
            .iter()
            .map(|tick| tick.began + tick.seconds)
            .min()?;
        Some(Instant::now() + Duration::from_secs(next).saturating_sub(now))
    }

    /// The periods that have begun since the last call; one of each kind, as in the original.
    fn begun(&mut self) -> Vec<Event> {
        let now = seconds();
        let mut events = Vec::new();
        for tick in &mut self.wanted {
            let began = now - now % tick.seconds;
            if began != tick.began {
                tick.began = began;
                events.push(Event::tick(tick.kind, began));
            }
        }
        events
    }
}

impl Driver {
    /// Makes a group of listeners hear of what happens from now on.
    pub(super) fn open_pool(&mut self, group: &GroupConfig) {
        let GroupKind::Listeners(config) = &group.kind else {
            return;
        };
        let members = group.programs.iter().map(|program| program.id.clone());
        self.pools.add(&group.name, config.clone(), members);
        for program in &group.programs {
            self.programs.read_as(&program.id, Reading::Protocol);
        }
        self.ticks.want(|kind| self.pools.want(kind));
    }

    /// Forgets a group that was removed, and tells.
    pub(super) fn close_pool(&mut self, name: &str) {
        self.pools.remove(name);
        self.will_changed = true;
        self.ticks.want(|kind| self.pools.want(kind));
        self.notify(Event::group(EventType::ProcessGroupRemoved, name));
    }

    /// Queues an event for whoever listens.
    pub(super) fn notify(&mut self, event: Event) {
        let overflows = self.pools.notify(event);
        self.tell_overflows(&overflows);
    }

    /// A program went from one state to another.
    pub(super) fn state_changed(
        &mut self,
        run: &Run,
        (from, to): (StateName, StateName),
        tries: u32,
        expected: bool,
    ) {
        if to == StateName::Starting {
            self.pools.started(&run.program);
        }
        self.will_changed |= rests(from) || rests(to);
        self.came_up(run, to);
        let pid = match to {
            StateName::Running | StateName::Stopping | StateName::Exited => {
                self.programs.last_pid(&run.program)
            }
            StateName::Stopped if from == StateName::Stopping => {
                self.programs.last_pid(&run.program)
            }
            StateName::Stopped
            | StateName::Waiting
            | StateName::Starting
            | StateName::Backoff
            | StateName::Fatal
            | StateName::Unknown => 0,
        };
        let change = Change {
            program: &run.program,
            from,
            to,
            tries,
            expected,
            pid,
        };
        if let Some(event) = Event::state(change) {
            self.notify(event);
        }
    }

    pub(super) fn tick(&mut self) {
        for event in self.ticks.begun() {
            self.notify(event);
        }
    }

    /// Takes in what a listener wrote.
    pub(super) fn listen(&mut self, run: &Run, bytes: &[u8]) {
        let (heard, overflows) = self.pools.hear(&run.program, bytes);
        let name = &run.program.name;
        for what in heard {
            match what {
                Heard::Became(from, to) => {
                    self.log
                        .debug(&format!("{name}: {} -> {}", from.name(), to.name()));
                    if to == ListenerState::Unknown {
                        self.log.warn(&format!(
                            "{name}: has entered the UNKNOWN state and will no longer receive \
                             events, this usually indicates the process violated the \
                             eventlistener protocol"
                        ));
                    }
                }
                Heard::Processed(_) => self.log.debug(&format!("{name}: event was processed")),
                Heard::Rejected(_) => self.log.warn(&format!("{name}: event was rejected")),
                Heard::BadResult(_, line) => {
                    self.log.warn(&format!("{name}: bad result line: '{line}'"))
                }
            }
        }
        self.tell_overflows(&overflows);
    }

    /// The event that a listener had in hand goes to another.
    pub(super) fn listener_ended(&mut self, program: &ProgramId) {
        let overflows = self.pools.ended(program);
        self.tell_overflows(&overflows);
    }

    /// Sends what waits to whoever is ready.
    pub(super) fn deliver_events(&mut self) {
        let core = &self.core;
        let running = |id: &ProgramId| {
            core.program(id)
                .is_some_and(|view| view.state == StateName::Running)
        };
        for delivery in self.pools.deliveries(running) {
            // A listener that has closed its input ends in a moment, and its event goes to another.
            if let Err(error) = self
                .programs
                .write(&delivery.program, delivery.text.as_bytes())
            {
                let name = &delivery.program.name;
                self.log.error(&format!("no event for {name}: {error}"));
            }
        }
    }

    fn tell_overflows(&self, overflows: &[Overflow]) {
        for Overflow { pool, serial } in overflows {
            self.log.error(&format!(
                "pool {pool} event buffer overflowed, discarding event {serial}"
            ));
        }
    }
}

fn rests(state: StateName) -> bool {
    match state {
        StateName::Stopped | StateName::Exited | StateName::Fatal | StateName::Unknown => true,
        StateName::Waiting
        | StateName::Starting
        | StateName::Running
        | StateName::Backoff
        | StateName::Stopping => false,
    }
}

fn seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

const PERIODS: [(EventType, u64); 3] = [
    (EventType::Tick5, 5),
    (EventType::Tick60, 60),
    (EventType::Tick3600, 3600),
];
