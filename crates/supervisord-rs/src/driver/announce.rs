//! What the core announces, in the original's words.

use nix::unistd::Uid;
use supervisor_core::{Announcement, Exit, ProgramId};

use super::Driver;
use crate::{
    config::{Config, Problem, signal_name},
    logs::MainLog,
};

impl Driver {
    pub(super) fn announce(&mut self, announcement: &Announcement) {
        match announcement {
            Announcement::Entered {
                run,
                from,
                to,
                tries,
                expected,
            } => self.state_changed(run, (*from, *to), *tries, expected.unwrap_or(false)),
            Announcement::Unalive { run, reason } => self.log.warn(&format!(
                "restarting: {} does not live: {reason}",
                run.program.name
            )),
            Announcement::EnteredRunning { program, startsecs } => self.log.info(&format!(
                "success: {} entered RUNNING state, process has stayed up for > than {} seconds \
                 (startsecs)",
                program.name,
                startsecs.as_secs()
            )),
            Announcement::SpawnFailed { reason } => self.log.info(&format!("spawnerr: {reason}")),
            Announcement::Exited {
                program,
                exit,
                expected,
            } => {
                let (told, how) = (said(*exit), expectation(*expected));
                let text = format!("exited: {} ({told}; {how})", program.name);
                self.tell_end(program, &text, *expected);
            }
            Announcement::Stopped {
                program,
                exit,
                expected,
            } => {
                let text = format!("stopped: {} ({})", program.name, said(*exit));
                self.tell_end(program, &text, *expected);
            }
            Announcement::GaveUp(program) => {
                self.log.info(&format!(
                    "gave up: {} entered FATAL state, too many start retries too quickly",
                    program.name
                ));
                self.end_on_fatal(program);
            }
            Announcement::Killing(run) => {
                let pid = self.programs.pid(&run.program);
                let name = &run.program.name;
                self.log
                    .warn(&format!("killing '{name}' ({pid}) with SIGKILL"));
            }
            Announcement::WaitingFor(programs) => {
                self.log
                    .info(&format!("waiting for {} to die", names(programs)));
            }
            Announcement::Abandoned(programs) => self.log.critical(&format!(
                "{} did not die when killed; left behind",
                names(programs)
            )),
        }
    }
}

impl Driver {
    fn tell_end(&mut self, program: &ProgramId, text: &str, expected: bool) {
        match expected {
            true => self.log.info(text),
            false => self.log.warn(text),
        }
        self.listener_ended(program);
    }

    /// Ends everything if a program that must not be lost was given up.
    fn end_on_fatal(&mut self, program: &ProgramId) {
        let config = self.programs.config(program);
        let Some(code) = config.and_then(|config| config.exit_on_fatal) else {
            return;
        };
        let text = format!("{} is FATAL and exit_on_fatal is set", program.name);
        self.log
            .critical(&format!("{text}; ending with code {code}"));
        self.code = code;
        if let Some(custody) = self.programs.custody()
            && let Err(error) = custody.end(code, &text)
        {
            self.log.error(&format!("bootd was not told: {error}"));
        }
        self.shut_down(super::Phase::ShuttingDown);
    }
}

/// The first lines of the main log, also after everything began anew.
pub(crate) fn introduce(config: &Config, log: &MainLog) {
    report(config, None, log);
    if Uid::current().is_root() && config.daemon.user.is_none() {
        log.critical(
            "Supervisor is running as root.  Privileges were not dropped because no user is \
             specified in the config file.  If you intend to run as root, you can set user=root \
             in the config file to avoid this message.",
        );
    } else if config.daemon.user.is_some() {
        log.info(&format!("Set uid to user {} succeeded", Uid::current()));
    }
}

/// Says what a configuration includes and what was refused of it, except what was already `known`.
pub(super) fn report(config: &Config, known: Option<&[Problem]>, log: &MainLog) {
    if known.is_none() {
        for (level, remark) in &config.remarks {
            log.log(*level, remark);
        }
    }
    for problem in &config.problems {
        if known.is_none_or(|known| !known.contains(problem)) {
            log.error(&format!("refused: {problem}"));
        }
    }
}

fn said(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit status {code}"),
        Exit::Signal { number, dumped } => {
            let core = if dumped { " (core dumped)" } else { "" };
            format!("terminated by {}{core}", signal_name(number))
        }
    }
}

fn expectation(expected: bool) -> &'static str {
    match expected {
        true => "expected",
        false => "not expected",
    }
}

fn names(programs: &[ProgramId]) -> String {
    let names: Vec<_> = programs.iter().map(|program| &*program.name).collect();
    names.join(", ")
}
