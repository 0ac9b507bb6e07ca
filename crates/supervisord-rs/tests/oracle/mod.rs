//! The real program beside ours: both started on the same files, asked the same things, and their
//! answers compared. Differences that are wanted stand with their reasons in `allowed.toml`.

pub(crate) mod allowed;
pub(crate) mod client;
pub(crate) mod ctl;
pub(crate) mod server;
pub(crate) mod steps;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;
use testkit::venv_program;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Original,
    Ours,
}

impl Which {
    /// The path of one of its programs.
    pub(crate) fn program(self, name: &str) -> PathBuf {
        match (self, name) {
            (Self::Original, name) => venv_program(name),
            (Self::Ours, "supervisord") => env!("CARGO_BIN_EXE_supervisord").into(),
            (Self::Ours, _) => env!("CARGO_BIN_EXE_supervisorctl").into(),
        }
    }
}

/// A Python program of tests/differential that answers a line with a line. It ends on drop.
#[derive(Debug)]
pub(crate) struct Script {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Script {
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
        let mut child = Command::new(venv_program("python"))
            .arg(directory.join(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        Self {
            input: child.stdin.take().expect("its input"),
            output: BufReader::new(child.stdout.take().expect("its output")),
            child,
        }
    }

    pub(crate) fn say(&mut self, question: &Value) {
        writeln!(self.input, "{question}").expect("it listens");
    }

    pub(crate) fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
