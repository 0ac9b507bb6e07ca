//! The types of values, for flags that set the same things.

use std::path::{Path, PathBuf};

use super::{LogLevel, values};

pub(crate) fn account(text: &str) -> Result<String, String> {
    values::account(text).map(|user| user.name)
}

pub(crate) fn octal(text: &str) -> Result<u32, String> {
    values::octal(text)
}

pub(crate) fn directory(text: &str, own_home: Option<&Path>) -> Result<PathBuf, String> {
    values::existing_directory(text, own_home)
}

pub(crate) fn parent(text: &str, own_home: Option<&Path>) -> Result<PathBuf, String> {
    values::existing_parent(text, own_home).map(|path| values::normal(&path))
}

pub(crate) fn size(text: &str) -> Result<u64, String> {
    values::byte_size(text).map(|size| u64::try_from(size).unwrap_or(0))
}

pub(crate) fn count(text: &str) -> Result<u32, String> {
    values::integer(text).map(|count| u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

pub(crate) fn level(text: &str) -> Result<LogLevel, String> {
    values::log_level(text)
}
