//! `fg`: what a program prints, and what is typed for it.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use super::{
    Session,
    interrupt::{Interrupt, Ready},
    log_stream::{LogStream, More},
    raised::Raised,
};
use crate::xmlrpc::Value;

impl Session {
    pub(super) fn foreground(&mut self, words: &[&str]) -> Result<(), Raised> {
        let name = match words {
            [] => {
                self.fail(1, "ERROR: no process name supplied");
                self.help("fg");
                return Ok(());
            }
            [name] => *name,
            _ => {
                self.fail(1, "ERROR: too many process names supplied");
                return Ok(());
            }
        };
        match self.is_running(name) {
            Ok(true) => {}
            Ok(false) => {
                self.fail(1, "ERROR: process not running");
                return Ok(());
            }
            Err(Raised::Fault { code: 10, .. }) => {
                self.fail(1, "ERROR: bad process name supplied");
                return Ok(());
            }
            Err(fault @ Raised::Fault { .. }) => {
                self.say(&format!("ERROR: {fault}"));
                return Ok(());
            }
            Err(raised) => return Err(raised),
        }
        let outputs = ["stdout", "stderr"].map(|channel| format!("/logtail/{name}/{channel}"));
        let open = |path: String| LogStream::open(&self.client, &path).map(|log| (path, log));
        let logs: Result<Vec<_>, _> = outputs.into_iter().map(open).collect();
        // Only from here on: connecting can take long, and Ctrl-C ends that as it ends any program.
        let interrupt = Interrupt::hold().map_err(io::Error::from)?;
        self.say("==> Press Ctrl-C to exit <==");
        self.feed(name, &interrupt, logs?)?;
        self.say("Exiting foreground");
        Ok(())
    }

    /// Prints what comes and sends what is typed, until the program has ended or the user wants.
    fn feed(
        &mut self,
        name: &str,
        interrupt: &Interrupt,
        mut logs: Vec<(String, LogStream)>,
    ) -> Result<(), Raised> {
        let stdin = io::stdin();
        if !self.send_typed(name, true)? {
            return Ok(());
        }
        loop {
            let mut fds: Vec<BorrowedFd<'_>> = vec![stdin.as_fd()];
            fds.extend(logs.iter().map(|(_, log)| log.as_fd()));
            let ready = interrupt.wait(&fds).map_err(io::Error::from)?;
            let Ready::Readable(ready) = ready else {
                return Ok(());
            };
            let mut more = ready.iter().skip(1);
            logs.retain_mut(|(path, log)| match more.next() {
                Some(true) => match log.receive(&mut io::stdout()) {
                    Ok(more) => more == More::Expected,
                    Err(no_log) => {
                        self.tell_no_log(path, &no_log);
                        false
                    }
                },
                Some(false) | None => true,
            });
            if ready.first() == Some(&true) {
                let is_open = self.terminal.typed.receive()?;
                if !self.send_typed(name, is_open)? || !is_open {
                    return Ok(());
                }
            }
        }
    }

    /// Sends the lines that were typed; false if the program does not run any more.
    fn send_typed(&mut self, name: &str, is_open: bool) -> Result<bool, Raised> {
        while let Some(line) = self.terminal.typed.line(is_open) {
            if !self.send(name, line)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends a line to a program; false if it does not run any more.
    fn send(&mut self, name: &str, line: String) -> Result<bool, Raised> {
        let params = [Value::text(name), Value::text(line)];
        let problem = match self.client.call("sendProcessStdin", &params) {
            Ok(_) => match self.is_running(name)? {
                true => return Ok(true),
                false => KILLED.to_owned(),
            },
            Err(Raised::Fault { code: 70, .. }) => KILLED.to_owned(),
            Err(fault @ Raised::Fault { .. }) => format!("ERROR: {fault}"),
            Err(raised) => return Err(raised),
        };
        self.say(&problem);
        Ok(false)
    }

    fn is_running(&self, name: &str) -> Result<bool, Raised> {
        let info = self.client.call("getProcessInfo", &[Value::text(name)])?;
        Ok(info.member("state").and_then(Value::as_int) == Some(RUNNING))
    }
}

const RUNNING: i64 = 20;
const KILLED: &str = "Process got killed";
