//! Commands about supervisord as a whole.

use std::io::ErrorKind;

use super::{Session, raised::Raised, status::Info, terminal::Input};
use crate::xmlrpc::Value;

impl Session {
    pub(super) fn version(&mut self) -> Result<(), Raised> {
        let version = self.client.call("getSupervisorVersion", &[])?;
        self.say(version.as_text().unwrap_or(""));
        Ok(())
    }

    pub(super) fn pid(&mut self, words: &[&str]) -> Result<(), Raised> {
        if words.is_empty() {
            let pid = self.client.call("getPID", &[])?;
            self.say(&pid.as_int().unwrap_or(0).to_string());
            return Ok(());
        }
        if words.contains(&"all") {
            for info in Info::all(&self.client.call("getAllProcessInfo", &[])?) {
                self.say(&info.pid.to_string());
            }
            return Ok(());
        }
        for word in words {
            match self.client.call("getProcessInfo", &[Value::text(*word)]) {
                Ok(value) => {
                    let pid = Info::of(&value).pid;
                    self.say(&pid.to_string());
                    if pid == 0 {
                        self.exit = 7;
                    }
                }
                Err(Raised::Fault { code: 10, .. }) => {
                    self.fail(1, &format!("No such process {word}"));
                }
                Err(raised) => return Err(raised),
            }
        }
        Ok(())
    }

    /// Talks to another supervisord from here on.
    pub(super) fn open(&mut self, url: &str) -> Result<(), Raised> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        if !matches!(scheme, "unix" | "http") {
            self.fail(1, "ERROR: url must be http:// or unix://");
            return Ok(());
        }
        url.clone_into(&mut self.client.url);
        let before = self.exit;
        self.status(&[])?;
        self.exit = before;
        Ok(())
    }

    pub(super) fn reload(&mut self) -> Result<(), Raised> {
        if !self.really("Really restart the remote supervisord process y/N? ")? {
            return Ok(());
        }
        match self.client.call("restart", &[]) {
            Ok(_) => self.say("Restarted supervisord"),
            Err(Raised::Fault { code: 6, .. }) => self.fail(1, "ERROR: already shutting down"),
            Err(raised) => return Err(raised),
        }
        Ok(())
    }

    pub(super) fn shutdown(&mut self) -> Result<(), Raised> {
        if !self.really("Really shut the remote supervisord process down y/N? ")? {
            return Ok(());
        }
        let url = self.client.url.clone();
        match self.client.call("shutdown", &[]) {
            Ok(_) => self.say("Shut down"),
            Err(Raised::Fault { code: 6, .. }) => self.say("ERROR: already shutting down"),
            Err(raised) if raised.is(ErrorKind::ConnectionRefused) => {
                let text = format!("ERROR: {url} refused connection (already shut down?)");
                self.fail(1, &text);
            }
            Err(raised) if raised.is(ErrorKind::NotFound) => {
                self.fail(
                    1,
                    &format!("ERROR: {url} no such file (already shut down?)"),
                );
            }
            Err(raised) => return Err(raised),
        }
        Ok(())
    }

    /// Whether somebody who can be asked means it.
    fn really(&mut self, question: &str) -> Result<bool, Raised> {
        if !self.interactive {
            return Ok(true);
        }
        match self.terminal.ask(question, self.client.interruptions) {
            Input::Line(answer) => Ok(answer.to_lowercase().starts_with('y')),
            Input::End => Err(Raised::EndOfFile),
            Input::Interrupted => Err(Raised::Interrupted),
        }
    }
}
