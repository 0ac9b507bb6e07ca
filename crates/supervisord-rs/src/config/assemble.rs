//! From sections to groups: `[group:x]`, and the groups that sections outside any are of their
//! own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use supervisor_core::ProgramId;

use super::{
    GroupConfig, GroupKind, LogLevel, Place, Problem, ProblemKind, ProgramConfig, Refused,
    dependencies,
    form::Form,
    ini::{Ini, Section},
    names::{Names, Value},
    pools,
    program::{self, Kind, Parsed},
    values::{integer, plain_name},
};

/// A group whose programs do not know yet what they depend on.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) priority: i64,
    pub(super) kind: GroupKind,
    pub(super) programs: Vec<Parsed>,
    /// The section that makes it, and where that stands.
    section: String,
    place: Place,
}

/// The groups of `ini`, sorted by priority, then name.
///
/// `names` hold `here` and all variables, `host` is the name of this machine, `common` are the variables of `[supervisord]`.
pub(super) fn groups(
    ini: &Ini,
    names: &Names,
    host: &str,
    common: &BTreeMap<String, String>,
    notes: &mut Notes,
) -> Vec<GroupConfig> {
    let mut assembly = Assembly {
        ini,
        names,
        host,
        common,
        notes,
        taken: BTreeSet::new(),
        room: program::MOST_PROCESSES,
    };
    let mut drafts = Vec::new();
    for section in ini.sections().filter(|s| s.name.starts_with("group:")) {
        drafts.extend(assembly.group(section));
    }
    for (prefix, kind) in [
        (PROGRAM, Kind::Program),
        (LISTENER, Kind::Listener),
        (FCGI, Kind::Program),
    ] {
        for section in ini.sections().filter(|s| s.name.starts_with(prefix)) {
            if !assembly.taken.contains(&section.name) {
                drafts.extend(assembly.lone(section, kind));
            }
        }
    }
    drafts.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    only_first(&mut drafts, notes);
    dependencies::resolve(&mut drafts, &mut notes.problems);
    drafts.into_iter().map(Draft::finish).collect()
}

/// What was refused, and what is odd.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) problems: Vec<Problem>,
    pub(super) remarks: Vec<(LogLevel, String)>,
    /// What is certainly not meant so, although the original takes it in silence.
    pub(super) suspicions: Vec<Problem>,
}

impl Notes {
    /// Notes mistakes of a section.
    pub(super) fn refuse(&mut self, section: &Section, refused: Vec<Refused>) {
        let problems = refused
            .into_iter()
            .map(|refused| section.problem(refused, ProblemKind::Mistake));
        self.problems.extend(problems);
    }

    /// Notes something that is not supported.
    pub(super) fn unsupported(&mut self, section: &Section, refused: Refused) {
        let problem = section.problem(refused, ProblemKind::Unsupported);
        self.problems.push(problem);
    }

    pub(super) fn warn(&mut self, remarks: Vec<String>) {
        let remarks = remarks.into_iter().map(|text| (LogLevel::Warn, text));
        self.remarks.extend(remarks);
    }
}

struct Assembly<'a> {
    ini: &'a Ini,
    names: &'a Names,
    host: &'a str,
    common: &'a BTreeMap<String, String>,
    notes: &'a mut Notes,
    /// Sections that belong to a group.
    taken: BTreeSet<String>,
    /// How many processes there may still be.
    room: i64,
}

