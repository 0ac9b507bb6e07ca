//! The command line and `[supervisorctl]`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    config::{Credentials, Password, absolute, client_section},
    getopt::{self, Flag},
};

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) serverurl: String,
    pub(super) credentials: Option<Credentials>,
    pub(super) prompt: String,
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
    pub(super) fn parse(
        arguments: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Refusal> {
        let (given, words) = getopt::parse(arguments, FLAGS).map_err(Refusal::Wrong)?;
        let last = |name: &str| {
            let found = given.iter().rev().find(|(flag, _)| *flag == name);
            found.map(|(_, value)| value.clone())
        };
        if last("help").is_some() {
            return Err(Refusal::Help);
        }
        let file = last("configuration").map(PathBuf::from);
        let file = file.or_else(|| {
            SEARCHED
                .iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
        });
        let mut section = match file {
            Some(file) => client_section(&file, environment).map_err(Refusal::Wrong)?,
            None => BTreeMap::new(),
        };
        let mut value = |name: &str| last(name).or_else(|| section.remove(name));
        let serverurl = value("serverurl").unwrap_or_else(|| "http://localhost:9001".to_owned());
        let credentials = match (value("username"), value("password")) {
            (Some(username), Some(password)) => Some(Credentials {
                username,
                password: Password::Plain(password),
            }),
            _ => None,
        };
        Ok(Self {
            serverurl: normal(&serverurl)?,
            credentials,
            prompt: value("prompt").unwrap_or_else(|| "supervisor".to_owned()),
            words,
        })
    }
}

fn normal(url: &str) -> Result<String, Refusal> {
    if let Some(path) = url.strip_prefix("unix://") {
        return Ok(format!("unix://{}", absolute(Path::new(path)).display()));
    }
    if url.starts_with("http://") {
        return Ok(url.to_owned());
    }
    Err(Refusal::Wrong(format!(
        "value '{url}' is not a URL: use unix:// or http://"
    )))
}

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

const SEARCHED: &[&str] = &[
    "supervisord.conf",
    "etc/supervisord.conf",
    "/etc/supervisord.conf",
    "/etc/supervisor/supervisord.conf",
];

pub(super) const HELP: &str = "\
supervisorctl -- control applications run by supervisord from the cmd line.

Usage: supervisorctl [options] [action [arguments]]

Options:
-c/--configuration FILENAME -- configuration file path (searched for if not given)
-h/--help -- print usage message and exit
-i/--interactive -- start an interactive shell after executing commands
-s/--serverurl URL -- URL on which supervisord server is listening
     (default \"http://localhost:9001\").
-u/--username USERNAME -- username to use for authentication with server
-p/--password PASSWORD -- password to use for authentication with server
-r/--history-file -- keep a readline history (if readline is available)

action [arguments] -- see below

Actions are commands like \"tail\" or \"stop\".  If -i is specified or no action is
specified on the command line, a \"shell\" interpreting actions typed
interactively is started.  Use the action \"help\" to find out about available
actions.";
