//! From what a person types to a program of the supervisor.

use api::supervisor::{Program, SupervisorSnapshot};

use crate::{
    answer::{Exit, Failure},
    sockets::Daemon,
    words,
};

/// Finds the program that `name` means: its own name, "group:name", or the daemon it runs.
pub(crate) fn find<'a>(
    snapshot: &'a SupervisorSnapshot,
    name: &str,
) -> Result<&'a Program, Failure> {
    let called = |name: &str| {
        snapshot
            .programs
            .iter()
            .find(|program| program.name == name || words::full_name(program) == name)
    };
    let daemon = Daemon::named(name);
    let found = called(name).or_else(|| called(daemon?.program()?));
    found.ok_or_else(|| unknown(snapshot, name, daemon))
}

fn unknown(snapshot: &SupervisorSnapshot, name: &str, daemon: Option<Daemon>) -> Failure {
    let refused: Vec<String> = snapshot
        .problems
        .iter()
        .filter(|problem| problem.section == format!("program:{name}"))
        .map(super::status::config_problem)
        .collect();
    let names: Vec<String> = snapshot.programs.iter().map(words::full_name).collect();
    let text = match daemon {
        Some(daemon) if daemon.program().is_none() => {
            format!(
                "{name} is not a program: it is kept alive by the layer below it; see `berth status` and `berth boot`"
            )
        }
        _ if !refused.is_empty() => {
            format!("program {name} was refused: {}", refused.join("; "))
        }
        _ if names.is_empty() => format!("no program is named {name}; there are none"),
        _ => format!(
            "no program is named {name}; there are: {}",
            names.join(", ")
        ),
    };
    Failure {
        text,
        exit: Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use api::supervisor::ConfigProblem;

    use super::*;

    fn snapshot() -> SupervisorSnapshot {
        let program = |group: &str, name: &str| Program {
            group: group.to_owned(),
            name: name.to_owned(),
            ..Program::default()
        };
        SupervisorSnapshot {
            programs: vec![program("caddy", "caddy"), program("web", "one")],
            problems: vec![ConfigProblem {
                file: "/etc/supervisor/conf.d/broken.conf".to_owned(),
                line: 3,
                section: "program:broken".to_owned(),
                text: "startsecs: not a number".to_owned(),
            }],
            ..SupervisorSnapshot::default()
        }
    }

    #[test]
    fn a_daemons_name_means_its_program() {
        assert_eq!(find(&snapshot(), "proxyd").unwrap().name, "caddy");
        assert_eq!(find(&snapshot(), "web:one").unwrap().name, "one");
        assert_eq!(find(&snapshot(), "one").unwrap().name, "one");
    }

    #[test]
    fn an_unknown_name_says_which_there_are_or_why_it_is_missing() {
        let text = |name: &str| find(&snapshot(), name).unwrap_err().text;
        assert!(
            text("x").ends_with("there are: caddy, web:one"),
            "{}",
            text("x")
        );
        assert!(
            text("broken").contains("broken.conf:3"),
            "{}",
            text("broken")
        );
        assert!(text("bootd").contains("not a program"), "{}", text("bootd"));
    }
}
