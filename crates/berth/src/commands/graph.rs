//! `berth graph`: which program waits for which.

use std::collections::BTreeMap;

use api::supervisor::Program;
use serde_json::{Value, json};

use super::top::name;
use crate::{
    answer::{Answer, Exit, Failure},
    paint::Paint,
    sockets::Sockets,
    words,
};

pub(crate) async fn run(sockets: &Sockets, paint: Paint) -> Result<Answer, Failure> {
    let programs = sockets.supervisor().await?.snapshot.programs;
    Ok(Answer {
        text: text(&programs, paint),
        json: json(&programs),
        exit: Exit::Ok,
    })
}

/// A tree from each program that waits for nobody to those that wait for it.
fn text(programs: &[Program], paint: Paint) -> String {
    let graph = Graph::of(programs);
    let mut text = String::new();
    for program in programs {
        if program.depends_on.is_empty() {
            graph.branch(program, &mut Vec::new(), paint, &mut text);
        }
    }
    text
}

struct Graph<'a> {
    /// Who waits for a program, and for what of it.
    waiting: BTreeMap<String, Vec<(&'a Program, &'a str)>>,
}

impl<'a> Graph<'a> {
    fn of(programs: &'a [Program]) -> Self {
        let mut waiting = BTreeMap::<String, Vec<_>>::new();
        for program in programs {
            for wish in &program.depends_on {
                let (target, condition) = wish.split_once('=').unwrap_or((wish, "started"));
                let list = waiting.entry(target.to_owned()).or_default();
                list.push((program, condition));
            }
        }
        Self { waiting }
    }

    /// One program with everything below it. The configuration refuses cycles; a program that
    /// comes again on its own branch is not followed all the same.
    fn branch(
        &self,
        program: &'a Program,
        path: &mut Vec<String>,
        paint: Paint,
        text: &mut String,
    ) {
        let own = name(program);
        let (state, tone) = words::program_state(program.state());
        let indent = "   ".repeat(path.len());
        text.push_str(&format!("{indent}{own}  {}", paint.apply(tone, state)));
        if !program.waiting_for.is_empty() {
            text.push_str(&format!(", waits for {}", program.waiting_for.join(", ")));
        }
        text.push('\n');
        if path.contains(&own) {
            return;
        }
        path.push(own.clone());
        for (waiting, condition) in self.waiting.get(&own).into_iter().flatten() {
            text.push_str(&format!("{indent}└─ {condition}:\n"));
            self.branch(waiting, path, paint, text);
        }
        path.pop();
    }
}

fn json(programs: &[Program]) -> Value {
    let programs = programs.iter().map(|program| {
        json!({
            "name": name(program),
            "state": words::program_state(program.state()).0,
            "depends_on": program.depends_on,
            "start_when": program.start_when,
            "waiting_for": program.waiting_for,
        })
    });
    json!({ "programs": programs.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use api::supervisor::ProgramState;

    use super::*;

    #[test]
    fn dependents_stand_below_what_they_wait_for() {
        let program = |name: &str, depends_on: &[&str]| Program {
            name: name.to_owned(),
            group: name.to_owned(),
            state: ProgramState::Running.into(),
            depends_on: depends_on.iter().map(|wish| (*wish).to_owned()).collect(),
            ..Program::default()
        };
        let programs = [
            program("app", &["db=ready"]),
            program("db", &[]),
            program("other", &[]),
        ];
        assert_eq!(
            text(&programs, Paint::new(false)),
            "db  RUNNING\n└─ ready:\n   app  RUNNING\nother  RUNNING\n"
        );
    }
}
