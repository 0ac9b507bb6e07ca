//! `supervisord.conf` and the files it includes.
//!
//! Reading never fails as a whole for one bad program: what cannot be understood is refused with
//! its file, line and reason, and everything else is used. Only a main file that gives nothing to
//! start from is an error. Nothing here starts or opens anything but the files.
//!
//! ```text
//! bytes ─ ini ─▶ sections ─ form ─▶ values, each expanded ─ assemble ─▶ groups
//!                               └─▶ every mistake with its place
//! ```

mod assemble;
mod check;
mod client;
mod daemon_section;
mod dependencies;
mod environment;
mod events;
mod expand;
mod extensions;
pub(crate) mod flags;
mod form;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod groups;
mod include;
mod ini;
mod interfaces;
mod names;
mod output;
mod password;
mod pools;
mod problem;
mod program;
mod read;
mod search;
mod servers;
#[cfg(test)]
mod tests;
mod values;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

pub(crate) use self::problem::{Place, Refused};
pub use self::{
    client::client_section,
    daemon_section::DaemonSection,
    events::{EventType, UnknownEvent},
    extensions::{
        Condition, Dependency, EnvFile, EnvFileError, Limit, Limits, Liveness, LivenessProbe,
        LogPattern, ProbeTarget, Readiness, ReadinessProbe, RestartPolicy, StartCondition,
        Thousandths,
    },
    groups::{
        Difference, GroupConfig, GroupKind, ListenerConfig, SocketAddress, SocketConfig, difference,
    },
    output::{LogFormat, LogTarget, OutputConfig},
    password::{Credentials, Password},
    problem::{LoadError, Problem, ProblemKind},
    program::{InheritedVariables, Origin, ProgramConfig, User},
    servers::{InetServer, UnixServer},
    values::{LogLevel, signal_name, signal_number},
};
pub(crate) use self::{daemon_section::MainLogTarget, flags as parse, search::search_paths};

/// Everything the configuration says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The main file, absolute.
    pub file: PathBuf,
    /// `[supervisord]`.
    pub daemon: DaemonSection,
    /// `[unix_http_server]` and all sections whose names begin so.
    pub unix: Vec<UnixServer>,
    /// `[inet_http_server]` and all sections whose names begin so.
    pub inet: Vec<InetServer>,
    /// Whether `[rpcinterface:supervisor]` enables the `supervisor.*` methods.
    pub rpc: bool,
    /// Sorted by priority, then name.
    pub groups: Vec<GroupConfig>,
    /// What was refused.
    pub problems: Vec<Problem>,
    /// Remarks for the log.
    pub remarks: Vec<(LogLevel, String)>,
}

impl Config {
    /// Reads `file` and what it includes; `environment` is supervisord's own.
    ///
    /// # Errors
    /// When the main file cannot be read, or what it says of supervisord itself is wrong.
    pub fn load<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        file: &Path,
        environment: &BTreeMap<K, V>,
    ) -> Result<Self, LoadError> {
        let reading = read::read(file, &names::Names::of_environment(environment))?;
        match reading.fatal {
            fatal if fatal.is_empty() => Ok(reading.config),
            fatal => Err(LoadError::Refused(fatal)),
        }
    }

    /// The address children and clients find us under: the first Unix server, else the last one
    /// over TCP.
    pub fn server_url(&self) -> Option<String> {
        match (self.unix.first(), self.inet.last()) {
            (Some(unix), _) => Some(format!("unix://{}", unix.file.display())),
            (None, Some(inet)) => Some(format!("http://{}:{}", inet.host_for_clients(), inet.port)),
            (None, None) => None,
        }
    }

    /// The mistakes, without what is merely not supported.
    pub fn mistakes(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.kind == ProblemKind::Mistake)
    }
}

/// `path` under the current directory, without touching the disk beyond that.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
