//! `supervisorctl`: the original's commands, words and exit codes. Synchronous: it starts, asks and
//! ends in milliseconds.

mod client;
mod commands;
mod completion;
mod foreground;
mod groups;
mod help;
mod interrupt;
mod line;
mod log_stream;
mod options;
mod programs;
mod raised;
mod status;
mod supervisor;
mod tail;
mod terminal;
mod typed;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::{
    client::Client,
    interrupt::Interruptions,
    options::{HELP, Options, Refusal},
    terminal::{Input, Terminal},
};

/// Runs supervisorctl from its command line to its exit code.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().map(PathBuf::from);
    let program = program.unwrap_or_else(|| PathBuf::from("supervisorctl"));
    let arguments: Vec<_> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let environment = std::env::vars_os().collect();
    let options = match Options::parse(&program, &arguments, &environment) {
        Ok(options) => options,
        Err(refusal) => return refuse(&program, refusal),
    };
    let mut session = Session {
        client: Client {
            url: options.serverurl,
            login: options.login,
            interruptions: match options.words.is_empty() {
                true => Interruptions::Told,
                false => Interruptions::Deadly,
            },
        },
        terminal: match options.words.is_empty() {
            true => Terminal::of_conversation(options.history),
            false => Terminal::plain(),
        },
        interactive: options.interactive,
        exit: 0,
    };
    if options.words.is_empty() {
        session.converse(&format!("{}> ", options.prompt));
        return ExitCode::SUCCESS;
    }
    session.command(&options.words.join(" "));
    ExitCode::from(session.exit)
}

fn refuse(program: &Path, refusal: Refusal) -> ExitCode {
    let program = program.display().to_string();
    match refusal {
        Refusal::Help => {
            let _ = writeln!(io::stdout(), "{}", HELP.replace("{}", &program));
            ExitCode::SUCCESS
        }
        Refusal::Wrong(error) => {
            let _ = writeln!(io::stderr(), "Error: {error}\nFor help, use {program} -h");
            ExitCode::from(2)
        }
    }
}

/// One run of supervisorctl.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    terminal: Terminal,
    /// Whether somebody is there to be asked.
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
        let mut next = self.command("status");
        while next == Next::Line {
            next = match self.terminal.read(prompt, &self.client) {
                Input::Line(line) => self.command(&line),
                // An editor ends the line it was on.
                Input::End | Input::Interrupted if self.terminal.edits() => Next::End,
                Input::End | Input::Interrupted => self.interrupted(),
            };
        }
    }

    /// Ctrl-C ends a conversation, as the end of the input does.
    fn interrupted(&mut self) -> Next {
        self.say("");
        Next::End
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
