//! `supervisord.conf` and the files it includes.
//!
//! Reading never fails as a whole for one bad program: what cannot be understood is refused with
//! its file, line and reason, and everything else is used. Only a main file that gives nothing to
//! start from is an error. Nothing here starts or opens anything.

mod daemon_section;
mod environment;
mod events;
mod expand;
mod groups;
mod ini;
mod program;
mod servers;
mod values;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use self::ini::{Ini, Section};
pub use self::{
    daemon_section::DaemonSection,
    events::EventType,
    groups::{Difference, GroupConfig, GroupKind, ListenerConfig, difference},
    program::{LogTarget, Origin, OutputConfig, ProbeTarget, ProgramConfig, User},
    servers::{Credentials, InetServer, UnixServer},
    values::{LogLevel, signal_name, signal_number},
};

/// Everything the configuration says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The main file, absolute.
    pub file: PathBuf,
    /// `[supervisord]`.
    pub daemon: DaemonSection,
    /// `[unix_http_server]`.
    pub unix: Option<UnixServer>,
    /// `[inet_http_server]`.
    pub inet: Option<InetServer>,
    /// Whether `[rpcinterface:supervisor]` enables the `supervisor.*` methods.
    pub rpc: bool,
    /// Sorted by priority, then name.
    pub groups: Vec<GroupConfig>,
    /// What was refused.
    pub problems: Vec<Problem>,
    /// Remarks about includes, for the log.
    pub remarks: Vec<(LogLevel, String)>,
}

/// A piece of configuration that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Line from 1, or 0 for the whole file.
    pub line: u32,
    /// The section, or empty for the whole file.
    pub section: String,
    /// What is wrong and what to do.
    pub text: String,
    /// Whether it is a mistake or a thing that is not supported.
    pub kind: ProblemKind,
}

/// Whose fault a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The file is wrong.
    Mistake,
    /// The file is right, and this supervisor cannot do it.
    Unsupported,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.section.is_empty() {
            write!(f, ": [{}]", self.section)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Why nothing can be started from a configuration.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The main file cannot be read.
    #[error("could not read config file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// `[supervisord]` is missing.
    #[error("{}: .ini file does not include supervisord section", path.display())]
    NoDaemonSection {
        /// The file.
        path: PathBuf,
    },
    /// A section that the daemon itself needs is wrong.
    #[error("{0}")]
    Refused(Problem),
}

/// Names a value may refer to as `%(name)s`.
pub(crate) type Names = BTreeMap<String, String>;

/// A value that was refused: the line and the reason.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) line: u32,
    pub(crate) text: String,
}

impl Config {
    /// Reads `file` and what it includes; `environment` is supervisord's own.
    ///
    /// # Errors
    /// When the main file cannot be read, or what it says of supervisord itself is wrong.
    pub fn load(file: &Path, environment: &BTreeMap<String, String>) -> Result<Self, LoadError> {
        let file = absolute(file);
        let text = fs::read(&file).map_err(|source| LoadError::Unreadable {
            path: file.clone(),
            source,
        })?;
        let mut ini = Ini::default();
        ini.read(&file, &String::from_utf8_lossy(&text));
        let mut names = environment_names(environment);
        let mut remarks = Vec::new();
        include(&mut ini, &file, &names, &mut remarks)?;
        let Some(section) = ini.section("supervisord") else {
            return Err(LoadError::NoDaemonSection { path: file });
        };
        let daemon = fatal(section, DaemonSection::parse(section, &names))?;
        for (name, value) in &daemon.environment {
            names.insert(format!("ENV_{name}"), value.clone());
        }
        let unix = first(&ini, "unix_http_server", |s| UnixServer::parse(s, &names))?;
        let inet = first(&ini, "inet_http_server", |s| InetServer::parse(s, &names))?;
        let mut problems = ini.problems();
        let groups = groups::parse(&ini, &names, &daemon, &mut problems);
        let rpc = ini.section("rpcinterface:supervisor").is_some();
        Ok(Self {
            file,
            daemon,
            unix,
            inet,
            rpc,
            groups,
            problems,
            remarks,
        })
    }

