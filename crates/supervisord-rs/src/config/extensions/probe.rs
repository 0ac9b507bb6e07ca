//! `readiness_…` and `liveness_…`: what to ask a program, and how often.

use std::{fmt, path::PathBuf, time::Duration};

use regex_lite::Regex;

use crate::config::values::{boolean, integer};

/// How it is found out that a program does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// What is asked or waited for.
    pub probe: ReadinessProbe,
    /// Pause after the first failed question; it grows to a second.
    pub interval: Duration,
    /// When the program counts as failed; `None` for never.
    pub timeout: Option<Duration>,
}

/// What tells that a program is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadinessProbe {
    /// An answer over the network.
    Network(ProbeTarget),
    /// A file that appears.
    File(PathBuf),
    /// A clean line of its output that matches.
    Log(LogPattern),
    /// A newline that it writes to this descriptor.
    Notify(i32),
}

/// How it is found out that a program still does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liveness {
    /// What is asked.
    pub probe: LivenessProbe,
    /// Pause between two questions.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Failures in a row after which the program is restarted.
    pub failures: u32,
    /// Pause between readiness and the first question.
    pub start: Duration,
}

/// What tells that a program is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LivenessProbe {
    /// An answer over the network.
    Network(ProbeTarget),
    /// A command line that ends with exit status 0.
    Command(String),
}

/// What to ask over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeTarget {
    /// Any answer below 500 to a GET, except 404.
    Http {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// Path with query, starting with `/`.
        path: String,
    },
    /// A connection.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

/// A regular expression for lines of output.
#[derive(Clone, Debug)]
pub struct LogPattern(Regex);

impl LogPattern {
    /// Whether a clean line, without its end, matches anywhere.
    pub fn matches(&self, line: &str) -> bool {
        self.0.is_match(line)
    }
}

impl fmt::Display for LogPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for LogPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}
impl Eq for LogPattern {}

impl fmt::Display for ProbeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { host, port, path } => write!(f, "http://{host}:{port}{path}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl fmt::Display for ReadinessProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(target) => target.fmt(f),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Log(pattern) => write!(f, "log line {pattern}"),
            Self::Notify(fd) => write!(f, "notification on descriptor {fd}"),
        }
    }
}

impl fmt::Display for LivenessProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(target) => target.fmt(f),
            Self::Command(command) => write!(f, "command {command}"),
        }
    }
}

/// An address like `http://127.0.0.1:8080/path`.
pub(in crate::config) fn http(text: &str) -> Result<ProbeTarget, String> {
    let wrong = || format!("not an address like http://127.0.0.1:8080/path: '{text}'");
    let rest = text.trim().strip_prefix("http://").ok_or_else(wrong)?;
    let (address, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let printable = path.bytes().all(|b| b.is_ascii_graphic());
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "80"));
    match port.parse() {
        Ok(port) if port > 0 && !host.is_empty() && printable => Ok(ProbeTarget::Http {
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        }),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

/// An address like `127.0.0.1:22`.
pub(in crate::config) fn tcp(text: &str) -> Result<ProbeTarget, String> {
    let parsed = text.trim().rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then(|| ProbeTarget::Tcp {
            host: host.to_owned(),
            port,
        })
    });
    parsed.ok_or_else(|| format!("not an address like 127.0.0.1:22: '{text}'"))
}

/// A regular expression.
pub(in crate::config) fn log_pattern(text: &str) -> Result<LogPattern, String> {
    // Counted repetitions can make a short pattern huge.
    let pattern = regex_lite::RegexBuilder::new(text)
        .size_limit(1 << 20)
        .build();
    pattern.map(LogPattern).map_err(|error| error.to_string())
}

/// Whether and on which descriptor readiness is notified: a boolean or the number itself.
pub(in crate::config) fn notify(text: &str) -> Result<Option<i32>, String> {
    match boolean(text) {
        Ok(true) => Ok(Some(NOTIFY_FD)),
        Ok(false) => Ok(None),
        Err(_) => first_descriptor(text).map(Some),
    }
}

/// The number of a descriptor beyond the standard three.
pub(in crate::config) fn first_descriptor(text: &str) -> Result<i32, String> {
    integer(text)
        .ok()
        .and_then(|number| i32::try_from(number).ok())
        .filter(|number| (3..=255).contains(number))
        .ok_or_else(|| format!("not a descriptor from 3 to 255: '{text}'"))
}

const NOTIFY_FD: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_a_host_and_a_port() {
        assert_eq!(
            http("http://h:81/a?b").unwrap().to_string(),
            "http://h:81/a?b"
        );
        assert_eq!(http("http://h").unwrap().to_string(), "http://h:80/");
        for bad in ["https://h", "http://", "http://h:0/", "http://h/a b", "h:1"] {
            assert!(http(bad).is_err(), "{bad}");
        }
        assert_eq!(tcp("::1:22").unwrap().to_string(), "::1:22");
        for bad in ["22", ":22", "h:", "h:0", "h:99999"] {
            assert!(tcp(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_notification_has_a_descriptor_of_its_own() {
        assert_eq!(notify("true"), Ok(Some(3)));
        assert_eq!(notify("off"), Ok(None));
        assert_eq!(notify("5"), Ok(Some(5)));
        for bad in ["2", "-1", "x", "999"] {
            assert!(notify(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn patterns_are_equal_by_their_text() {
        let pattern = log_pattern("^ready on \\d+").unwrap();
        assert!(pattern.matches("ready on 80"));
        assert_eq!(pattern, log_pattern("^ready on \\d+").unwrap());
        assert!(log_pattern("(").is_err());
        assert!(log_pattern("(a{1000}){1000}").is_err());
    }
}
