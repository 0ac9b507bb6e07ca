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
    typed::Typed,
};

/// Where lines come from.
pub(super) struct Terminal {
    /// What is read without an editor.
    pub(super) typed: Typed,
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

/// The editor cannot be printed.
impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("edits", &self.edits())
            .field("history", &self.history)
            .finish_non_exhaustive()
    }
}

impl Terminal {
    /// For a conversation: with editing, if there is somebody who types.
    pub(super) fn of_conversation(history: Option<PathBuf>) -> Self {
        let mut terminal = Self::plain();
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            terminal.editor = editor().ok();
            terminal.history = history;
            terminal.recall();
        }
        terminal
    }

    /// For the questions of one command.
    pub(super) fn plain() -> Self {
        Self {
            typed: Typed::default(),
            editor: None,
            history: None,
            lines: Vec::new(),
        }
    }

    /// Whether lines are edited, rather than read as they come.
    pub(super) fn edits(&self) -> bool {
        self.editor.is_some()
    }

    /// Reads a command. `client` knows what names there are.
    pub(super) fn read(&mut self, prompt: &str, client: &Client) -> Input {
        if let Some(completion) = self.editor.as_mut().and_then(Editor::helper_mut) {
            completion.renew(client);
        }
        let input = self.ask(prompt, client.interruptions);
        if let Input::Line(line) = &input {
            self.add(line);
        }
        input
    }

    /// Asks for a line.
    pub(super) fn ask(&mut self, question: &str, interruptions: Interruptions) -> Input {
        // Through the editor, which may hold what was typed ahead.
        if let Some(editor) = &mut self.editor {
            return match editor.readline(question) {
                Ok(line) => Input::Line(line),
                Err(ReadlineError::Interrupted) => Input::Interrupted,
                Err(_) => Input::End,
            };
        }
        let _ = write!(io::stdout(), "{question}").and_then(|()| io::stdout().flush());
        self.typed.read(interruptions)
    }

    /// Asks for something that must not be seen while it is typed.
    pub(super) fn ask_secret(&mut self, question: &str, interruptions: Interruptions) -> Input {
        let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") else {
            return self.ask(question, interruptions);
        };
        let Ok(shown) = tcgetattr(terminal.as_fd()) else {
            return self.ask(question, interruptions);
        };
        let mut hidden = shown.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        let _ = tcsetattr(terminal.as_fd(), SetArg::TCSAFLUSH, &hidden);
        let answer = read_secret(&terminal, question, interruptions);
        let _ = tcsetattr(terminal.as_fd(), SetArg::TCSAFLUSH, &shown);
        let _ = writeln!(&terminal);
        answer
    }

    /// Takes over the history of earlier conversations: plain lines, as other programs write them.
    fn recall(&mut self) {
        let Some(path) = self.history.clone() else {
            return;
        };
        match std::fs::read(path) {
            Ok(bytes) => {
                for line in String::from_utf8_lossy(&bytes).lines() {
                    self.add(line);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // What could not be read is not overwritten.
            Err(_) => self.history = None,
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
