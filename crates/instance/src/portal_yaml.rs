//! `/etc/portal.yaml`: the runtime truth for apps.
//!
//! ```yaml
//! applications:
//!   Jupyter:
//!     hostname: localhost
//!     external_port: 8080
//!     internal_port: 18080
//!     open_path: /
//!     name: Jupyter
//!     program: jupyter
//! ```
//!
//! `program` is ours and optional; files written for the original portal have none. An empty,
//! list-shaped or unreadable file counts as absent, as it always did.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{App, AppError, Port, ProgramName, portal_config};

/// Where the file is.
pub const PATH: &str = "/etc/portal.yaml";

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Valid apps in the order of the file's names as written by us, otherwise by name.
    pub apps: Vec<App>,
    /// One line per refused app.
    pub problems: Vec<String>,
}

/// Why a file counts as absent.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is not there.
    #[error("{path} does not exist")]
    Absent {
        /// The path.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("failed to read {path}")]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not YAML, or not a mapping of apps.
    #[error("{path}: {reason}")]
    Malformed {
        /// The path.
        path: PathBuf,
        /// What is wrong, with line and column where known.
        reason: String,
    },
}

#[derive(Deserialize)]
struct File {
    applications: Option<BTreeMap<String, loose::Loose>>,
}

/// Reads the apps of `path`; a wrong one costs only itself.
///
/// # Errors
/// When the file as a whole counts as absent.
pub fn read(path: &Path) -> Result<Read, ReadError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ReadError::Absent {
                path: path.to_owned(),
            });
        }
        Err(source) => {
            return Err(ReadError::Io {
                path: path.to_owned(),
                source,
            });
        }
    };
    parse(&text).map_err(|reason| ReadError::Malformed {
        path: path.to_owned(),
        reason,
    })
}

/// Reads the apps of a file's text.
///
/// # Errors
/// When the text is not YAML or has no non-empty mapping `applications`.
pub fn parse(text: &str) -> Result<Read, String> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| one_line(&error.to_string()))?;
    let entries = file.applications.unwrap_or_default();
    if entries.is_empty() {
        return Err("no applications in it".to_owned());
    }
    let mut loose: Vec<_> = entries.into_iter().collect();
    // The original's files have no order; ours number the apps to keep the template's.
    loose.sort_by_key(|(_, entry)| entry.position.unwrap_or(u32::MAX));
    let mut read = Read::default();
    for (key, entry) in loose {
        match entry
            .into_app(&key)
            .and_then(|app| portal_config::admit(app, &read.apps))
        {
            Ok(app) => read.apps.push(app),
            Err(reason) => read
                .problems
                .push(format!("portal.yaml application {key:?}: {reason}")),
        }
    }
    Ok(read)
}

/// The text of a file that holds `apps`.
///
/// # Panics
/// Never: apps hold nothing that YAML cannot.
pub fn render(apps: &[App]) -> String {
    #[derive(Serialize)]
    struct Entry<'a> {
        #[serde(flatten)]
        app: &'a App,
        position: usize,
    }
    #[derive(Serialize)]
    struct Out<'a> {
        applications: BTreeMap<&'a str, Entry<'a>>,
    }
    let applications = apps
        .iter()
        .enumerate()
        .map(|(index, app)| {
            (
                app.name.as_str(),
                Entry {
                    app,
                    position: index + 1,
                },
            )
        })
        .collect();
    serde_saphyr::to_string(&Out { applications }).expect("apps are plain strings and numbers")
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or("malformed YAML").to_owned()
}

mod loose {
    //! Values as other people's files write them.

    use serde::Deserialize;

    use super::{App, AppError, Port, ProgramName, portal_config};

    /// An app before its checks; numbers may be written as text.
    #[derive(Deserialize)]
    pub(super) struct Loose {
        #[serde(default)]
        hostname: String,
        #[serde(default)]
        external_port: Number,
        #[serde(default)]
        internal_port: Number,
        #[serde(default)]
        open_path: String,
        name: Option<String>,
        program: Option<String>,
        pub(super) position: Option<u32>,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Value(i64),
        Text(String),
    }

    impl Default for Number {
        fn default() -> Self {
            Self::Text(String::new())
        }
    }

    impl Number {
        fn port(self, which: &'static str) -> Result<Port, AppError> {
            let value = match self {
                Self::Value(number) => number.to_string(),
                Self::Text(text) => text,
            };
            value.parse().map_err(|_| AppError::Port { which, value })
        }
    }

    impl Loose {
        pub(super) fn into_app(self, key: &str) -> Result<App, AppError> {
            let external = self.external_port.port("external")?;
            let internal = self.internal_port.port("internal")?;
            let name = self.name.as_deref().unwrap_or(key);
            let mut app =
                portal_config::build(&self.hostname, external, internal, &self.open_path, name)?;
            if let Some(program) = self.program {
                app.program = Some(ProgramName::new(program));
            }
            Ok(app)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_in_order() {
        let (apps, _) = portal_config::parse(
            "localhost:8080:18080:/lab?x=1:Jupyter|localhost:1111:11111:/:Instance Portal|localhost:7:17:/a b:yes: #x",
        );
        assert_eq!(apps.len(), 3);
        let read = parse(&render(&apps)).unwrap();
        assert_eq!(
            read,
            Read {
                apps,
                problems: Vec::new()
            }
        );
    }

    #[test]
    fn the_original_portals_file_is_understood() {
        let text = "applications:\n  Jupyter:\n    hostname: localhost\n    external_port: 8080\n    internal_port: '18080'\n    open_path: /\n    name: Jupyter\n  Broken:\n    hostname: localhost\n    external_port: 0\n    internal_port: 1\n    open_path: /\n";
        let read = parse(text).unwrap();
        assert_eq!(read.apps.len(), 1);
        assert_eq!(read.apps[0].internal_port.get(), 18080);
        assert!(
            read.problems[0].contains("\"Broken\"")
                && read.problems[0].contains("external port \"0\"")
        );
    }

    #[test]
    fn empty_and_misshapen_files_count_as_absent() {
        for text in [
            "",
            "applications: {}",
            "applications: []",
            "- a",
            "applications:",
            "{{{",
            "\u{0}",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_names_and_paths_survive(name in "[^\\x00-\\x1f|]{1,30}", path in "/[^\\x00-\\x1f|:]{0,30}") {
            let (apps, errors) = portal_config::parse(&format!("localhost:1:2:{path}:{name}"));
            if errors.is_empty() && !apps.is_empty() {
                proptest::prop_assert_eq!(parse(&render(&apps)).unwrap().apps, apps);
            }
        }
    }
}
