//! Commands that show logs.

use std::io::{self, Write as _};

use super::{
    Session,
    interrupt::{Interrupt, Ready},
    log_stream::{LogStream, More, NoLog},
    raised::{Raised, repr},
};
use crate::xmlrpc::{Value, python_int};

/// How much of a log is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    /// The last bytes.
    Bytes(i64),
    /// What is there and what comes.
    Everything,
}

impl Session {
    pub(super) fn tail(&mut self, words: &[&str]) -> Result<(), Raised> {
        let usage = match words.len() {
            0 => Some("Error: too few arguments"),
            1..=3 => None,
            _ => Some("Error: too many arguments"),
        };
        if let Some(usage) = usage {
            self.fail(1, usage);
            self.help("tail");
            return Ok(());
        }
        let (modifier, words) = match words {
            [first, rest @ ..] if first.starts_with('-') => (Some(*first), rest),
            words => (None, words),
        };
        let (name, channel) = match words {
            [name] => (*name, "stdout".to_owned()),
            [name, .., channel] => (*name, channel.to_lowercase()),
            [] => {
                self.fail(1, "Error: tail requires process name");
                return Ok(());
            }
        };
        if channel != "stdout" && channel != "stderr" {
            self.fail(1, &format!("Error: bad channel {}", repr(&channel)));
            return Ok(());
        }
        let bytes = match self.amount(modifier) {
            None => return Ok(()),
            Some(Amount::Everything) => return self.follow(&format!("/logtail/{name}/{channel}")),
            Some(Amount::Bytes(bytes)) => bytes,
        };
        let method = match channel.as_str() {
            "stdout" => "readProcessStdoutLog",
            _ => "readProcessStderrLog",
        };
        let params = [
            Value::text(name),
            Value::Int(bytes.saturating_neg()),
            Value::Int(0),
        ];
        let result = self.client.call(method, &params);
        self.show_log(name, result)
    }

    pub(super) fn maintail(&mut self, words: &[&str]) -> Result<(), Raised> {
        let modifier = match words {
            [] => None,
            [word] if word.starts_with('-') => Some(*word),
            [word] => {
                self.fail(1, &format!("Error: bad argument {word}"));
                return Ok(());
            }
            _ => {
                self.fail(1, "Error: too many arguments");
                self.help("maintail");
                return Ok(());
            }
        };
        let bytes = match self.amount(modifier) {
            None => return Ok(()),
            Some(Amount::Everything) => return self.follow("/mainlogtail"),
            Some(Amount::Bytes(bytes)) => bytes,
        };
        let params = [Value::Int(bytes.saturating_neg()), Value::Int(0)];
        match self.client.call("readLog", &params) {
            // Here a name cannot be wrong.
            Err(raised @ Raised::Fault { code: 10, .. }) => Err(raised),
            result => self.show_log("supervisord", result),
        }
    }

    /// How much a modifier such as `-100` means; tells if it means nothing.
    fn amount(&mut self, modifier: Option<&str>) -> Option<Amount> {
        let Some(modifier) = modifier else {
            return Some(Amount::Bytes(DEFAULT_BYTES));
        };
        match &modifier[1..] {
            "f" => Some(Amount::Everything),
            number => {
                let bytes = python_int(number);
                if bytes.is_none() {
                    self.fail(1, &format!("Error: bad argument {modifier}"));
                }
                bytes.map(Amount::Bytes)
            }
        }
    }

    fn show_log(&mut self, name: &str, result: Result<Value, Raised>) -> Result<(), Raised> {
        let problem = match result {
            Ok(value) => {
                self.say(value.as_text().unwrap_or(""));
                return Ok(());
            }
            Err(Raised::Fault { code: 20, .. }) => "no log file",
            Err(Raised::Fault { code: 30, .. }) => "unknown error reading log",
            Err(Raised::Fault { code: 10, .. }) => "no such process name",
            Err(raised) => return Err(raised),
        };
        self.fail(1, &format!("{name}: ERROR ({problem})"));
        Ok(())
    }

    /// Shows a log until it or the patience of the user ends. What goes wrong changes no exit code.
    fn follow(&mut self, path: &str) -> Result<(), Raised> {
        let log = LogStream::open(&self.client, path);
        // Only from here on: connecting can take long, and Ctrl-C ends that as it ends any program.
        let interrupt = Interrupt::hold().map_err(io::Error::from)?;
        self.say("==> Press Ctrl-C to exit <==");
        let mut log = match log {
            Ok(log) => log,
            Err(raised) => {
                self.tell_no_log(path, &NoLog::Raised(raised));
                return Ok(());
            }
        };
        loop {
            let ready = {
                use std::os::fd::AsFd as _;
                interrupt.wait(&[log.as_fd()]).map_err(io::Error::from)?
            };
            if ready == Ready::Interrupted {
                self.say("");
                return Ok(());
            }
            match log.receive(&mut io::stdout()) {
                Ok(More::Expected) => {}
                Ok(More::Never) => return Ok(()),
                Err(no_log) => {
                    self.tell_no_log(path, &no_log);
                    return Ok(());
                }
            }
        }
    }

    pub(super) fn tell_no_log(&self, path: &str, no_log: &NoLog) {
        let text = match no_log {
            NoLog::Status(status) => format!("Cannot read, status code {status}"),
            NoLog::Raised(raised) => format!("Cannot connect, error: {}", raised.told()),
        };
        let _ = writeln!(io::stderr(), "{}{path} {text}", self.client.url);
    }
}

const DEFAULT_BYTES: i64 = 1600;