    /// The address children and clients find us under: the Unix server first.
    pub fn server_url(&self) -> Option<String> {
        match (&self.unix, &self.inet) {
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

/// The values of `[supervisorctl]` that a client needs, each expanded.
///
/// # Errors
/// In the original's words, when the file cannot serve.
pub fn client_section(
    file: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    if !file.exists() {
        return Err(format!("could not find config file {}", file.display()));
    }
    let text =
        fs::read(file).map_err(|_| format!("could not read config file {}", file.display()))?;
    let mut ini = Ini::default();
    ini.read(&absolute(file), &String::from_utf8_lossy(&text));
    let section = ini
        .section("supervisorctl")
        .ok_or(".ini file does not include supervisorctl section")?;
    let names = environment_names(environment);
    let keys = [
        "serverurl",
        "username",
        "password",
        "prompt",
        "history_file",
    ];
    let mut values = BTreeMap::new();
    for key in keys {
        if let Some(value) = section.text(key, &names).map_err(|refused| refused.text)? {
            values.insert(key.to_owned(), value);
        }
    }
    Ok(values)
}

/// The types of values, for flags that set the same things.
pub(crate) mod parse {
    use std::path::PathBuf;

    use super::{LogLevel, values};

    pub(crate) fn account(text: &str) -> Result<String, String> {
        values::account(text).map(|user| user.name)
    }

    pub(crate) fn octal(text: &str) -> Result<u32, String> {
        values::octal(text)
    }

    pub(crate) fn directory(text: &str) -> Result<PathBuf, String> {
        values::existing_directory(text)
    }

    pub(crate) fn parent(text: &str) -> Result<PathBuf, String> {
        values::existing_parent(text)
    }

    pub(crate) fn size(text: &str) -> Result<u64, String> {
        values::byte_size(text).map(|size| u64::try_from(size).unwrap_or(0))
    }

    pub(crate) fn count(text: &str) -> Result<u32, String> {
        values::integer(text).map(|count| u32::try_from(count).unwrap_or(0))
    }

    pub(crate) fn level(text: &str) -> Result<LogLevel, String> {
        values::log_level(text)
    }
}

/// `path` under the current directory, without touching the disk beyond that.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn environment_names(environment: &BTreeMap<String, String>) -> Names {
    let mut names: Names = environment
        .iter()
        .map(|(name, value)| (format!("ENV_{name}"), value.clone()))
        .collect();
    let host = nix::unistd::gethostname().unwrap_or_default();
    names.insert(
        "host_node_name".to_owned(),
        host.to_string_lossy().into_owned(),
    );
    names
}

/// Reads the files of `[include]`, each pattern's matches in order.
fn include(
    ini: &mut Ini,
    main: &Path,
    names: &Names,
    remarks: &mut Vec<(LogLevel, String)>,
) -> Result<(), LoadError> {
    let Some(section) = ini.section("include").cloned() else {
        return Ok(());
    };
    let patterns = fatal(&section, section.required("files", names))?;
    let dir = main.parent().unwrap_or_else(|| Path::new("/"));
    for pattern in patterns.split_whitespace() {
        let pattern = dir.join(pattern);
        let mut matched = false;
        for path in glob::glob(&pattern.to_string_lossy())
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
        {
            matched = true;
            remarks.push((
                LogLevel::Info,
                format!("Included extra file \"{}\" during parsing", path.display()),
            ));
            match fs::read(&path) {
                Ok(text) => ini.read(&path, &String::from_utf8_lossy(&text)),
                Err(error) => ini.refuse_file(&path, format!("cannot be read: {error}")),
            }
        }
        if !matched {
            remarks.push((
                LogLevel::Warn,
                format!("No file matches via include \"{}\"", pattern.display()),
            ));
        }
    }
    Ok(())
}

fn first<T>(
    ini: &Ini,
    prefix: &str,
    parse: impl Fn(&Section) -> Result<T, Refused>,
) -> Result<Option<T>, LoadError> {
    match ini.sections().find(|s| s.name.starts_with(prefix)) {
        Some(section) => fatal(section, parse(section)).map(Some),
        None => Ok(None),
    }
}

fn fatal<T>(section: &Section, result: Result<T, Refused>) -> Result<T, LoadError> {
    result.map_err(|refused| LoadError::Refused(section.problem(refused)))
}
