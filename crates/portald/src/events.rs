//! What happened: compares what neighbours say with what they said before.
//!
//! Pure: it is given the time and never reads a clock or a file. The history
//! is kept over a restart of portald by `memory`, so that the page can also tell of its own death.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{
    neighbours::{Boot, Daemon, Outcome, Program, ProgramState, Said, Supervisor},
    view::{Severity, failure},
};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) unix_us: u64,
    pub(crate) severity: Severity,
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// The newest events, and what is needed to notice the next ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct History {
    events: VecDeque<Event>,
    last_id: u64,
    seen: Seen,
    /// Neighbours heard in this life of portald. One that is another process since the life
    /// before says nothing: a boot or a new supervisor restarts everybody, and is told by bootd.
    #[serde(skip)]
    heard: BTreeSet<String>,
}

/// What the neighbours said last, as far as later comparison needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Seen {
    epochs: BTreeMap<String, u64>,
    /// Neighbours that were lost and said to be.
    lost: BTreeSet<String>,
    /// Restarts of the supervisor, as bootd counts them.
    supervisor_restarts: u32,
    programs: BTreeMap<String, SeenProgram>,
    /// Complaints that are already in the history, by who made them.
    complaints: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SeenProgram {
    incarnation: u64,
    restarts: u32,
    running: bool,
    failed: bool,
}

