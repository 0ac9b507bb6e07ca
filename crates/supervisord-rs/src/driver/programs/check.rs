//! Looking before a program is started, and commands that find out whether it lives.

use std::{fs::File, io};

use supervisor_core::{Exit, ProgramId, Run, Scope};
use tokio::sync::oneshot;

use super::{Programs, SIGKILL};
use crate::{
    fault::{Fault, FaultCode},
    process::{Blueprint, ChildEnds, CommandError, Setup, resolve, spawn},
};

impl Programs {
    /// Whether the file of a program is there and may be executed, before anything is tried.
    pub(in crate::driver) fn check_command(&self, program: &ProgramId) -> Result<(), Fault> {
        let Some(entry) = self.entries.get(program) else {
            return Ok(());
        };
        if entry.config.refused.is_some() {
            return Ok(());
        }
        let search = self.settings.search_path(&entry.config);
        match resolve(&entry.config.command, &search) {
            Ok(_) => Ok(()),
            Err(error @ CommandError::NotFound(_)) => {
                Err(Fault::new(FaultCode::NoFile, error.to_string()))
            }
            Err(error) => Err(Fault::new(FaultCode::NotExecutable, error.to_string())),
        }
    }

    /// Runs a command beside a program, as it and with its environment; its output goes nowhere.
    pub(in crate::driver) fn spawn_check(
        &mut self,
        run: &Run,
        command: &str,
    ) -> Result<(i32, oneshot::Receiver<Exit>), String> {
        let config = self.config(&run.program).ok_or("no such program")?;
        let (file, words) = resolve(command, &self.settings.search_path(config))
            .map_err(|error| error.to_string())?;
        let environment = self
            .settings
            .environment_of(config, run)
            .map_err(|error| error.to_string())?;
        let setup = self.settings.setup(config);
        let nowhere = || -> io::Result<(ChildEnds, Setup)> {
            let null = File::options().read(true).write(true).open("/dev/null")?;
            let ends = ChildEnds {
                stdin: null.try_clone()?.into(),
                stdout: null.try_clone()?.into(),
                stderr: null.into(),
                notify: None,
            };
            Ok((ends, setup?))
        };
        let (ends, setup) = nowhere().map_err(|error| error.to_string())?;
        let blueprint = Blueprint {
            file: &file,
            words: &words,
            environment: &environment,
            setup,
        };
        let pid = spawn(&blueprint, ends).map_err(|error| error.to_string())?;
        Ok((pid.as_raw(), self.reaper.expect(pid)))
    }

    /// Kills a check that takes too long.
    pub(in crate::driver) fn end_check(&self, pid: i32) {
        let _ = self.reaper.signal(pid, SIGKILL, Scope::Group);
    }
}
