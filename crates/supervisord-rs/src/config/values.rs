//! The types of values, with exactly the original's idea of each.

mod accounts;
mod numbers;
mod paths;
mod signals;

pub use self::signals::{signal_name, signal_number};
pub(crate) use self::{
    accounts::{account, owner},
    numbers::{byte_size, exit_codes, integer, octal},
    paths::{existing_directory, existing_parent, home, normal, temporary_directory},
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

pub(crate) fn log_level(text: &str) -> Result<LogLevel, String> {
    match text.to_lowercase().as_str() {
        "critical" => Ok(LogLevel::Critical),
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Ok(LogLevel::Trace),
        "blather" => Ok(LogLevel::Blather),
        _ => Err(format!(
            "bad logging level name '{text}'; use critical, error, warn, info, debug, trace or \
             blather"
        )),
    }
}

/// The name of a program or group.
pub(crate) fn plain_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    match name.chars().find(|char| " :/".contains(*char)) {
        Some(char) => Err(format!(
            "Invalid name: '{name}' because of character: '{char}'"
        )),
        None if name.is_empty() => Err("the name is empty".to_owned()),
        None => Ok(name.to_owned()),
    }
}

/// Host in lower case, empty for all, and port, of `port`, `:port`, `*:port` or `host:port`.
pub(crate) fn inet_address(text: &str) -> Result<(String, u16), String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let host = match host.to_lowercase().as_str() {
        "*" => String::new(),
        host => host.to_owned(),
    };
    port_number(port)
        .map(|port| (host, port))
        .ok_or_else(|| format!("not PORT or HOST:PORT with a port from 1 to 65535: '{text}'"))
}

pub(crate) fn port_number(text: &str) -> Option<u16> {
    let number = integer(text).ok()?;
    u16::try_from(number).ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_not_hold_what_separates_them() {
        assert_eq!(plain_name(" a_b "), Ok("a_b".to_owned()));
        for bad in ["", "a b", "a:b", "a/b"] {
            assert!(plain_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_are_a_port_with_an_optional_host() {
        let at = |host: &str, port| Ok((host.to_owned(), port));
        assert_eq!(inet_address("9001"), at("", 9001));
        assert_eq!(inet_address("*:9001"), at("", 9001));
        assert_eq!(inet_address("LocalHost: 9001"), at("localhost", 9001));
        assert_eq!(inet_address("::1:9001"), at("::1", 9001));
        for bad in ["", "x", "h:", "h:0", "65536", "-1"] {
            assert!(inet_address(bad).is_err(), "{bad}");
        }
    }
}