impl Assembly<'_> {
    fn group(&mut self, section: &Section) -> Option<Draft> {
        let form = Form::new(section);
        let name = plain_name(section.suffix()).unwrap_or_else(|reason| {
            form.refuse_section(&reason);
            String::new()
        });
        let members = form.text("programs", self.names).unwrap_or_default();
        let priority = form.value("priority", self.names, 999, integer);
        let members = match members.as_str() {
            "" => Vec::new(),
            members => members.split(',').map(|m| m.trim().to_owned()).collect(),
        };
        let mut sections = Vec::new();
        for member in &members {
            let found =
                [PROGRAM, FCGI].map(|prefix| self.ini.section(&format!("{prefix}{member}")));
            match found {
                [None, None] => form.refuse(
                    "programs",
                    &format!("names unknown program or fcgi-program '{member}'"),
                ),
                [Some(_), Some(_)] => form.refuse(
                    "programs",
                    &format!("name {member} is ambiguous (exists as program and fcgi-program)"),
                ),
                [Some(program), None] | [None, Some(program)] => sections.push(program),
            }
        }
        self.taken
            .extend(sections.iter().map(|section| section.name.clone()));
        let mut programs = Vec::new();
        // Members stay together even if one of them is wrong, but not under a name that is.
        if !name.is_empty() {
            for program in sections {
                programs.extend(self.programs(program, Kind::Program, &name));
            }
        }
        self.only_last(section, &mut programs);
        let named = !name.is_empty();
        let draft = Draft {
            name,
            priority,
            kind: GroupKind::Programs,
            programs,
            section: section.name.clone(),
            place: section.place.clone(),
        };
        match form.finish(()) {
            Ok(()) => Some(draft),
            Err(refused) => {
                self.notes.refuse(section, refused);
                named.then_some(draft)
            }
        }
    }

    /// The group that a section is of its own.
    fn lone(&mut self, section: &Section, kind: Kind) -> Option<Draft> {
        if let Err(reason) = plain_name(section.suffix()) {
            let place = section.place.clone();
            let text = reason;
            self.notes.refuse(section, vec![Refused { place, text }]);
            return None;
        }
        let name = match kind {
            Kind::Program => section.suffix().trim().to_owned(),
            Kind::Listener => section.suffix().to_owned(),
        };
        let usual = match kind {
            Kind::Program => 999,
            Kind::Listener => -1,
        };
        let form = Form::new(section);
        let priority = form.value("priority", self.names, usual, integer);
        let pool = match section.name.as_str() {
            name if name.starts_with(LISTENER) => pools::listeners(&form, self.names, self.notes),
            name if name.starts_with(FCGI) => pools::socket(&form, self.names),
            _ => Some(GroupKind::Programs),
        };
        let mistakes = form.finish(()).err().unwrap_or_default();
        let before = self.notes.problems.len();
        let mut programs = self.programs(section, kind, &name);
        self.only_last(section, &mut programs);
        let told = |refused: &Refused| {
            let known = &self.notes.problems[before..];
            known.iter().any(|problem| problem.text == refused.text)
        };
        let untold: Vec<_> = mistakes.into_iter().filter(|m| !told(m)).collect();
        if !untold.is_empty() {
            self.notes.refuse(section, untold);
            if programs.iter().all(|p| p.config.refused.is_none()) {
                let problem = self.notes.problems.last().map(ToString::to_string);
                programs = stand_in(section, &name, problem.unwrap_or_default(), programs);
            }
        }
        let refused = programs.iter().any(|p| p.config.refused.is_some());
        Some(Draft {
            name,
            priority,
            // What is refused needs no socket and gets no events.
            kind: pool.filter(|_| !refused).unwrap_or(GroupKind::Programs),
            programs,
            section: section.name.clone(),
            place: section.place.clone(),
        })
    }

    fn programs(&mut self, section: &Section, kind: Kind, group: &str) -> Vec<Parsed> {
        let host = Value::Text(self.host.to_owned());
        let names = self.names.with("host_node_name", host);
        let outcome = program::parse(section, kind, group, &names, self.common, self.room);
        self.room -= i64::try_from(outcome.processes.len()).unwrap_or(i64::MAX);
        self.notes.warn(outcome.remarks);
        let before = self.notes.problems.len();
        let mut reasons: Vec<_> = self.ini.broken(&section.name).into_iter().collect();
        if reasons.is_empty() && outcome.refused.is_empty() {
            return outcome.processes;
        }
        self.notes.refuse(section, outcome.refused);
        reasons.extend(&self.notes.problems[before..]);
        let reasons: Vec<_> = reasons.into_iter().map(ToString::to_string).collect();
        stand_in(section, group, reasons.join("; "), outcome.processes)
    }

    /// Of two members with one name the last is used, in the place of the first.
    fn only_last(&mut self, group: &Section, programs: &mut Vec<Parsed>) {
        let mut kept: Vec<Parsed> = Vec::new();
        let mut places = BTreeMap::new();
        for program in programs.drain(..) {
            let name = program.config.id.name.to_string();
            match places.get(&name) {
                None => {
                    places.insert(name, kept.len());
                    kept.push(program);
                }
                Some(at) => {
                    let text = format!(
                        "more than one process is called '{name}'; only the last one is \
                         used"
                    );
                    let key = match group.raw("programs") {
                        Some(_) => "programs",
                        None => "process_name",
                    };
                    let place = group.place_of(key).clone();
                    let problem = group.problem(Refused { place, text }, ProblemKind::Mistake);
                    if !self.notes.suspicions.contains(&problem) {
                        self.notes.suspicions.push(problem);
                    }
                    kept[*at] = program;
                }
            }
        }
        *programs = kept;
    }
}

impl Draft {
    fn finish(self) -> GroupConfig {
        let programs = self.programs.into_iter().map(|p| Arc::new(p.config));
        // A vector would keep the room of the drafts.
        let programs: Box<[_]> = programs.collect();
        GroupConfig {
            name: self.name,
            priority: self.priority,
            kind: self.kind,
            programs: programs.into_vec(),
        }
    }
}

/// Of two groups with one name only the first is ever active.
fn only_first(drafts: &mut Vec<Draft>, notes: &mut Notes) {
    let mut seen = BTreeSet::new();
    drafts.retain(|draft| {
        let first = seen.insert(draft.name.clone());
        if !first {
            notes.suspicions.push(Problem {
                file: draft.place.file.to_path_buf(),
                line: draft.place.line,
                section: draft.section.clone(),
                text: format!(
                    "another group is called '{}', too; this one is not used",
                    draft.name
                ),
                kind: ProblemKind::Mistake,
            });
        }
        first
    });
}

/// One process that is never started and says why. It keeps its wishes, so that what is wrong with
/// them is told, too.
fn stand_in(section: &Section, group: &str, reason: String, processes: Vec<Parsed>) -> Vec<Parsed> {
    let wishes = processes.into_iter().next().map(|process| process.wishes);
    let id = ProgramId::new(group, section.suffix().trim());
    let origin = section.place.file.to_path_buf();
    vec![Parsed {
        config: ProgramConfig::refused(id, origin, reason),
        section: section.name.clone(),
        wishes: wishes.unwrap_or_default(),
        wishes_at: section.place_of("depends_on").clone(),
    }]
}

const PROGRAM: &str = "program:";
const LISTENER: &str = "eventlistener:";
const FCGI: &str = "fcgi-program:";
