//! `status`, and what programs are called.

use super::{Session, raised::Raised};
use crate::xmlrpc::Value;

/// The fields of `getProcessInfo` that a client shows.
#[derive(Clone, Debug)]
pub(super) struct Info {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) state: i64,
    pub(super) state_name: String,
    pub(super) description: String,
    pub(super) pid: i64,
}

impl Info {
    pub(super) fn of(value: &Value) -> Self {
        let text = |name| {
            value
                .member(name)
                .and_then(Value::as_text)
                .unwrap_or("")
                .to_owned()
        };
        let int = |name| value.member(name).and_then(Value::as_int).unwrap_or(0);
        Self {
            name: text("name"),
            group: text("group"),
            state: int("state"),
            state_name: text("statename"),
            description: text("description"),
            pid: int("pid"),
        }
    }

    pub(super) fn all(value: &Value) -> Vec<Self> {
        let values = value.as_array().unwrap_or_default();
        values.iter().map(Self::of).collect()
    }

    /// STOPPED, EXITED, FATAL or UNKNOWN.
    pub(super) fn is_stopped(&self) -> bool {
        matches!(self.state, 0 | 100 | 200 | 1000)
    }
}

impl Session {
    pub(super) fn status(&mut self, words: &[&str]) -> Result<(), Raised> {
        if !self.is_up()? {
            self.exit = 4;
            return Ok(());
        }
        let all = Info::all(&self.client.call("getAllProcessInfo", &[])?);
        let shown = match words.is_empty() || words.contains(&"all") {
            true => all,
            false => self.matching(&all, words),
        };
        for line in table(&shown) {
            self.say(&line);
        }
        if shown.iter().any(Info::is_stopped) {
            self.exit = 3;
        }
        Ok(())
    }

    /// The programs that are named; tells of names nobody has.
    fn matching(&mut self, all: &[Info], words: &[&str]) -> Vec<Info> {
        let mut matching = Vec::new();
        for word in words {
            let (group, program) = split(word);
            let before = matching.len();
            let named = |info: &&Info| {
                info.group == group && program.is_none_or(|program| info.name == program)
            };
            matching.extend(all.iter().filter(named).cloned());
            if matching.len() == before {
                let text = match program {
                    None => format!("{group}: ERROR (no such group)"),
                    Some(_) => format!("{word}: ERROR (no such process)"),
                };
                self.fail(4, &text);
            }
        }
        matching
    }
}

/// Lines of `status`.
fn table(infos: &[Info]) -> Vec<String> {
    let name = |info: &Info| full_name(&info.group, &info.name);
    let lengths = infos.iter().map(|info| name(info).chars().count());
    let width = lengths.max().unwrap_or(0).max(30) + 3;
    let line = |info: &Info| {
        let (name, state) = (name(info), &info.state_name);
        format!("{name:<width$}{state:<10}{}", info.description)
    };
    infos.iter().map(line).collect()
}

/// The short form where group and name agree.
pub(super) fn full_name(group: &str, name: &str) -> String {
    match group == name {
        true => name.to_owned(),
        false => format!("{group}:{name}"),
    }
}

/// Group and program of a name; no program for a whole group.
pub(super) fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once(':') {
        Some((group, "" | "*")) => (group, None),
        Some((group, program)) => (group, Some(program)),
        None => (name, Some(name)),
    }
}
