//! Taking over what our predecessor left: its running programs from bootd, and what it had decided
//! about the others from a file. The protocol is in `docs/design/survival.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use supervisor_core::{
    Exit, Incarnation, Inherited, ProgramId, ProgramView, Readiness, Resting, Run, StateName,
};
use tracing::{info, info_span, warn};

use super::{Driver, programs::AutoLogs};
use crate::{
    config::GroupConfig,
    process::{Fact, Held, since_boot},
};

/// What is known of our predecessor's programs.
#[derive(Debug, Default)]
pub(super) struct Estate {
    /// Live and ended runs that bootd kept, by program.
    held: BTreeMap<ProgramId, Held>,
    /// Kept runs that cannot be named.
    nameless: Vec<Held>,
    /// Kept runs about which everything is known; bootd may forget them.
    over: Vec<Held>,
    decided: BTreeMap<ProgramId, Decided>,
    /// The groups that were active, if that is known.
    groups: Option<BTreeSet<String>>,
}

/// What is written down for a successor.
#[derive(Debug, Serialize, Deserialize)]
struct Will {
    /// bootd's own start: another instance inherits nothing.
    bootd: u64,
    groups: BTreeSet<String>,
    programs: Vec<Decided>,
}

/// One program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Decided {
    group: String,
    name: String,
    incarnation: u64,
    rests: Option<Rest>,
    #[serde(default)]
    ready: bool,
    stdout_auto: Option<PathBuf>,
    stderr_auto: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rest {
    Stopped,
    Exited {
        code: Option<i32>,
        signal: Option<i32>,
        dumped: bool,
        expected: bool,
    },
    Fatal(String),
}

/// What a group inherits.
#[derive(Debug, Default)]
pub(super) struct Heirs {
    pub(super) inherited: Vec<(ProgramId, Inherited)>,
    /// Programs whose process lives and whose output is lost. They are to be restarted.
    pub(super) mute: Vec<ProgramId>,
}

impl Estate {
    /// Reads what there is; `bootd` is its start.
    pub(super) fn open(state_dir: &Path, bootd: Option<u64>, held: Vec<Held>) -> Self {
        let mut estate = Self::default();
        for kept in held {
            match program_of(&kept.run) {
                Some(program) => {
                    if let Some(older) = estate.held.insert(program, kept) {
                        estate.nameless.push(older);
                    }
                }
                None => estate.nameless.push(kept),
            }
        }
        let will = bootd.and_then(|bootd| {
            let text = fs::read(path(state_dir)).ok()?;
            let will: Will = serde_json::from_slice(&text).ok()?;
            (will.bootd == bootd).then_some(will)
        });
        if let Some(will) = will {
            estate.groups = Some(will.groups);
            for decided in will.programs {
                let id = ProgramId::new(&decided.group, &decided.name);
                estate.decided.insert(id, decided);
            }
        }
        estate
    }

    /// Whether a group was active when our predecessor died; all are where nothing is known.
    pub(super) fn was_active(&self, group: &str) -> bool {
        self.groups
            .as_ref()
            .is_none_or(|groups| groups.contains(group))
    }

    /// The run that is to be taken over. One of which our predecessor had written down how it ended
    /// is none: it died before bootd was told.
    fn take_held(&mut self, program: &ProgramId) -> Option<Held> {
        let held = self.held.remove(program)?;
        let known = self.decided.get(program).is_some_and(|decided| {
            let number = Some(Incarnation(decided.incarnation));
            decided.rests.is_some() && number == number_of(&held.run)
        });
        if known && held.exit.is_some() {
            self.over.push(held);
            return None;
        }
        Some(held)
    }

    /// The generated names of a program's logs.
    pub(super) fn auto_logs(&self, program: &ProgramId) -> AutoLogs {
        let decided = self.decided.get(program);
        decided.map_or((None, None), |decided| {
            (decided.stdout_auto.clone(), decided.stderr_auto.clone())
        })
    }
}

impl Driver {
    /// Hears of the ends of processes that only bootd can reap, and says what it has not said.
    pub(super) fn tend_channel(&self) {
        let Some(custody) = self.programs.custody().cloned() else {
            return;
        };
        let (facts, stop) = (self.programs.facts(), self.stop.token());
        let hear = {
            let custody = custody.clone();
            async move {
                loop {
                    match custody.told().await {
                        Ok(told) => {
                            let _ = facts.send(Fact::Told(told)).await;
                        }
                        Err(error) => return error,
                    }
                }
            }
        };
        self.programs
            .tasks()
            .spawn("bootd channel", info_span!("bootd"), async move {
                let error = tokio::select! {
                    error = hear => error,
                    error = custody.tell_late() => error,
                    () = stop.cancelled() => return,
                };
                warn!(%error, "the channel to bootd is closed");
            });
    }

    /// How the members of a group go on.
    pub(super) fn inherit(&mut self, group: &GroupConfig) -> Heirs {
        let mut heirs = Heirs::default();
        for program in &group.programs {
            let id = &program.id;
            if let Some(mut held) = self.estate.take_held(id) {
                self.programs.inherit_socket(group, &mut held);
                self.adopt(id, held, &mut heirs);
            } else if let Some(decided) = self.estate.decided.get(id)
                && let Some(rests) = &decided.rests
            {
                let resting = Inherited::Resting {
                    state: rests.state(),
                    incarnation: Incarnation(decided.incarnation),
                };
                heirs.inherited.push((id.clone(), resting));
            }
        }
        heirs
    }

