//! The stock XML-RPC client in a process of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use super::{server::Server, venv};

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/client.py");
        let mut child = Command::new(venv("python"))
            .args([script, &server.url()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        Self {
            child,
            input,
            output,
        }
    }

    /// Does a step and returns what came of it; see [`begin`](Self::begin).
    pub(crate) fn step(&mut self, step: &str) -> Value {
        self.begin(step);
        self.finish()
    }

    /// Begins a step: `METHOD` or `METHOD [PARAMETERS]`.
    pub(crate) fn begin(&mut self, step: &str) {
        let (method, params) = step.split_once(' ').unwrap_or((step, "[]"));
        let mut line: Vec<Value> =
            serde_json::from_str(params).unwrap_or_else(|error| panic!("{step}: {error}"));
        line.insert(0, method.into());
        writeln!(self.input, "{}", Value::from(line)).expect("the client listens");
    }

    pub(crate) fn finish(&mut self) -> Value {
        let mut line = String::new();
        self.output
            .read_line(&mut line)
            .expect("the client answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
