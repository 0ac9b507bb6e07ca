//! Reading from somebody who types: lines with editing, completion and history on a terminal, plain
//! ones otherwise.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, IsTerminal as _, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use rustyline::{
    Behavior, CompletionType, Config, Editor, error::ReadlineError, history::MemHistory,
};

use super::{
    client::Client,
    completion::Completion,
    interrupt::{Interruptions, Waited},
};

/// Where lines come from.
pub(super) struct Terminal {
    prompt: String,
    editor: Option<Editor<Completion, MemHistory>>,
    history: Option<PathBuf>,
    /// What is in the history.
    lines: Vec<String>,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    Line(String),
    End,
    /// By Ctrl-C.
    Interrupted,
}

impl Terminal {
    pub(super) fn new(prompt: String, history: Option<PathBuf>) -> Self {
        let mut terminal = Self {
            prompt,
            editor: None,
            history,
            lines: Vec::new(),
        };
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            terminal.editor = editor().ok();
            terminal.recall();
        }
        terminal
    }

    /// Whether lines are edited, rather than read as they come.
    pub(super) fn edits(&self) -> bool {
        self.editor.is_some()
    }

    /// Reads a line. `client` knows what names there are.
    pub(super) fn read(&mut self, client: &Client) -> Input {
        let Some(editor) = &mut self.editor else {
            return ask(&self.prompt, client.interruptions);
        };
        if let Some(completion) = editor.helper_mut() {
            completion.renew(client);
        }
        match editor.readline(&self.prompt) {
            Ok(line) => {
                self.add(&line);
                Input::Line(line)
            }
            Err(ReadlineError::Interrupted) => Input::Interrupted,
            Err(_) => Input::End,
        }
    }

    /// Takes over the history of earlier conversations: plain lines, as other programs write them.
    fn recall(&mut self) {
        let Some(path) = self.history.clone() else {
            return;
        };
        for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
            self.add(line);
        }
    }

    /// Adds a line to the history, unless it says nothing new.
    fn add(&mut self, line: &str) {
        let is_new = self.lines.last().is_none_or(|last| last != line);
        if let (Some(editor), true) = (&mut self.editor, is_new && !line.is_empty()) {
            // A history that is full is no reason not to carry a line out.
            let _ = editor.add_history_entry(line);
            self.lines.push(line.to_owned());
        }
    }

    fn remember(&self) {
        let (Some(_), Some(path)) = (&self.editor, &self.history) else {
            return;
        };
        let kept = self.lines.len().saturating_sub(HISTORY);
        let lines = self.lines[kept..].iter();
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        // As in the original, a history that cannot be written is lost without a word.
        let _ = write_private(path, &text);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.remember();
    }
}

fn editor() -> rustyline::Result<Editor<Completion, MemHistory>> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .behavior(Behavior::Stdio)
        .max_history_size(HISTORY)?
        .build();
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    editor.set_helper(Some(Completion::default()));
    Ok(editor)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// Asks for a line.
pub(super) fn ask(question: &str, interruptions: Interruptions) -> Input {
    let _ = write!(io::stdout(), "{question}").and_then(|()| io::stdout().flush());
    if interruptions.wait(io::stdin().as_fd()) == Waited::Interrupted {
        return Input::Interrupted;
    }
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => Input::End,
        Ok(_) => Input::Line(line.trim_end_matches(['\n', '\r']).to_owned()),
    }
}

/// Asks for something that must not be seen while it is typed.
pub(super) fn ask_secret(question: &str, interruptions: Interruptions) -> Input {
    let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") else {
        return ask(question, interruptions);
    };
    let Ok(shown) = tcgetattr(terminal.as_fd()) else {
        return ask(question, interruptions);
    };
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    let _ = tcsetattr(terminal.as_fd(), SetArg::TCSAFLUSH, &hidden);
    let answer = read_secret(&terminal, question, interruptions);
    let _ = tcsetattr(terminal.as_fd(), SetArg::TCSAFLUSH, &shown);
    let _ = writeln!(&terminal);
    answer
}

fn read_secret(mut terminal: &File, question: &str, interruptions: Interruptions) -> Input {
    let _ = write!(terminal, "{question}").and_then(|()| terminal.flush());
    if interruptions.wait(terminal.as_fd()) == Waited::Interrupted {
        return Input::Interrupted;
    }
    let mut line = String::new();
    match io::BufReader::new(terminal).read_line(&mut line) {
        Ok(0) | Err(_) => Input::End,
        Ok(_) => Input::Line(line.trim_end_matches(['\n', '\r']).to_owned()),
    }
}

const HISTORY: usize = 10_000;
