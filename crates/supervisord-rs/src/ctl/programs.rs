//! Commands that do something to programs.

use super::{
    Session,
    raised::Raised,
    status::{full_name, split},
};
use crate::xmlrpc::Value;

/// What a command does to programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Start,
    Stop,
    Signal,
    Clear,
}

/// What became of one program.
struct Outcome<'a> {
    group: &'a str,
    program: &'a str,
    code: i64,
    text: &'a str,
}

impl Session {
    pub(super) fn start(&mut self, words: &[&str]) -> Result<(), Raised> {
        if words.is_empty() {
            self.fail(2, "Error: start requires a process name");
            self.help("start");
            return Ok(());
        }
        self.on_programs(Verb::Start, words, &[])
    }

    pub(super) fn stop(&mut self, words: &[&str]) -> Result<(), Raised> {
        if words.is_empty() {
            self.fail(1, "Error: stop requires a process name");
            self.help("stop");
            return Ok(());
        }
        self.on_programs(Verb::Stop, words, &[])
    }

    pub(super) fn restart(&mut self, words: &[&str]) -> Result<(), Raised> {
        if words.is_empty() {
            self.fail(1, "Error: restart requires a process name");
            self.help("restart");
            return Ok(());
        }
        self.stop(words)?;
        self.start(words)
    }

    pub(super) fn signal(&mut self, words: &[&str]) -> Result<(), Raised> {
        match words {
            [signal, programs @ ..] if !programs.is_empty() => {
                self.on_programs(Verb::Signal, programs, &[Value::text(*signal)])
            }
            _ => {
                self.say("Error: signal requires a signal name and a process name");
                self.help("signal");
                self.exit = 1;
                Ok(())
            }
        }
    }

    pub(super) fn clear(&mut self, words: &[&str]) -> Result<(), Raised> {
        if words.is_empty() {
            self.fail(1, "Error: clear requires a process name");
            self.help("clear");
            return Ok(());
        }
        self.on_programs(Verb::Clear, words, &[])
    }

    fn on_programs(&mut self, verb: Verb, words: &[&str], more: &[Value]) -> Result<(), Raised> {
        if words.contains(&"all") {
            let results = self.client.call(verb.method_for_all(), more)?;
            return self.tell_all(verb, &results);
        }
        for word in words {
            match (split(word), verb) {
                ((group, Some(program)), _) => self.on_program(verb, word, group, program, more)?,
                // Logs are cleared one by one; the original prints what Python calls nothing.
                ((group, None), Verb::Clear) => self.on_program(verb, word, group, "None", more)?,
                ((group, None), _) => self.on_group(verb, group, more)?,
            }
        }
        Ok(())
    }

    fn on_program(
        &mut self,
        verb: Verb,
        word: &str,
        group: &str,
        program: &str,
        more: &[Value],
    ) -> Result<(), Raised> {
        let mut params = vec![Value::text(word)];
        params.extend_from_slice(more);
        match self.client.call(verb.method(), &params) {
            Ok(_) => {
                let name = full_name(group, program);
                self.say(&format!("{name}: {}", verb.done()));
                Ok(())
            }
            Err(Raised::Fault { code, text }) => self.tell(
                verb,
                &Outcome {
                    group,
                    program,
                    code,
                    text: &text,
                },
            ),
            Err(raised) => Err(raised),
        }
    }

    fn on_group(&mut self, verb: Verb, group: &str, more: &[Value]) -> Result<(), Raised> {
        let mut params = vec![Value::text(group)];
        params.extend_from_slice(more);
        match self.client.call(verb.method_for_group(), &params) {
            Ok(results) => self.tell_all(verb, &results),
            Err(Raised::Fault { code: 10, .. }) => {
                let exit = if verb == Verb::Start { 2 } else { 1 };
                self.fail(exit, &format!("{group}: ERROR (no such group)"));
                Ok(())
            }
            Err(raised) => Err(raised),
        }
    }

    fn tell_all(&mut self, verb: Verb, results: &Value) -> Result<(), Raised> {
        for result in results.as_array().unwrap_or_default() {
            let text = |name| result.member(name).and_then(Value::as_text).unwrap_or("");
            let outcome = Outcome {
                group: text("group"),
                program: text("name"),
                code: result.member("status").and_then(Value::as_int).unwrap_or(0),
                text: text("description"),
            };
            self.tell(verb, &outcome)?;
        }
        Ok(())
    }

    /// Tells the result for one program and takes it into the exit code: the last one counts.
    fn tell(&mut self, verb: Verb, outcome: &Outcome<'_>) -> Result<(), Raised> {
        let name = full_name(outcome.group, outcome.program);
        let line = match (outcome.code, verb) {
            (SUCCESS, _) => format!("{name}: {}", verb.done()),
            (30, Verb::Stop | Verb::Signal) => outcome.text.to_owned(),
            (code, verb) => match verb.reason(code) {
                Some(reason) => format!("{name}: ERROR ({reason})"),
                None => {
                    let text = format!("Unknown result code {code} for {name}");
                    return Err(Raised::Value(text));
                }
            },
        };
        self.say(&line);
        let ignored = matches!((verb, outcome.code), (Verb::Start, 60) | (Verb::Stop, 70));
        if outcome.code != SUCCESS && !ignored {
            self.exit = match outcome.code {
                40 | 50 | 70 => 7,
                _ => 1,
            };
        }
        Ok(())
    }
}

impl Verb {
    /// Why it was not done to a program, where the original has words for it.
    fn reason(self, code: i64) -> Option<&'static str> {
        match (self, code) {
            (_, 10) => Some("no such process"),
            (Self::Stop | Self::Signal, 11) => Some("bad signal name"),
            (Self::Stop | Self::Signal, 70) => Some("not running"),
            (Self::Start, 20) => Some("no such file"),
            (Self::Start, 21) => Some("file is not executable"),
            (Self::Start, 40) => Some("abnormal termination"),
            (Self::Start, 50) => Some("spawn error"),
            (Self::Start, 60) => Some("already started"),
            (Self::Clear, 30) => Some("failed"),
            _ => None,
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Start => "startProcess",
            Self::Stop => "stopProcess",
            Self::Signal => "signalProcess",
            Self::Clear => "clearProcessLogs",
        }
    }

    fn method_for_group(self) -> &'static str {
        match self {
            Self::Start => "startProcessGroup",
            Self::Stop => "stopProcessGroup",
            Self::Signal => "signalProcessGroup",
            Self::Clear => "clearProcessLogs",
        }
    }

    fn method_for_all(self) -> &'static str {
        match self {
            Self::Start => "startAllProcesses",
            Self::Stop => "stopAllProcesses",
            Self::Signal => "signalAllProcesses",
            Self::Clear => "clearAllProcessLogs",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Signal => "signalled",
            Self::Clear => "cleared",
        }
    }
}

const SUCCESS: i64 = 80;
