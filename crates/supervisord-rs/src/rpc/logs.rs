//! Methods that read or empty logs.

use std::path::{Path, PathBuf};

use super::{info::structure, methods::Methods, names, params::Params};
use crate::{
    driver::{Outcome, ProgramStatus, Target},
    fault::{Fault, FaultCode},
    logs::{self, ReadError},
    xmlrpc::Value,
};

/// One of a program's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Stdout,
    Stderr,
}

impl Methods {
    pub(super) fn read_main_log(&self, mut params: Params) -> Result<Value, Fault> {
        let (offset, length) = (params.int()?, params.int()?);
        params.end()?;
        read(self.handle.snapshot().main_log.as_deref(), offset, length)
    }

    pub(super) fn clear_main_log(&self, params: Params) -> Result<Value, Fault> {
        params.end()?;
        if self.log.path().is_none_or(|path| !path.exists()) {
            return Err(Fault::bare(FaultCode::NoFile));
        }
        self.log
            .clear()
            .map_err(|_| Fault::bare(FaultCode::Failed))?;
        self.log.info("reopening log file");
        Ok(Value::Bool(true))
    }

    pub(super) fn read_log(&self, channel: Channel, mut params: Params) -> Result<Value, Fault> {
        let (name, offset, length) = (params.text()?, params.int()?, params.int()?);
        params.end()?;
        read(self.log_of(&name, channel)?.as_deref(), offset, length)
    }

    pub(super) fn tail_log(&self, channel: Channel, mut params: Params) -> Result<Value, Fault> {
        let (name, offset, length) = (params.text()?, params.int()?, params.int()?);
        params.end()?;
        let (text, offset, overflow) = match self.log_of(&name, channel)? {
            Some(path) if path.exists() => logs::tail(&path, offset, length),
            Some(_) | None => (Vec::new(), 0, false),
        };
        Ok(Value::Array(vec![
            lossy(&text),
            Value::Int(offset),
            Value::Bool(overflow),
        ]))
    }

    pub(super) async fn clear_logs(&self, mut params: Params) -> Result<Value, Fault> {
        let name = params.text()?;
        params.end()?;
        let id = names::program_id(&name).ok_or_else(|| Fault::new(FaultCode::BadName, &*name))?;
        let outcomes = self.handle.clear_logs(Target::One(id)).await?;
        outcomes
            .into_iter()
            .try_for_each(|outcome| outcome.result)?;
        Ok(Value::Bool(true))
    }

    pub(super) async fn clear_all_logs(&self, params: Params) -> Result<Value, Fault> {
        params.end()?;
        let outcomes = self.handle.clear_logs(Target::All).await?;
        Ok(statuses(&outcomes))
    }

    /// The file that holds what a program wrote. Where output goes to tiers it is the clean log:
    /// the configured /dev/stdout cannot be read back.
    pub(super) fn log_of(&self, name: &str, channel: Channel) -> Result<Option<PathBuf>, Fault> {
        let bad_name = || Fault::new(FaultCode::BadName, name);
        let id = names::program_id(name).ok_or_else(bad_name)?;
        let snapshot = self.handle.snapshot();
        let program = snapshot.program(&id).ok_or_else(bad_name)?;
        Ok(log_path(program, channel))
    }
}

fn log_path(program: &ProgramStatus, channel: Channel) -> Option<PathBuf> {
    match channel {
        Channel::Stdout => program
            .stdout_text
            .clone()
            .or_else(|| program.stdout_log.clone()),
        Channel::Stderr => program.stderr_log.clone(),
    }
}

fn read(path: Option<&Path>, offset: i64, length: i64) -> Result<Value, Fault> {
    let Some(path) = path else {
        return Err(Fault::new(FaultCode::NoFile, "None"));
    };
    if !path.exists() {
        return Err(Fault::new(FaultCode::NoFile, path.display().to_string()));
    }
    match logs::read(path, offset, length) {
        Ok(text) => Ok(lossy(&text)),
        Err(ReadError::Arguments) => Err(Fault::bare(FaultCode::BadArguments)),
        Err(ReadError::Io { .. }) => Err(Fault::bare(FaultCode::Failed)),
    }
}

/// The structs of calls that concern several programs.
pub(super) fn statuses(outcomes: &[Outcome]) -> Value {
    let one = |outcome: &Outcome| {
        let (status, description) = match &outcome.result {
            Ok(()) => (SUCCESS, "OK".to_owned()),
            Err(fault) => (fault.code.number(), fault.to_string()),
        };
        structure(vec![
            ("name", Value::text(&*outcome.program.name)),
            ("group", Value::text(&*outcome.program.group)),
            ("status", Value::Int(status)),
            ("description", Value::text(description)),
        ])
    };
    Value::Array(outcomes.iter().map(one).collect())
}

fn lossy(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

const SUCCESS: i64 = 80;
