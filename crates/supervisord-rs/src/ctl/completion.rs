//! What Tab offers: commands first, then the names a command takes.

use rustyline::{
    Context, Helper, completion::Completer, highlight::Highlighter, hint::Hinter,
    validate::Validator,
};

use super::{client::Client, help::ACTIONS, status::Info};

/// Completes lines for one client.
#[derive(Debug, Default)]
pub(super) struct Completion {
    client: Option<Client>,
    /// What the client told; asked once per line at most.
    infos: std::cell::RefCell<Option<Vec<Info>>>,
}

impl Completion {
    /// Forgets what the client told for the line before.
    pub(super) fn renew(&mut self, client: &Client) {
        self.client = Some(client.clone());
        self.infos.replace(None);
    }

    fn infos(&self) -> Vec<Info> {
        let ask = || {
            let all = self.client.as_ref()?.call("getAllProcessInfo", &[]);
            all.ok().map(|all| Info::all(&all))
        };
        let mut infos = self.infos.borrow_mut();
        infos
            .get_or_insert_with(|| ask().unwrap_or_default())
            .clone()
    }

    /// What `text`, the last word of `line`, may become.
    fn candidates(&self, line: &str, text: &str) -> Vec<String> {
        let mut words = line.split_whitespace();
        let action = words.next().unwrap_or("");
        let is_first = words.next().is_none() && !line.ends_with(' ');
        let names = match action {
            _ if is_first || "help".contains(action) => {
                ACTIONS.iter().map(|&name| name.to_owned()).collect()
            }
            "add" | "remove" | "update" => groups(&self.infos()),
            "clear" | "fg" | "pid" | "restart" | "signal" | "start" | "status" | "stop"
            | "tail" => programs(&self.infos(), text),
            _ => Vec::new(),
        };
        let fitting = names.into_iter().filter(|name| name.starts_with(text));
        fitting.map(|name| name + " ").collect()
    }
}

fn groups(infos: &[Info]) -> Vec<String> {
    let mut groups = Vec::new();
    for info in infos {
        if !groups.contains(&info.group) {
            groups.push(info.group.clone());
        }
    }
    groups
}

/// Names of programs, and of whole groups where they are not one program.
fn programs(infos: &[Info], text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for Info { name, group, .. } in infos {
        if !text.contains(':') && name == group {
            names.push(name.clone());
            continue;
        }
        names.push(format!("{group}:{name}"));
        let whole = format!("{group}:*");
        if !names.contains(&whole) {
            names.push(whole);
        }
    }
    names
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let start = line[..pos].rfind(DELIMITERS).map_or(0, |at| at + 1);
        Ok((start, self.candidates(line, &line[start..pos])))
    }
}

impl Helper for Completion {}
impl Highlighter for Completion {}
impl Hinter for Completion {
    type Hint = String;
}
impl Validator for Completion {}

/// What ends a word. Colons, stars and dashes belong to names.
const DELIMITERS: &[char] = &[
    ' ', '\t', '\n', '`', '~', '!', '@', '#', '$', '%', '^', '&', '(', ')', '=', '+', '[', '{',
    ']', '}', '\\', '|', ';', '\'', '"', ',', '<', '>', '/', '?',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn completion() -> Completion {
        let info = |group: &str, name: &str| Info {
            name: name.to_owned(),
            group: group.to_owned(),
            state: 0,
            state_name: String::new(),
            description: String::new(),
            pid: 0,
        };
        let infos = vec![info("solo", "solo"), info("w", "w_00"), info("w", "w_01")];
        Completion {
            client: None,
            infos: std::cell::RefCell::new(Some(infos)),
        }
    }

    #[test]
    fn commands_groups_and_programs_are_offered_where_they_are_taken() {
        let completion = completion();
        let offered = |line: &str| {
            let text = line.rsplit(DELIMITERS).next().unwrap();
            completion.candidates(line, text).concat()
        };
        assert_eq!(offered("").split(' ').count() - 1, ACTIONS.len());
        assert_eq!(offered("st"), "start status stop ");
        assert_eq!(offered("help re"), "reload remove reread restart ");
        assert_eq!(offered("update "), "solo w ");
        assert_eq!(offered("start "), "solo w:w_00 w:* w:w_01 ");
        assert_eq!(offered("start s"), "solo ");
        assert_eq!(offered("start solo:"), "solo:solo solo:* ");
        assert_eq!(offered("stop solo w:w_"), "w:w_00 w:w_01 ");
        assert_eq!(offered("version "), "");
    }
}