impl History {
    /// Newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().rev()
    }

    /// Adds an event that is not derived from a snapshot.
    pub(crate) fn note(&mut self, now: u64, severity: Severity, subject: &str, text: &str) {
        self.last_id += 1;
        self.events.push_back(Event {
            id: self.last_id,
            unix_us: now,
            severity,
            subject: clip(subject),
            text: clip(text),
        });
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
    }

    /// A neighbour stopped answering. Told once, and only of one that had answered before.
    pub(crate) fn lost(&mut self, daemon: Daemon, problem: &str, now: u64) {
        let name = daemon.name();
        if self.seen.epochs.contains_key(name) && self.seen.lost.insert(name.to_owned()) {
            self.note(
                now,
                Severity::Warning,
                name,
                &format!("does not answer: {problem}"),
            );
        }
    }

    /// A neighbour's snapshot arrived.
    pub(crate) fn said(&mut self, daemon: Daemon, said: &Said, now: u64) {
        let name = daemon.name();
        let before = self.seen.epochs.insert(name.to_owned(), said.epoch());
        let was_lost = self.seen.lost.remove(name);
        let restarted = before.is_some_and(|before| before != said.epoch());
        let watched = !self.heard.insert(name.to_owned());
        match said {
            Said::Boot(boot) => self.boot(boot, restarted, now),
            Said::Supervisor(supervisor) => self.supervisor(supervisor, restarted, now),
            Said::Proxy(proxy) => {
                self.complaints(name, now, proxy.problems.iter().map(|text| own(text)))
            }
            Said::Tunnel(tunnel) => {
                let standing = tunnel.problems.iter().chain(&tunnel.notices);
                self.complaints(name, now, standing.map(|text| own(text)))
            }
            Said::Gpu(gpu) => self.complaints(name, now, gpu.problems.iter().map(|text| own(text))),
        }
        if restarted && watched && daemon != Daemon::Bootd {
            self.note(
                now,
                Severity::Info,
                name,
                "answers again; it was restarted and is another process than before",
            );
        } else if was_lost && !restarted {
            self.note(now, Severity::Info, name, "answers again");
        }
    }

    /// Input that somebody refused: `subject` and text of each, as they stand at this moment.
    pub(crate) fn complaints(
        &mut self,
        source: &str,
        now: u64,
        standing: impl Iterator<Item = (Option<String>, String)>,
    ) {
        let before = self.seen.complaints.remove(source).unwrap_or_default();
        let mut standing_keys = BTreeSet::new();
        for (subject, text) in standing.take(KEPT) {
            let subject = subject.unwrap_or_else(|| source.to_owned());
            let key = clip(&format!("{subject}: {text}"));
            if !before.contains(&key) && standing_keys.insert(key.clone()) {
                self.note(now, Severity::Warning, &subject, &text);
            }
            standing_keys.insert(key);
        }
        self.seen
            .complaints
            .insert(source.to_owned(), standing_keys);
    }

    fn boot(&mut self, boot: &Boot, rebooted: bool, now: u64) {
        if rebooted {
            // A boot makes everything start again: nothing of before is worth a comparison.
            self.seen = Seen {
                epochs: BTreeMap::from([(Daemon::Bootd.name().to_owned(), boot.epoch)]),
                ..Seen::default()
            };
            self.note(
                now,
                Severity::Info,
                "bootd",
                "the instance was started again",
            );
        }
        let link = &boot.supervisor;
        if link.restarts > self.seen.supervisor_restarts {
            let mut text = format!("bootd started it again: {}", or_unknown(&link.last_exit));
            if !link.leftovers_stopped.is_empty() {
                text.push_str("; leftover programs were ended first: ");
                text.push_str(&link.leftovers_stopped.join(", "));
            }
            self.note(now, Severity::Error, "supervisord", &text);
        }
        self.seen.supervisor_restarts = link.restarts;
        let notices = boot
            .notices
            .iter()
            .map(|notice| (Some(notice.subject.clone()), notice.text.clone()));
        let steps = boot.steps.iter().filter_map(|step| {
            let what = match step.outcome {
                Outcome::Failed => "failed",
                Outcome::Degraded => "done in part",
                Outcome::Unknown
                | Outcome::Pending
                | Outcome::Running
                | Outcome::Done
                | Outcome::Skipped => return None,
            };
            Some((
                Some(format!("boot step {}", step.name)),
                format!("{what}: {}", step.message),
            ))
        });
        self.complaints("bootd", now, notices.chain(steps));
    }

    fn supervisor(&mut self, said: &Supervisor, restarted: bool, now: u64) {
        if restarted {
            self.seen.programs.clear();
        }
        let before = std::mem::take(&mut self.seen.programs);
        for program in &said.programs {
            let name = full_name(program);
            let seen = SeenProgram::of(program);
            if let Some(before) = before.get(&name) {
                self.program(&name, program, before, &seen, now);
            } else if seen.failed {
                self.note(now, Severity::Error, &name, &failed_text(program));
            }
            self.seen.programs.insert(name, seen);
        }
        let problems = said.problems.iter().map(|problem| {
            let subject = crate::view::place(problem);
            (Some(subject), problem.text.clone())
        });
        self.complaints("supervisord", now, problems);
    }

    fn program(
        &mut self,
        name: &str,
        program: &Program,
        before: &SeenProgram,
        seen: &SeenProgram,
        now: u64,
    ) {
        if seen.failed && !before.failed {
            self.note(now, Severity::Error, name, &failed_text(program));
        } else if seen.restarts > before.restarts {
            let how = program
                .last_exit
                .map_or_else(|| "it ended".to_owned(), |exit| exit.in_words());
            self.note(
                now,
                Severity::Warning,
                name,
                &format!("{how}; supervisord started it again"),
            );
        } else if seen.incarnation > before.incarnation {
            self.note(now, Severity::Info, name, "was started");
        } else if before.running && !seen.running {
            self.stopped(name, program, now);
        }
    }

    fn stopped(&mut self, name: &str, program: &Program, now: u64) {
        match program.state {
            ProgramState::Exited => {
                let expected = program.last_exit.is_some_and(|exit| exit.expected);
                let severity = match expected {
                    true => Severity::Info,
                    false => Severity::Warning,
                };
                self.note(now, severity, name, &failure(program));
            }
            ProgramState::Stopped | ProgramState::Stopping => {
                self.note(now, Severity::Info, name, "was stopped");
            }
            ProgramState::Starting
            | ProgramState::Running
            | ProgramState::Backoff
            | ProgramState::Fatal
            | ProgramState::Unknown => {}
        }
    }
}

impl SeenProgram {
    fn of(program: &Program) -> Self {
        Self {
            incarnation: program.incarnation,
            restarts: program.restarts,
            running: matches!(
                program.state,
                ProgramState::Starting | ProgramState::Running | ProgramState::Backoff
            ),
            failed: program.state == ProgramState::Fatal,
        }
    }
}

fn own(text: &str) -> (Option<String>, String) {
    (None, text.to_owned())
}

fn failed_text(program: &Program) -> String {
    format!("could not be started: {}", failure(program))
}

fn full_name(program: &Program) -> String {
    if program.group.is_empty() || program.group == program.name {
        return program.name.clone();
    }
    format!("{}:{}", program.group, program.name)
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() {
        "reason unknown"
    } else {
        text
    }
}

/// Bounds what a neighbour can make us keep.
fn clip(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

const KEPT: usize = 200;
const LONGEST: usize = 400;

#[cfg(test)]
mod tests;
