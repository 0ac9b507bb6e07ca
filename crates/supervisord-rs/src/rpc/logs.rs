//! Methods that read or empty logs.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{info::structure, methods::Methods, names, params::Params, programs::about};
use crate::{
    driver::{Outcome, ProgramStatus, Target},
    fault::{Fault, FaultCode},
    xmlrpc::{Stored, Value},
};

/// One of a program's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Stdout,
    Stderr,
}

impl Methods {
    pub(super) fn read_main_log(&self, mut params: Params) -> Result<Value, Fault> {
        let log = self.handle.snapshot().main_log.clone();
        let log = existing(log)?;
        read(&log, params.int()?, params.int()?)
    }

    pub(super) fn clear_main_log(&self) -> Result<Value, Fault> {
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
        let name = params.text()?;
        let log = existing(self.log_of(&name, channel)?)?;
        read(&log, params.int()?, params.int()?)
    }

    pub(super) fn tail_log(&self, channel: Channel, mut params: Params) -> Result<Value, Fault> {
        let name = params.text()?;
        let log = self.log_of(&name, channel)?;
        let (text, offset, overflow) = match log.filter(|path| path.exists()) {
            None => (Value::text(""), 0, false),
            Some(path) => {
                let (offset, length) = (params.int()?, params.int()?);
                tail(&path, offset, length).unwrap_or_else(|_| (Value::text(""), offset, false))
            }
        };
        Ok(Value::Array(vec![
            text,
            Value::Int(offset),
            Value::Bool(overflow),
        ]))
    }

    pub(super) async fn clear_logs(&self, mut params: Params) -> Result<Value, Fault> {
        let name = params.text()?;
        self.clear_logs_of(&name).await?;
        Ok(Value::Bool(true))
    }

    pub(super) async fn clear_logs_of(&self, name: &str) -> Result<(), Fault> {
        let id = names::program_id(name).ok_or_else(|| Fault::new(FaultCode::BadName, name))?;
        let outcomes = self.handle.clear_logs(Target::One(id)).await?;
        outcomes
            .into_iter()
            .try_for_each(|outcome| outcome.result)
            .map_err(|fault| match fault.code == FaultCode::Failed {
                true => Fault::new(FaultCode::Failed, name),
                false => about(fault, name),
            })
    }

    pub(super) async fn clear_all_logs(&self) -> Result<Value, Fault> {
        let outcomes = self.handle.clear_logs(Target::All).await?;
        Ok(statuses(&outcomes))
    }

