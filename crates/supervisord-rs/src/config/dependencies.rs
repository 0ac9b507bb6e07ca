//! `depends_on`, once all programs are known: names become processes, and cycles are found.

use std::collections::{BTreeMap, BTreeSet};

use supervisor_core::ProgramId;

use super::{
    Condition, Dependency, Problem, ProblemKind, ProgramConfig, assemble::Draft, extensions::Wish,
    program::Parsed,
};

/// Fills in `depends_on`. A program whose wishes cannot be met is refused.
pub(super) fn resolve(drafts: &mut [Draft], problems: &mut Vec<Problem>) {
    let directory = Directory::new(drafts);
    let mut refusals: BTreeMap<ProgramId, String> = BTreeMap::new();
    let mut total = 0;
    let mut graph: BTreeMap<ProgramId, Vec<Dependency>> = BTreeMap::new();
    for parsed in drafts.iter().flat_map(|draft| &draft.programs) {
        let id = &parsed.config.id;
        match directory.dependencies(parsed) {
            Ok(dependencies) if total + dependencies.len() <= MOST => {
                total += dependencies.len();
                graph.insert(id.clone(), dependencies);
            }
            Ok(_) => {
                let reason = format!("there are more than {MOST} dependencies in all");
                refusals.insert(id.clone(), reason);
            }
            Err(reason) => {
                refusals.insert(id.clone(), reason);
            }
        }
    }
    for cycle in cycles(&graph) {
        let path: Vec<_> = cycle.iter().map(ToString::to_string).collect();
        let reason = format!("programs wait for each other: {}", path.join(" -> "));
        for id in cycle.iter().skip(1) {
            refusals.entry(id.clone()).or_insert_with(|| reason.clone());
        }
    }
    for parsed in drafts.iter_mut().flat_map(|draft| &mut draft.programs) {
        let id = &parsed.config.id;
        if let Some(dependencies) = graph.remove(id)
            && parsed.config.refused.is_none()
        {
            parsed.config.depends_on = dependencies;
        }
        let Some(reason) = refusals.get(id) else {
            continue;
        };
        let problem = Problem {
            file: parsed.wishes_at.file.to_path_buf(),
            line: parsed.wishes_at.line,
            section: parsed.section.clone(),
            text: format!("depends_on: {reason}"),
            kind: ProblemKind::Mistake,
        };
        let origin = parsed.config.origin.0.clone();
        let earlier = parsed.config.refused.take();
        let reasons: Vec<_> = earlier.into_iter().chain([problem.to_string()]).collect();
        parsed.config = ProgramConfig::refused(id.clone(), origin, reasons.join("; "));
        // All processes of one section have the same to say.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}

/// All processes by the names under which they can be waited for.
struct Directory {
    groups: BTreeMap<String, Vec<ProgramId>>,
    names: BTreeMap<String, Vec<ProgramId>>,
    probed: BTreeSet<ProgramId>,
}

impl Directory {
    fn new(drafts: &[Draft]) -> Self {
        let mut directory = Self {
            groups: BTreeMap::new(),
            names: BTreeMap::new(),
            probed: BTreeSet::new(),
        };
        for draft in drafts {
            let members = draft.programs.iter().map(|p| p.config.id.clone());
            directory
                .groups
                .insert(draft.name.clone(), members.clone().collect());
            for id in members {
                let named = directory.names.entry(id.name.to_string());
                named.or_default().push(id);
            }
            let probed = draft
                .programs
                .iter()
                .filter(|p| p.config.readiness.is_some());
            directory.probed.extend(probed.map(|p| p.config.id.clone()));
        }
        directory
    }

    fn dependencies(&self, parsed: &Parsed) -> Result<Vec<Dependency>, String> {
        let mut dependencies: Vec<Dependency> = Vec::new();
        for wish in &parsed.wishes {
            let found = self.find(wish)?;
            let id = &parsed.config.id;
            if found.contains(id) {
                return Err(format!("programs wait for each other: {id} -> {id}"));
            }
            if found.len() > MOST {
                return Err(format!("'{}' has more than {MOST} processes", wish.target));
            }
            for program in found {
                let usual = match self.probed.contains(program) {
                    true => Condition::Ready,
                    false => Condition::Started,
                };
                let dependency = Dependency {
                    program: program.clone(),
                    condition: wish.condition.unwrap_or(usual),
                };
                dependencies.push(dependency);
            }
        }
        dependencies.dedup();
        Ok(dependencies)
    }

    /// A whole group, a process of a group, or the one process of that name.
    fn find(&self, wish: &Wish) -> Result<&[ProgramId], String> {
        let target = wish.target.as_str();
        let found = match target.split_once(':') {
            Some((group, "*")) => self.groups.get(group).map(Vec::as_slice),
            Some((group, name)) => self.groups.get(group).and_then(|members| {
                let at = members.iter().position(|id| &*id.name == name)?;
                members.get(at..=at)
            }),
            None => self
                .groups
                .get(target)
                .or_else(|| self.names.get(target).filter(|ids| ids.len() == 1))
                .map(Vec::as_slice),
        };
        found.ok_or_else(|| match self.names.get(target).map(Vec::len) {
            Some(_) => format!("'{target}' is in several groups; write GROUP:{target}"),
            None => format!("there is no program '{target}'"),
        })
    }
}

/// Cycles of the graph, each as a path that ends where it starts; at least one through every
/// program that is on a cycle with programs that are not on an earlier one.
fn cycles(graph: &BTreeMap<ProgramId, Vec<Dependency>>) -> Vec<Vec<ProgramId>> {
    let mut found = Vec::new();
    let mut done: BTreeSet<&ProgramId> = BTreeSet::new();
    for start in graph.keys() {
        // A path of programs, each with the dependencies that are still to be looked at.
        let mut path: Vec<(&ProgramId, std::slice::Iter<'_, Dependency>)> = Vec::new();
        let mut on_path: BTreeSet<&ProgramId> = BTreeSet::new();
        if done.insert(start) {
            on_path.insert(start);
            path.push((start, graph[start].iter()));
        }
        while let Some((at, rest)) = path.last_mut() {
            let Some(next) = rest.next().map(|dependency| &dependency.program) else {
                on_path.remove(*at);
                path.pop();
                continue;
            };
            if on_path.contains(next) {
                let cycle = path.iter().map(|(id, _)| *id);
                let cycle = cycle.skip_while(|id| *id != next).chain([next]);
                found.push(cycle.cloned().collect());
            } else if let Some((next, dependencies)) = graph.get_key_value(next)
                && done.insert(next)
            {
                on_path.insert(next);
                path.push((next, dependencies.iter()));
            }
        }
    }
    found
}

/// More would be memory for nothing.
const MOST: usize = 100_000;
