//! The stock XML-RPC client in a process of its own.

use serde_json::Value;

use super::{Script, server::Server};

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Client(Script);

impl Client {
    pub(crate) fn of(server: &Server) -> Self {
        Self(Script::start("client.py", &[&server.url()]))
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
        self.0.say(&Value::from(line));
    }

    pub(crate) fn finish(&mut self) -> Value {
        self.0.hear()
    }
}