    fn adopt(&mut self, program: &ProgramId, held: Held, heirs: &mut Heirs) {
        // A mark without a number is no reason to lose the process.
        let incarnation = number_of(&held.run).unwrap_or(Incarnation(0));
        let run = Run {
            program: program.clone(),
            incarnation,
        };
        let age = since_boot().saturating_sub(held.started);
        let started = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
        let ready = self.estate.decided.get(program).is_some_and(|d| d.ready);
        let (pid, lives) = (held.pid, held.exit.is_none());
        let how = if lives {
            "which runs"
        } else {
            "which has ended"
        };
        match self.programs.adopt(&run, held, age, &self.log) {
            Ok(()) => self.log.info(&format!(
                "took over: '{}' with pid {pid}, {how}",
                program.name
            )),
            Err(error) => {
                self.log.error(&format!(
                    "could not take over {program} with pid {pid}, {how}: {error}"
                ));
                heirs.mute.extend(lives.then(|| program.clone()));
            }
        }
        let running = Inherited::Running {
            incarnation,
            started,
            ready,
        };
        heirs.inherited.push((program.clone(), running));
    }

    /// Ends what nobody here knows any more.
    pub(super) fn dissolve_estate(&mut self) {
        let mut estate = std::mem::take(&mut self.estate);
        for held in estate.over.drain(..) {
            self.programs.end_stranger(held);
        }
        let left = estate.held.into_values().chain(estate.nameless);
        for held in left {
            info!(
                run = held.run,
                pid = held.pid,
                "a program that is not configured is ended"
            );
            self.log.warn(&format!(
                "{} with pid {} is not configured any more and is ended",
                held.run, held.pid
            ));
            self.programs.end_stranger(held);
        }
    }

    /// Writes down what a successor must know, if something of it has changed.
    pub(super) fn write_will(&mut self) {
        let Some(bootd) = self
            .bootd
            .filter(|_| std::mem::take(&mut self.will_changed))
        else {
            return;
        };
        let view = self.core.view();
        let programs = view.programs.iter().map(|view| {
            let (stdout_auto, stderr_auto) = self.programs.auto_logs(&view.id);
            Decided {
                group: view.id.group.to_string(),
                name: view.id.name.to_string(),
                incarnation: view.incarnation.0,
                rests: Rest::of(view),
                ready: view.readiness == Readiness::Ready,
                stdout_auto,
                stderr_auto,
            }
        });
        let will = Will {
            bootd,
            groups: self.active.keys().cloned().collect(),
            programs: programs.collect(),
        };
        if let Err(error) = publish(&path(&self.state_dir), &will) {
            warn!(%error, "could not write down what a successor must know");
        }
    }
}

impl Rest {
    fn of(view: &ProgramView) -> Option<Self> {
        match view.state {
            StateName::Stopped => Some(Self::Stopped),
            StateName::Exited if view.restart_at.is_none() => {
                let (exit, expected) = view.last_exit?;
                let (code, signal, dumped) = match exit {
                    Exit::Code(code) => (Some(code), None, false),
                    Exit::Signal { number, dumped } => (None, Some(number), dumped),
                };
                Some(Self::Exited {
                    code,
                    signal,
                    dumped,
                    expected,
                })
            }
            StateName::Fatal => Some(Self::Fatal(view.spawn_error.clone().unwrap_or_default())),
            StateName::Exited
            | StateName::Waiting
            | StateName::Starting
            | StateName::Running
            | StateName::Backoff
            | StateName::Stopping
            | StateName::Unknown => None,
        }
    }

    fn state(&self) -> Resting {
        match self {
            Self::Stopped => Resting::Stopped,
            Self::Exited {
                code,
                signal,
                dumped,
                expected,
            } => {
                let exit = match signal {
                    Some(number) => Exit::Signal {
                        number: *number,
                        dumped: *dumped,
                    },
                    None => Exit::Code(code.unwrap_or(-1)),
                };
                Resting::Exited(exit, *expected)
            }
            Self::Fatal(reason) => Resting::Fatal(reason.clone()),
        }
    }
}

/// `EPOCH/GROUP:NAME/NUMBER`.
fn program_of(mark: &str) -> Option<ProgramId> {
    let (_, rest) = mark.split_once('/')?;
    let (program, _) = rest.rsplit_once('/')?;
    let (group, name) = program.split_once(':')?;
    Some(ProgramId::new(group, name))
}

fn number_of(mark: &str) -> Option<Incarnation> {
    let (_, number) = mark.rsplit_once('/')?;
    number.parse().ok().map(Incarnation)
}

fn publish(path: &Path, will: &Will) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let aside = path.with_extension("tmp");
    fs::write(&aside, serde_json::to_vec(will)?)?;
    fs::rename(&aside, path)
}

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("runtime.json")
}

/// How long a program that nobody knows any more may take to end.
pub(super) const STRANGER_GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_its_program_and_run() {
        let mark = "1700/g:web_01/12";
        assert_eq!(program_of(mark), Some(ProgramId::new("g", "web_01")));
        assert_eq!(number_of(mark), Some(Incarnation(12)));
        assert_eq!(program_of("nonsense"), None);
    }

    #[test]
    fn a_will_of_another_instance_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let will = Will {
            bootd: 7,
            groups: ["a".to_owned()].into(),
            programs: vec![Decided {
                group: "a".to_owned(),
                name: "a".to_owned(),
                incarnation: 3,
                rests: Some(Rest::Stopped),
                ready: false,
                stdout_auto: None,
                stderr_auto: None,
            }],
        };
        publish(&path(dir.path()), &will).unwrap();
        let estate = Estate::open(dir.path(), Some(7), Vec::new());
        assert!(estate.was_active("a") && !estate.was_active("b"));
        assert_eq!(estate.decided.len(), 1);
        let estate = Estate::open(dir.path(), Some(8), Vec::new());
        assert!(estate.was_active("b") && estate.decided.is_empty());
    }
}
