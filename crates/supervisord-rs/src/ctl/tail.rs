//! Commands that show logs.

use std::io::{self, Write as _};

use super::{Session, client::CallError};
use crate::xmlrpc::Value;

impl Session {
    pub(super) fn tail(&mut self, words: &[&str]) {
        let mut words = words.to_vec();
        match words.len() {
            0 => {
                self.fail(1, "Error: too few arguments");
                return self.help("tail");
            }
            1..=3 => {}
            _ => {
                self.fail(1, "Error: too many arguments");
                return self.help("tail");
            }
        }
        let modifier = words[0].starts_with('-').then(|| words.remove(0));
        let (name, channel) = match words.as_slice() {
            [name] => (*name, "stdout".to_owned()),
            [name, .., channel] => (*name, channel.to_lowercase()),
            [] => return self.fail(1, "Error: tail requires process name"),
        };
        if channel != "stdout" && channel != "stderr" {
            return self.fail(1, &format!("Error: bad channel '{channel}'"));
        }
        let Ok(bytes) = self.amount(modifier) else {
            return;
        };
        let Some(bytes) = bytes else {
            return self.follow(&format!("/logtail/{name}/{channel}"));
        };
        let method = match channel.as_str() {
            "stdout" => "readProcessStdoutLog",
            _ => "readProcessStderrLog",
        };
        let params = [Value::text(name), Value::Int(-bytes), Value::Int(0)];
        let result = self.client.call(method, &params);
        self.show_log(name, result);
    }

    pub(super) fn maintail(&mut self, words: &[&str]) {
        if words.len() > 1 {
            self.fail(1, "Error: too many arguments");
            return self.help("maintail");
        }
        if let Some(word) = words.first().filter(|word| !word.starts_with('-')) {
            return self.fail(1, &format!("Error: bad argument {word}"));
        }
        let Ok(bytes) = self.amount(words.first().copied()) else {
            return;
        };
        let Some(bytes) = bytes else {
            return self.follow("/mainlogtail");
        };
        let result = self
            .client
            .call("readLog", &[Value::Int(-bytes), Value::Int(0)]);
        self.show_log("supervisord", result);
    }

    /// How many bytes a modifier such as `-100` means; `None` for `-f`.
    fn amount(&mut self, modifier: Option<&str>) -> Result<Option<i64>, ()> {
        match modifier.map(|modifier| &modifier[1..]) {
            None => Ok(Some(DEFAULT_BYTES)),
            Some("f") => Ok(None),
            Some(number) => match number.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => {
                    self.fail(1, &format!("Error: bad argument -{number}"));
                    Err(())
                }
            },
        }
    }

    fn show_log(&mut self, name: &str, result: Result<Value, CallError>) {
        match result {
            Ok(value) => {
                let text = value.as_text().unwrap_or("").to_owned();
                self.say(&text);
            }
            Err(CallError::Fault { code: 20, .. }) => {
                self.fail(1, &format!("{name}: ERROR (no log file)"));
            }
            Err(CallError::Fault { code: 30, .. }) => {
                self.fail(1, &format!("{name}: ERROR (unknown error reading log)"));
            }
            Err(CallError::Fault { code: 10, .. }) => {
                self.fail(1, &format!("{name}: ERROR (no such process name)"));
            }
            Err(error) => self.raise(&error),
        }
    }

    fn follow(&mut self, path: &str) {
        self.say("==> Press Ctrl-C to exit <==");
        if let Err(error) = self.client.follow(path, &mut io::stdout()) {
            // As in the original such an error does not change the exit code.
            let _ = writeln!(io::stderr(), "{}{path} {error}", self.client.url);
        }
    }

    pub(super) fn foreground(&mut self, words: &[&str]) {
        let name = match words {
            [] => {
                self.fail(1, "ERROR: no process name supplied");
                return self.help("fg");
            }
            [name] => *name,
            _ => return self.fail(1, "ERROR: too many process names supplied"),
        };
        match self.is_running(name) {
            Ok(true) => {}
            Ok(false) => return self.fail(1, "ERROR: process not running"),
            Err(CallError::Fault { code: 10, .. }) => {
                return self.fail(1, "ERROR: bad process name supplied");
            }
            Err(error) => return self.say(&format!("ERROR: {error}")),
        }
        self.say("==> Press Ctrl-C to exit <==");
        // The thread ends with this program: a tail has no end of its own.
        let (follower, path) = (self.client.clone(), format!("/logtail/{name}/stdout"));
        drop(std::thread::spawn(move || {
            let _ = follower.follow(&path, &mut io::stdout());
        }));
        self.feed(name);
        self.say("Exiting foreground");
    }

    /// Sends lines of our input to a program until either ends.
    fn feed(&mut self, name: &str) {
        let mut line = String::new();
        loop {
            line.clear();
            if io::stdin().read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let params = [Value::text(name), Value::text(line.clone())];
            match self.client.call("sendProcessStdin", &params) {
                Ok(_) => {}
                Err(CallError::Fault { code: 70, .. }) => return self.say("Process got killed"),
                Err(error) => return self.say(&format!("ERROR: {error}")),
            }
            if !self.is_running(name).unwrap_or(false) {
                return self.say("Process got killed");
            }
        }
    }

    fn is_running(&self, name: &str) -> Result<bool, CallError> {
        let info = self.client.call("getProcessInfo", &[Value::text(name)])?;
        Ok(info.member("state").and_then(Value::as_int) == Some(RUNNING))
    }
}

const DEFAULT_BYTES: i64 = 1600;
const RUNNING: i64 = 20;
