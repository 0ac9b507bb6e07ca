//! The types of values, with exactly the original's idea of each.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use nix::{
    sys::signal::Signal,
    unistd::{Gid, Group, Uid, User},
};

/// How important a line of the main log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Blather,
    /// Nearly everything.
    Trace,
    /// For looking into a problem; includes the output of programs.
    Debug,
    /// The default.
    Info,
    /// Odd.
    Warn,
    /// Wrong.
    Error,
    /// Very wrong.
    Critical,
}

pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(format!("not a valid boolean value: '{text}'")),
    }
}

pub(crate) fn integer(text: &str) -> Result<i64, String> {
    let plain = text.trim();
    let digits = plain.trim_start_matches(['+', '-']);
    let badly_placed = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    let parsed = plain.replace('_', "").parse();
    match parsed {
        Ok(number) if !badly_placed => Ok(number),
        _ => Err(format!("not a whole number: '{text}'")),
    }
}

pub(crate) fn byte_size(text: &str) -> Result<i64, String> {
    let upper = text.to_uppercase();
    let (digits, factor) = [("KB", 1i64 << 10), ("MB", 1 << 20), ("GB", 1 << 30)]
        .iter()
        .find_map(|(suffix, factor)| upper.strip_suffix(suffix).map(|d| (d, *factor)))
        .unwrap_or((&upper, 1));
    integer(digits)
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("not a size (digits, or digits with KB, MB or GB): '{text}'"))
}

pub(crate) fn octal(text: &str) -> Result<u32, String> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0o").unwrap_or(digits);
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| format!("not an octal number: '{text}'"))
}

/// The number of a signal, by its name with or without `SIG`, or by its number.
///
/// # Errors
/// When there is no such signal.
pub fn signal_number(text: &str) -> Result<i32, String> {
    let name = text.trim().to_uppercase();
    if let Ok(number) = name.parse::<i32>() {
        let known = Signal::try_from(number).is_ok() || number == 34 || number == 64;
        return known
            .then_some(number)
            .ok_or_else(|| format!("value '{text}' is not a valid signal number"));
    }
    let full = match name.starts_with("SIG") {
        true => name,
        false => format!("SIG{name}"),
    };
    full.parse::<Signal>()
        .map(|signal| signal as i32)
        .map_err(|_| format!("value '{text}' is not a valid signal name"))
}

/// `SIGTERM` for 15; the original's `signal N` for numbers without a name.
pub fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(
        |_| format!("signal {number}"),
        |signal| signal.as_str().to_owned(),
    )
}

pub(crate) fn exit_codes(text: &str) -> Result<BTreeSet<i32>, String> {
    let parts = text.split(',').map(str::trim);
    if text.trim().is_empty() {
        return Ok(BTreeSet::new());
    }
    parts
        .map(|part| {
            integer(part)
                .ok()
                .and_then(|code| u8::try_from(code).ok())
                .map(i32::from)
        })
        .collect::<Option<_>>()
        .ok_or_else(|| format!("not a valid list of exit codes: '{text}'"))
}

pub(crate) fn log_level(text: &str) -> Result<LogLevel, String> {
    match text.to_lowercase().as_str() {
        "critical" => Ok(LogLevel::Critical),
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Ok(LogLevel::Trace),
        "blather" => Ok(LogLevel::Blather),
        _ => Err(format!("bad logging level name '{text}'")),
    }
}

/// A path whose directory must exist; `~` is home.
pub(crate) fn existing_parent(text: &str) -> Result<PathBuf, String> {
    let path = home(text);
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() && !dir.is_dir() => Err(format!(
            "The directory named as part of the path {text} does not exist"
        )),
        Some(_) | None => Ok(path),
    }
}

pub(crate) fn existing_directory(text: &str) -> Result<PathBuf, String> {
    let path = home(text);
    match path.is_dir() {
        true => Ok(path),
        false => Err(format!("{text} is not an existing directory")),
    }
}

pub(crate) fn home(text: &str) -> PathBuf {
    let Some(rest) = text
        .strip_prefix('~')
        .filter(|r| r.is_empty() || r.starts_with('/'))
    else {
        return PathBuf::from(text);
    };
    let own = User::from_uid(Uid::current()).ok().flatten();
    own.map_or_else(
        || PathBuf::from(text),
        |user| user.dir.join(Path::new(rest.trim_start_matches('/'))),
    )
}

/// An account by name or number; it must exist.
pub(crate) fn account(text: &str) -> Result<User, String> {
    let text = text.trim();
    let found = match text.parse::<u32>() {
        Ok(number) => User::from_uid(Uid::from_raw(number)),
        Err(_) => User::from_name(text),
    };
    found
        .ok()
        .flatten()
        .ok_or_else(|| format!("Invalid user name {text}: no such account"))
}

/// `user` or `user:group`, each a name or a number.
pub(crate) fn owner(text: &str) -> Result<(Uid, Option<Gid>), String> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let uid = account(user)?.uid;
    let Some(group) = group else {
        return Ok((uid, None));
    };
    let gid = match group.trim().parse::<u32>() {
        Ok(number) => Some(Gid::from_raw(number)),
        Err(_) => Group::from_name(group.trim()).ok().flatten().map(|g| g.gid),
    };
    gid.map(|gid| (uid, Some(gid)))
        .ok_or_else(|| format!("Invalid group name {group}"))
}

/// The name of a program or group.
pub(crate) fn plain_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() || name.contains([' ', ':', '/']) {
        return Err(format!(
            "Invalid name: '{name}' because of character: ' ', ':' or '/'"
        ));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sizes_follow_the_original() {
        assert_eq!(integer(" 1_000 "), Ok(1000));
        assert_eq!(integer("-3"), Ok(-3));
        for bad in ["1.0", "0x10", "", "_1", "1__0"] {
            assert!(integer(bad).is_err(), "{bad}");
        }
        assert_eq!(byte_size("50 mb"), Ok(50 << 20));
        for bad in ["5M", "1.5MB", "1TB"] {
            assert!(byte_size(bad).is_err(), "{bad}");
        }
        assert_eq!(octal("0o22"), Ok(0o22));
        assert!(octal("8").is_err());
    }

    #[test]
    fn signals_go_by_name_or_number() {
        assert_eq!(signal_number("sigterm"), Ok(15));
        assert_eq!(signal_number("HUP"), Ok(1));
        assert_eq!(signal_number("9"), Ok(9));
        assert!(signal_number("FOO").is_err());
        assert!(signal_number("35").is_err());
        assert_eq!(signal_name(9), "SIGKILL");
    }

    #[test]
    fn exit_codes_are_bytes() {
        assert_eq!(exit_codes("0, 2"), Ok([0, 2].into()));
        assert_eq!(exit_codes(""), Ok(BTreeSet::new()));
        for bad in ["256", "-1", "0,,2"] {
            assert!(exit_codes(bad).is_err(), "{bad}");
        }
    }
}