    /// The last bytes of what a program has written, at most `limit` of them.
    pub(super) fn end_of_log(
        &self,
        name: &str,
        channel: Channel,
        limit: u64,
    ) -> Result<String, Fault> {
        let log = existing(self.log_of(name, channel)?)?;
        let offset = i64::try_from(limit).unwrap_or(i64::MAX);
        match read(&log, -offset, 0)? {
            Value::Text(text) => Ok(text),
            Value::Stored(stored) => stored.read().map_err(|_| Fault::bare(FaultCode::Failed)),
            Value::Int(_)
            | Value::Bool(_)
            | Value::Double(_)
            | Value::Array(_)
            | Value::Struct(_) => Err(Fault::bare(FaultCode::Failed)),
        }
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

/// A log, if it is there.
fn existing(path: Option<PathBuf>) -> Result<PathBuf, Fault> {
    match path {
        None => Err(Fault::bare(FaultCode::NoFile)),
        Some(path) if !path.exists() => {
            Err(Fault::new(FaultCode::NoFile, path.display().to_string()))
        }
        Some(path) => Ok(path),
    }
}

/// The original's `readLog`: a negative offset counts from the end, a length of 0 means all.
fn read(path: &Path, offset: i64, length: i64) -> Result<Value, Fault> {
    let failed = |_| Fault::bare(FaultCode::Failed);
    let (file, size) = open(path).map_err(failed)?;
    if length < 0 || (offset < 0 && length != 0) {
        return Err(Fault::bare(FaultCode::BadArguments));
    }
    let from = match u64::try_from(offset) {
        Ok(offset) => offset.min(size),
        Err(_) => size.saturating_sub(offset.unsigned_abs()),
    };
    let length = match length.unsigned_abs() {
        0 => size - from,
        length => length.min(size - from),
    };
    text(file, from, length).map_err(failed)
}

/// The original's `tailLog`: text, offset of the end, and whether something was passed over.
fn tail(path: &Path, offset: i64, length: i64) -> io::Result<(Value, i64, bool)> {
    let (file, size) = open(path)?;
    let end = i64::try_from(size).unwrap_or(i64::MAX);
    let overflow = end > offset.saturating_add(length);
    let wanted = match offset >= end && !overflow {
        true => 0,
        false => u64::try_from(length).unwrap_or(0).min(size),
    };
    let text = text(file, size - wanted, wanted)?;
    Ok((text, end, overflow))
}

/// Opens a plain file; reading a terminal or pipe would wait or steal.
fn open(path: &Path) -> io::Result<(File, u64)> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

/// A short text is read at once; a long one stays where it is until it is sent.
fn text(file: File, from: u64, length: u64) -> io::Result<Value> {
    let stored = Stored::new(file, from, length);
    match length <= SHORT {
        true => stored.read().map(Value::Text),
        false => Ok(Value::Stored(stored)),
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

const SUCCESS: i64 = 80;
const SHORT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(value: Value) -> String {
        match value {
            Value::Text(text) => text,
            Value::Stored(stored) => stored.read().unwrap(),
            Value::Int(_)
            | Value::Bool(_)
            | Value::Double(_)
            | Value::Array(_)
            | Value::Struct(_) => panic!("it is no text"),
        }
    }

    #[test]
    fn offsets_and_lengths_follow_the_original() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "0123456789").unwrap();
        let get = |offset, length| read(&path, offset, length).map(whole);
        assert_eq!(get(-3, 0).unwrap(), "789");
        assert_eq!(get(-99, 0).unwrap(), "0123456789");
        assert_eq!(get(i64::MIN, 0).unwrap(), "0123456789");
        assert_eq!(get(2, 3).unwrap(), "234");
        assert_eq!(get(8, 0).unwrap(), "89");
        assert_eq!(get(8, i64::MAX).unwrap(), "89");
        assert_eq!(get(99, 0).unwrap(), "");
        assert_eq!(get(-3, 1).unwrap_err().code, FaultCode::BadArguments);
        assert_eq!(get(0, -1).unwrap_err().code, FaultCode::BadArguments);
        let get = |offset, length| {
            let (text, offset, overflow) = tail(&path, offset, length).unwrap();
            (whole(text), offset, overflow)
        };
        assert_eq!(get(0, 4), ("6789".to_owned(), 10, true));
        assert_eq!(get(10, 4), (String::new(), 10, false));
        assert_eq!(get(0, 99), ("0123456789".to_owned(), 10, false));
        assert_eq!(get(i64::MAX, i64::MAX), (String::new(), 10, false));
        assert_eq!(get(0, -5), (String::new(), 10, true));
    }

    #[test]
    fn the_end_of_a_log_longer_than_memory_should_hold_is_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let file = File::create(&path).unwrap();
        file.set_len(40 << 20).unwrap();
        std::os::unix::fs::FileExt::write_at(&file, b"the end", (40 << 20) - 7).unwrap();
        let value = read(&path, -18_000_000, 0).unwrap();
        let Value::Stored(stored) = &value else {
            panic!("it is kept in memory")
        };
        assert_eq!(stored.length(), 18_000_000);
        let text = whole(value);
        assert_eq!(text.len(), 18_000_000);
        assert!(text.ends_with("\0the end"));
    }
}
