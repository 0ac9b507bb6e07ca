//! `supervisorctl`: the original's commands, words and exit codes. Synchronous: it starts, asks and
//! ends in milliseconds.

mod client;
mod commands;
mod help;
mod options;
mod status;
mod tail;

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    process::ExitCode,
};

use self::{client::Client, options::Options};

/// Runs supervisorctl from its command line to its exit code.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let environment = std::env::vars_os()
        .map(|(k, v)| {
            (
                k.to_string_lossy().into_owned(),
                v.to_string_lossy().into_owned(),
            )
        })
        .collect();
    let options = match Options::parse(&arguments, &environment) {
        Ok(options) => options,
        Err(options::Refusal::Help) => {
            let _ = writeln!(io::stdout(), "{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(options::Refusal::Wrong(error)) => {
            let program = "supervisorctl";
            let _ = writeln!(io::stderr(), "Error: {error}\nFor help, use {program} -h");
            return ExitCode::from(2);
        }
    };
    let client = Client::new(&options.serverurl, options.credentials.clone());
    let mut session = Session {
        client,
        interactive: options.words.is_empty(),
        exit: 0,
    };
    if options.words.is_empty() {
        session.converse(&options.prompt);
        return ExitCode::SUCCESS;
    }
    session.command(&options.words.join(" "));
    ExitCode::from(session.exit)
}

/// One run of supervisorctl.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    interactive: bool,
    exit: u8,
}

/// Whether to read another line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Line,
    End,
}

impl Session {
    /// Reads commands until the input or the user ends.
    fn converse(&mut self, prompt: &str) {
        self.command("status");
        let terminal = io::stdin().is_terminal();
        let mut lines = io::stdin().lock().lines();
        loop {
            let _ = write!(io::stdout(), "{prompt}> ").and_then(|()| io::stdout().flush());
            match lines.next() {
                Some(Ok(line)) => {
                    if self.command(&line) == Next::End {
                        return;
                    }
                }
                Some(Err(_)) | None => {
                    if terminal {
                        self.say("");
                    }
                    return;
                }
            }
        }
    }

    /// Prints a line. Somebody who closed our output wants no more of it.
    fn say(&mut self, text: &str) {
        if writeln!(io::stdout(), "{text}").is_err() {
            self.exit = 1;
        }
    }

    fn fail(&mut self, exit: u8, text: &str) {
        self.exit = exit;
        self.say(text);
    }
}
