//! The types of values, for flags that set the same things. The errors are the original's.

use std::path::{Path, PathBuf};

use super::{LogLevel, MainLogTarget, values};

pub(crate) fn octal(text: &str) -> Result<u32, String> {
    values::octal(text).map_err(|_| format!("{text} can not be converted to an octal type"))
}

pub(crate) fn directory(text: &str, own_home: Option<&Path>) -> Result<PathBuf, String> {
    values::existing_directory(text, own_home)
}

pub(crate) fn parent(text: &str, own_home: Option<&Path>) -> Result<PathBuf, String> {
    values::existing_parent(text, own_home).map(|path| values::normal(&path))
}

pub(crate) fn log_file(text: &str, own_home: Option<&Path>) -> Result<MainLogTarget, String> {
    MainLogTarget::parse(text, own_home)
}

pub(crate) fn size(text: &str) -> Result<u64, String> {
    let size = values::byte_size(text).map_err(|_| no_number(text))?;
    Ok(u64::try_from(size).unwrap_or(0))
}

pub(crate) fn count(text: &str) -> Result<u64, String> {
    let count = values::integer(text).map_err(|_| no_number(text))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

pub(crate) fn level(text: &str) -> Result<LogLevel, String> {
    values::log_level(text).map_err(|_| format!("bad logging level name '{text}'"))
}

/// The name of an account.
pub(crate) fn account(text: &str) -> Result<String, String> {
    values::account(text).map(|user| user.name).map_err(|_| {
        let kind = match values::integer(text) {
            Ok(_) => "id",
            Err(_) => "name",
        };
        format!("Invalid user {kind} {text}")
    })
}

fn no_number(text: &str) -> String {
    format!("invalid literal for int() with base 10: '{text}'")
}
