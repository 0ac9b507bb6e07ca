//! `[group:x]`, and the groups that programs outside any group are of their own.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use supervisor_core::GroupSpec;

use super::{
    DaemonSection, Names, Problem, ProblemKind, ProgramConfig, Refused,
    ini::{Ini, Section},
    values::{integer, plain_name},
};

/// A group of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// Its name.
    pub name: String,
    /// Lower starts first.
    pub priority: i64,
    /// In order of priority, then name.
    pub programs: Vec<ProgramConfig>,
    /// What its programs are.
    pub kind: GroupKind,
}

/// What the programs of a group are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// Plain programs.
    Programs,
    /// Listeners.
    Listeners(ListenerConfig),
}

/// What listeners listen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Types.
    pub events: BTreeSet<super::EventType>,
    /// Size.
    pub buffer_size: usize,
    /// Handler.
    pub result_handler: String,
}

/// What changed between two configurations, by names of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Only in the later one.
    pub added: Vec<String>,
    /// In both, and not the same.
    pub changed: Vec<String>,
    /// Only in the earlier one.
    pub removed: Vec<String>,
}

impl GroupConfig {
    /// What the core needs to know.
    pub fn spec(&self) -> GroupSpec {
        GroupSpec {
            name: self.name.as_str().into(),
            priority: self.priority,
            programs: self.programs.iter().map(ProgramConfig::spec).collect(),
        }
    }
}

/// What turns `active` into `wanted`.
pub fn difference<'a>(
    active: impl Iterator<Item = &'a GroupConfig> + Clone,
    wanted: &[GroupConfig],
) -> Difference {
    let mut difference = Difference::default();
    for group in wanted {
        match active.clone().find(|other| other.name == group.name) {
            None => difference.added.push(group.name.clone()),
            Some(other) if other != group => difference.changed.push(group.name.clone()),
            Some(_) => {}
        }
    }
    let gone = active.filter(|group| !wanted.iter().any(|other| other.name == group.name));
    difference.removed = gone.map(|group| group.name.clone()).collect();
    difference
}

/// The groups of `ini`, sorted by priority, then name.
pub(super) fn parse(
    ini: &Ini,
    names: &Names,
    daemon: &DaemonSection,
    problems: &mut Vec<Problem>,
) -> Vec<GroupConfig> {
    let mut parser = Parser {
        ini,
        names,
        environment: &daemon.environment,
        problems,
        taken: BTreeSet::new(),
    };
    let mut groups: Vec<GroupConfig> = Vec::new();
    for section in ini.sections().filter(|s| s.name.starts_with("group:")) {
        if let Some(group) = parser.group(section) {
            groups.push(group);
        }
    }
    for section in ini.sections().filter(|s| s.name.starts_with(PROGRAM)) {
        if !parser.taken.contains(&section.name) {
            groups.extend(parser.lone(section));
        }
    }
    for section in ini.sections() {
        parser.unsupported(section);
    }
    // Of two groups with one name only the first is ever active.
    let mut seen = BTreeSet::new();
    groups.retain(|group| seen.insert(group.name.clone()));
    groups.sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
    groups
}

struct Parser<'a> {
    ini: &'a Ini,
    names: &'a Names,
    environment: &'a BTreeMap<String, String>,
    problems: &'a mut Vec<Problem>,
    /// Program sections that belong to a group.
    taken: BTreeSet<String>,
}

impl Parser<'_> {
    fn group(&mut self, section: &Section) -> Option<GroupConfig> {
        let parsed = self.group_head(section);
        let (name, priority, members) = match parsed {
            Ok(head) => head,
            Err(refused) => {
                self.refuse(section, refused);
                return None;
            }
        };
        let mut programs = Vec::new();
        for member in members {
            let full = format!("{PROGRAM}{member}");
            let Some(program) = self.ini.section(&full) else {
                let text = format!("names unknown program {member}");
                self.refuse(section, section.refused("programs", &text));
                continue;
            };
            self.taken.insert(full);
            programs.extend(self.programs(program, &name));
        }
        Some(GroupConfig {
            name,
            priority,
            programs,
            kind: GroupKind::Programs,
        })
    }

    fn group_head(&self, section: &Section) -> Result<(String, i64, Vec<String>), Refused> {
        let name = plain_name(section.suffix()).map_err(|text| Refused {
            line: section.line,
            text,
        })?;
        let members = section.required("programs", self.names)?;
        let priority = section.value("priority", self.names, 999, integer)?;
        let members = members
            .split(',')
            .map(|member| member.trim().to_owned())
            .filter(|member| !member.is_empty());
        Ok((name, priority, members.collect()))
    }

    fn lone(&mut self, section: &Section) -> Option<GroupConfig> {
        let name = match plain_name(section.suffix()) {
            Ok(name) => name,
            Err(text) => {
                let line = section.line;
                self.refuse(section, Refused { line, text });
                return None;
            }
        };
        // A wrong priority is reported when the program itself is read.
        let priority = section.value("priority", self.names, 999, integer);
        Some(GroupConfig {
            programs: self.programs(section, &name),
            priority: priority.unwrap_or(999),
            kind: GroupKind::Programs,
            name,
        })
    }

    fn programs(&mut self, section: &Section, group: &str) -> Vec<ProgramConfig> {
        let stand_in = |problem: &Problem| {
            let name = section.suffix().trim();
            let (file, text) = (section.file.clone(), problem.to_string());
            vec![ProgramConfig::refused(name, group, file, text)]
        };
        if let Some(problem) = self.ini.broken(&section.name) {
            return stand_in(problem);
        }
        match ProgramConfig::parse(section, group, self.names, self.environment) {
            Ok(programs) => programs,
            Err(refused) => {
                let problem = section.problem(refused);
                self.problems.push(problem.clone());
                stand_in(&problem)
            }
        }
    }

    fn unsupported(&mut self, section: &Section) {
        let Some(kind) = ["eventlistener", "fcgi-program"]
            .iter()
            .find(|kind| section.name.starts_with(&format!("{kind}:")))
        else {
            return;
        };
        self.problems.push(Problem {
            file: PathBuf::from(&section.file),
            line: section.line,
            section: section.name.clone(),
            text: format!("{kind} sections are not supported yet; the section is ignored"),
            kind: ProblemKind::Unsupported,
        });
    }

    fn refuse(&mut self, section: &Section, refused: Refused) {
        self.problems.push(section.problem(refused));
    }
}

const PROGRAM: &str = "program:";
