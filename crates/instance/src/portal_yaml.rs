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
//! `program` is ours and optional, and so are `access` (`public` or `token`, where the app's differs
//! from the instance's) and `compression: false`; files written for the original portal have none of
//! them. People edit the file by hand, so each app is read by itself and a mistake costs one app. A
//! file without apps counts as absent, as it always did.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use thiserror::Error;

use crate::{App, AppAccess, AppError, Port, ProgramName, portal_config};

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

/// Why a file's text holds no apps.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Nothing stands in it.
    #[error("no applications in it")]
    Empty,
    /// It is not YAML, or not a mapping of apps.
    #[error("{reason}")]
    Malformed {
        /// What is wrong, with line and column where known.
        reason: String,
    },
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
    parse(&text).map_err(|error| ReadError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Reads the apps of a file's text; a wrong one costs only itself.
///
/// # Errors
/// When the text is not YAML or has no non-empty mapping `applications`.
pub fn parse(text: &str) -> Result<Read, ParseError> {
    let keys = entries::keys(text).map_err(|reason| ParseError::Malformed { reason })?;
    if keys.is_empty() {
        return Err(ParseError::Empty);
    }
    let mut read = Read::default();
    let refuse = |key: &str, reason: &str| format!("portal.yaml application {key:?}: {reason}");
    let mut loose = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        match entries::entry(text, number) {
            Ok(entry) => loose.push((key, entry)),
            Err(reason) => read.problems.push(refuse(key, &reason)),
        }
    }
    // The original's files have no order; ours number the apps to keep the template's.
    loose.sort_by_key(|(key, entry)| (entry.position.unwrap_or(u32::MAX), *key));
    for (key, entry) in loose {
        match entry
            .into_app(key)
            .and_then(|app| portal_config::admit(app, &read.apps))
        {
            Ok(app) => read.apps.push(app),
            Err(error) => read.problems.push(refuse(key, &error.to_string())),
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

mod entries {
    //! One walk through the file for the names of its entries, and one for each of them: an error of
    //! the YAML reader ends a walk, so that every entry needs its own.

    use std::fmt;

    use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
    use serde_saphyr::options::DuplicateKeyPolicy;

    use super::loose::Loose;

    /// The names of all entries, in the order of the file.
    pub(super) fn keys(text: &str) -> Result<Vec<String>, String> {
        let mut keys = Vec::new();
        walk(text, &mut |key, _| {
            keys.push(key);
            Wanted::No
        })?;
        Ok(keys)
    }

    /// The entry of this number.
    pub(super) fn entry(text: &str, number: usize) -> Result<Loose, String> {
        let found = walk(text, &mut |_, at| {
            if at == number {
                Wanted::Yes
            } else {
                Wanted::No
            }
        })?;
        found.ok_or_else(|| "is not there".to_owned())
    }

    enum Wanted {
        Yes,
        No,
    }

    type Choice<'a> = &'a mut dyn FnMut(String, usize) -> Wanted;

    fn walk(text: &str, choice: Choice<'_>) -> Result<Option<Loose>, String> {
        let options = serde_saphyr::options! {
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
        };
        let found = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
            yaml.deserialize_option(File(choice))
        });
        found.map_err(|error| {
            let text = error.to_string();
            text.lines().next().unwrap_or("malformed YAML").to_owned()
        })
    }

    /// The file: a mapping with `applications` in it, or nothing.
    struct File<'a>(Choice<'a>);

    impl<'de> Visitor<'de> for File<'_> {
        type Value = Option<Loose>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a mapping with the key applications")
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, yaml: D) -> Result<Self::Value, D::Error> {
            yaml.deserialize_map(self)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<String>()? {
                if key == "applications" {
                    found = map.next_value_seed(Applications(&mut *self.0))?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    struct Applications<'a>(Choice<'a>);

    impl<'de> DeserializeSeed<'de> for Applications<'_> {
        type Value = Option<Loose>;

        fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<Self::Value, D::Error> {
            yaml.deserialize_option(self)
        }
    }

    impl<'de> Visitor<'de> for Applications<'_> {
        type Value = Option<Loose>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a mapping of applications by name")
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, yaml: D) -> Result<Self::Value, D::Error> {
            yaml.deserialize_map(self)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            let mut number = 0;
            while let Some(key) = map.next_key::<String>()? {
                match (self.0)(key, number) {
                    Wanted::Yes => found = Some(map.next_value()?),
                    Wanted::No => drop(map.next_value::<IgnoredAny>()?),
                }
                number += 1;
            }
            Ok(found)
        }
    }
}

mod loose {
    //! Values as other people's files write them.

    use serde::Deserialize;

    use super::{App, AppAccess, AppError, Port, ProgramName, portal_config};

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
        access: Option<String>,
        compression: Option<bool>,
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

    fn access(value: String) -> Result<AppAccess, AppError> {
        match value.as_str() {
            "public" => Ok(AppAccess::Public),
            "token" => Ok(AppAccess::Token),
            _ => Err(AppError::Access { value }),
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
            app.access = self.access.map(access).transpose()?;
            app.compression = self.compression.unwrap_or(true);
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
    fn who_may_open_an_app_is_read_and_never_guessed() {
        let app = |more: &str| {
            let text = format!(
                "applications:\n  A:\n    external_port: 8080\n    internal_port: 18080\n{more}"
            );
            parse(&text).unwrap()
        };
        let read = app("    access: public\n    compression: false\n");
        let found = &read.apps[0];
        assert_eq!(
            (found.access, found.compression),
            (Some(AppAccess::Public), false)
        );
        assert_eq!(parse(&render(&read.apps)).unwrap(), read);
        let found = &app("").apps[0];
        assert_eq!((found.access, found.compression), (None, true));
        let read = app("    access: Public \"x\"\n");
        assert!(read.apps.is_empty());
        assert!(
            read.problems[0].contains("neither public nor token"),
            "{read:?}"
        );
    }

    #[test]
    fn a_misshapen_application_costs_only_itself() {
        let good = "    hostname: localhost\n    external_port: 8080\n    internal_port: 18080\n    open_path: /\n";
        let text = format!(
            "other: [1, {{a: b}}]\napplications:\n  Good:\n{good}  007:\n{}  List: [1]\n  Number: 5\n  \
             Nothing:\n  Twice:\n{good}    hostname: x\n  Port:\n    external_port: [8081]\n    \
             internal_port: 1\n  Good:\n{good}",
            good.replace("80", "90"),
        );
        let read = parse(&text).unwrap();
        let names: Vec<_> = read.apps.iter().map(|app| app.name.as_str()).collect();
        assert_eq!(names, ["007", "Good"]);
        let all = read.problems.join("\n");
        for key in ["List", "Number", "Nothing", "Twice", "Port", "Good"] {
            let start = format!("portal.yaml application {key:?}: ");
            assert!(
                read.problems.iter().any(|p| p.starts_with(&start)),
                "{key} in {all}"
            );
        }
        assert_eq!(read.problems.len(), 6, "{all}");
    }

    #[test]
    fn nothing_is_told_from_nonsense() {
        for text in [
            "",
            "# note\n",
            "applications:",
            "applications: {}",
            "other: 1",
            "~",
        ] {
            assert_eq!(parse(text), Err(ParseError::Empty), "{text:?}");
        }
        for text in [
            "applications: [a]",
            "applications: 5",
            "- a",
            "text",
            "{{{",
            "a: b: c",
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                matches!(error, ParseError::Malformed { .. }),
                "{text:?}: {error:?}"
            );
        }
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
