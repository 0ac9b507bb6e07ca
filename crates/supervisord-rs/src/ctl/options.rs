//! The command line and `[supervisorctl]`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{client::Login, raised::repr};
use crate::{
    config::{client_section, search_paths},
    getopt::{self, Flag, Used},
};

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) serverurl: String,
    pub(super) login: Option<Login>,
    pub(super) prompt: String,
    pub(super) history: Option<PathBuf>,
    /// Whether somebody is there to be asked.
    pub(super) interactive: bool,
    /// The command; empty for a conversation.
    pub(super) words: Vec<String>,
}

/// Why there are no options.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Help was asked for.
    Help,
    /// Something is wrong.
    Wrong(String),
}

impl Options {
    /// `program` is what we were called as; the file is looked for above it, among other places.
    pub(super) fn parse(
        program: &Path,
        arguments: &[String],
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, Refusal> {
        let (used, words) = getopt::parse_spelled(arguments, FLAGS).map_err(Refusal::Wrong)?;
        let mut given = checked(&used)?;
        let file = given.remove("configuration").map(PathBuf::from);
        let file = file.or_else(|| search_paths(program).into_iter().find(|path| path.exists()));
        let mut section = match file {
            Some(file) => client_section(&file, environment).map_err(Refusal::Wrong)?,
            None => BTreeMap::new(),
        };
        let interactive = given.remove("interactive").is_some() || words.is_empty();
        let mut value = |name: &str| given.remove(name).or_else(|| section.remove(name));
        let login = match (value("username"), value("password")) {
            (Some(username), Some(password)) => Some(Login { username, password }),
            _ => None,
        };
        Ok(Self {
            serverurl: value("serverurl").unwrap_or_else(|| DEFAULT_URL.to_owned()),
            login,
            prompt: value("prompt").unwrap_or_else(|| "supervisor".to_owned()),
            history: value("history_file").map(PathBuf::from),
            interactive,
            words,
        })
    }
}

/// The flags by name, each looked at in its turn.
fn checked(used: &[Used]) -> Result<BTreeMap<&'static str, String>, Refusal> {
    let mut given = BTreeMap::new();
    for Used {
        name,
        spelled,
        value,
    } in used
    {
        if *name == "help" {
            return Err(Refusal::Help);
        }
        if *name == "serverurl" && !is_url(value) {
            let value = repr(value);
            return Err(Refusal::Wrong(format!(
                "invalid value for {spelled} {value}: value {value} is not a URL"
            )));
        }
        if given.insert(*name, value.clone()).is_some() {
            let text = format!("conflicting command line option {}", repr(spelled));
            return Err(Refusal::Wrong(text));
        }
    }
    Ok(given)
}

/// Whether there is a scheme and something after it.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let is_scheme = scheme.starts_with(|char: char| char.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    is_scheme && !rest.is_empty() && !rest.starts_with(['?', '#', ';'])
}

const DEFAULT_URL: &str = "http://localhost:9001";

const FLAGS: &[Flag] = &[
    Flag::valued("configuration", 'c'),
    Flag::plain("help", 'h'),
    Flag::plain("help", '?'),
    Flag::plain("interactive", 'i'),
    Flag::valued("serverurl", 's'),
    Flag::valued("username", 'u'),
    Flag::valued("password", 'p'),
    Flag::valued("history_file", 'r'),
];

/// What `-h` prints; `{}` is what we were called as.
pub(super) const HELP: &str = "\
supervisorctl -- control applications that supervisord runs

Usage: {} [options] [command [arguments]]

-c/--configuration FILENAME -- configuration file (looked for in the usual places if not given)
-h/--help -- print this and end
-i/--interactive -- start an interactive shell, or ask questions when given a command
-s/--serverurl URL -- where supervisord listens (http://localhost:9001 if nothing says otherwise)
-u/--username USERNAME -- name to give to the server
-p/--password PASSWORD -- password to give to the server
-r/--history-file FILENAME -- where the history of the shell is kept

Without a command a shell is started; its command \"help\" lists what there is.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let arguments: Vec<_> = arguments.iter().map(|&word| word.to_owned()).collect();
        let used = getopt::parse_spelled(&arguments, FLAGS).map_err(Refusal::Wrong);
        match used.and_then(|(used, _)| checked(&used)) {
            Err(Refusal::Wrong(text)) => text,
            Err(Refusal::Help) => "help".to_owned(),
            Ok(_) => "taken".to_owned(),
        }
    }

    #[test]
    fn wrong_flags_are_told_in_the_originals_words() {
        for (arguments, text) in [
            (
                &["-s", "foo"][..],
                "invalid value for -s 'foo': value 'foo' is not a URL",
            ),
            (
                &["--serverurl=http://", "-h"],
                "invalid value for --serverurl 'http://': value 'http://' is not a URL",
            ),
            (&["-h", "-s", "foo"], "help"),
            (&["-i", "-i"], "conflicting command line option '-i'"),
            (&["-x"], "option -x not recognized"),
            (&["-c"], "option -c requires argument"),
            (&["-s", "ftp://x", "status"], "taken"),
            (&["-s", "unix:///x", "status"], "taken"),
        ] {
            assert_eq!(refusal(arguments), text, "{arguments:?}");
        }
    }
}
