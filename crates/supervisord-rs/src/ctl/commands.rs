//! Finds what carries a command out.

use std::io::ErrorKind;

use super::{Next, Session, client::Login, line::Line, raised::Raised, terminal::Input};

impl Session {
    /// Carries one line out.
    pub(super) fn command(&mut self, text: &str) -> Next {
        let (verb, rest) = match Line::parse(text) {
            Line::Empty => return Next::Line,
            Line::Strange(line) => {
                self.fail(1, &format!("*** Unknown syntax: {line}"));
                return Next::Line;
            }
            Line::Command { verb, rest } => (verb, rest),
        };
        loop {
            match self.carry_out(verb, rest, text.trim()) {
                Ok(next) => return next,
                Err(Raised::Interrupted) => return self.interrupted(),
                Err(raised) if raised.wants_login() => {
                    self.say("Server requires authentication");
                    self.exit = 1;
                    if !self.interactive {
                        // The original tries once more and tells what it got.
                        self.say(&raised.line());
                        return Next::Line;
                    }
                    match self.log_in() {
                        Ok(()) => continue,
                        Err(Raised::Interrupted) => return self.interrupted(),
                        Err(raised) => self.fail(1, &raised.line()),
                    }
                }
                Err(raised) => self.fail(1, &raised.line()),
            }
            return Next::Line;
        }
    }

    /// Asks for a name and password.
    fn log_in(&mut self) -> Result<(), Raised> {
        let line = |input| match input {
            Input::Line(line) => Ok(line),
            Input::End => Err(Raised::EndOfFile),
            Input::Interrupted => Err(Raised::Interrupted),
        };
        let interruptions = self.client.interruptions;
        let username = line(self.terminal.ask("Username:", interruptions))?;
        let password = line(self.terminal.ask_secret("Password:", interruptions))?;
        self.say("");
        self.client.login = Some(Login { username, password });
        self.exit = 0;
        Ok(())
    }

    fn carry_out(&mut self, verb: &str, rest: &str, line: &str) -> Result<Next, Raised> {
        let words: Vec<_> = rest.split_whitespace().collect();
        let words = words.as_slice();
        match verb {
            "EOF" | "quit" | "exit" => {
                self.say("");
                return Ok(Next::End);
            }
            "help" => self.help(rest),
            "status" => self.status(words)?,
            "start" => self.checked(|s| s.start(words))?,
            "stop" => self.checked(|s| s.stop(words))?,
            "restart" => self.checked(|s| s.restart(words))?,
            "signal" => self.checked(|s| s.signal(words))?,
            "clear" => self.checked(|s| s.clear(words))?,
            "tail" => self.checked(|s| s.tail(words))?,
            "maintail" => self.checked(|s| s.maintail(words))?,
            "fg" => self.checked(|s| s.foreground(words))?,
            "pid" => self.checked(|s| s.pid(words))?,
            "add" => self.add(words)?,
            "remove" => self.remove(words)?,
            "update" => self.update(words)?,
            "open" => self.open(rest)?,
            "avail" | "reread" | "reload" | "shutdown" | "version" if !rest.is_empty() => {
                self.fail(1, &format!("Error: {verb} accepts no arguments"));
                self.help(verb);
            }
            "avail" => self.avail()?,
            "reread" => self.reread()?,
            "reload" => self.reload()?,
            "shutdown" => self.shutdown()?,
            "version" => self.checked(Self::version)?,
            _ => self.fail(1, &format!("*** Unknown syntax: {line}")),
        }
        Ok(Next::Line)
    }

    /// Runs a command if a supervisord of our kind is there.
    fn checked(
        &mut self,
        command: impl FnOnce(&mut Self) -> Result<(), Raised>,
    ) -> Result<(), Raised> {
        match self.is_up()? {
            true => command(self),
            false => Ok(()),
        }
    }

    /// Whether a supervisord of our kind is there; says so if not.
    pub(super) fn is_up(&mut self) -> Result<bool, Raised> {
        let url = self.client.url.clone();
        match self.client.call("getVersion", &[]) {
            Ok(version) if version.as_text() == Some(API_VERSION) => return Ok(true),
            Ok(version) => {
                let version = version.as_text().unwrap_or("").to_owned();
                self.fail(
                    5,
                    &format!(
                        "Sorry, this version of supervisorctl expects to talk to a server with API \
                         version {API_VERSION}, but the remote version is {version}."
                    ),
                );
            }
            Err(Raised::Fault { code: 1, .. }) => self.fail(3, NO_NAMESPACE),
            Err(raised) if raised.is(ErrorKind::ConnectionRefused) => {
                self.fail(4, &format!("{url} refused connection"));
            }
            Err(raised) if raised.is(ErrorKind::NotFound) => {
                self.fail(7, &format!("{url} no such file"));
            }
            Err(raised) => return Err(raised),
        }
        Ok(false)
    }
}

const API_VERSION: &str = "3.0";
const NO_NAMESPACE: &str = "Sorry, supervisord responded but did not recognize the supervisor \
                            namespace commands that supervisorctl uses to control it.  Please \
                            check that the [rpcinterface:supervisor] section is enabled in the \
                            configuration file (see sample.conf).";
