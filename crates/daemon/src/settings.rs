//! Settings of a daemon: defaults < `/etc/berth/<daemon>.toml` < environment < flags.
//!
//! A wrong value or unknown key costs only itself: its default is used and the mistake is
//! reported, with the file or variable it came from. `--check` turns the same list into a failure.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

use config::{Config, ConfigError, File, FileFormat, Value};
use serde::{Serialize, de::DeserializeOwned};

/// The settings of a daemon: a plain struct with defaults.
pub trait Settings: Default + Serialize + DeserializeOwned + Send + 'static {}
impl<T: Default + Serialize + DeserializeOwned + Send + 'static> Settings for T {}

/// Where settings come from, weakest first.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Name of the daemon; its variables start with the name in capitals and an underscore.
    pub daemon: &'static str,
    /// The settings file.
    pub file: PathBuf,
    /// Whether a missing file is a mistake.
    pub required: bool,
    /// The process environment.
    pub environment: BTreeMap<String, String>,
    /// `KEY=VALUE` pairs of the command line.
    pub flags: Vec<String>,
}

/// Settings with what was wrong in them.
#[derive(Clone, Debug)]
pub struct Loaded<S> {
    /// Valid settings: the default stands in for everything refused.
    pub settings: S,
    /// One line per mistake: what, where and what to do.
    pub problems: Vec<String>,
    origins: BTreeMap<String, String>,
}

/// Reads the settings of a daemon.
///
/// # Errors
/// Only what leaves nothing to start from: a file that was asked for and cannot be read.
pub fn load<S: Settings>(sources: &Sources) -> Result<Loaded<S>, String> {
    let mut problems = Vec::new();
    let layers = layers(sources, &mut problems)?;
    let mut overrides: Vec<(String, Value)> = Vec::new();
    let defaults = toml::Value::try_from(S::default()).map_err(|e| e.to_string())?;
    // Serde stops at the first wrong value. Replace that one by its default and look again, so
    // that all mistakes are seen in one run.
    loop {
        let config = build(&layers, &overrides).map_err(|error| error.to_string())?;
        let mut unknown = Vec::new();
        let parsed: Result<S, ConfigError> =
            serde_ignored::deserialize(config, |path| unknown.push(path.to_string()));
        match parsed {
            Ok(settings) => {
                let origins = origins(&layers);
                problems.extend(unknown.iter().map(|key| {
                    let origin = origins.get(key).map_or("unknown origin", String::as_str);
                    format!("{key}: unknown setting in {origin}; remove it or correct its name")
                }));
                return Ok(Loaded {
                    settings,
                    problems,
                    origins,
                });
            }
            Err(error) => {
                let key = key_of(&error).ok_or_else(|| error.to_string())?;
                let default = lookup(&defaults, &key);
                if overrides.iter().any(|(seen, _)| *seen == key) {
                    return Err(error.to_string());
                }
                let Some(default) = default else {
                    return Err(error.to_string());
                };
                problems.push(error.to_string());
                overrides.push((key, default));
            }
        }
    }
}

impl<S: Settings> Loaded<S> {
    /// The effective settings with the origin of each, for `--print-config`.
    ///
    /// Types that hold secrets serialise redacted, so none can appear here.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let value = toml::Value::try_from(&self.settings).unwrap_or(toml::Value::Boolean(false));
        let mut leaves = Vec::new();
        flatten("", &value, &mut leaves);
        for (key, value) in leaves {
            let origin = self.origins.get(&key).map_or("default", String::as_str);
            let _ = writeln!(text, "{key} = {value}  # {origin}");
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// One source: its name and its values by dotted key.
struct Layer {
    name: String,
    values: Vec<(String, Value)>,
}

fn layers(sources: &Sources, problems: &mut Vec<String>) -> Result<Vec<Layer>, String> {
    let mut layers = Vec::new();
    let file = File::from(sources.file.as_path())
        .format(FileFormat::Toml)
        .required(false);
    let name = sources.file.display().to_string();
    if !sources.file.exists() {
        if sources.required {
            return Err(format!("{name}: no such file"));
        }
    } else {
        match Config::builder().add_source(file).build() {
            Ok(read) => layers.push(Layer {
                name,
                values: table(read),
            }),
            Err(error) if sources.required => return Err(format!("{name}: {error}")),
            Err(error) => problems.push(format!("{name}: {error}; the file is ignored")),
        }
    }
    let prefix = format!("{}_", sources.daemon.to_uppercase().replace('-', "_"));
    for (variable, value) in &sources.environment {
        let Some(key) = variable.strip_prefix(&prefix) else {
            continue;
        };
        let key = key.to_lowercase().replace("__", ".");
        layers.push(single(
            format!("environment variable {variable}"),
            &key,
            value,
        ));
    }
    for flag in &sources.flags {
        match flag.split_once('=') {
            Some((key, value)) => layers.push(single(format!("--set {key}"), key, value)),
            None => return Err(format!("--set {flag}: expected KEY=VALUE")),
        }
    }
    Ok(layers)
}

fn single(name: String, key: &str, value: &str) -> Layer {
    let value = Value::new(Some(&name), value.to_owned());
    Layer {
        name,
        values: vec![(key.to_owned(), value)],
    }
}

fn table(config: Config) -> Vec<(String, Value)> {
    let values: BTreeMap<String, Value> = config.try_deserialize().unwrap_or_default();
    let mut leaves = Vec::new();
    for (key, value) in values {
        collect_leaves(key, value, &mut leaves);
    }
    leaves
}

/// Overrides of the `config` crate have no order, so a table must not stand beside its own keys.
fn collect_leaves(key: String, value: Value, leaves: &mut Vec<(String, Value)>) {
    if let config::ValueKind::Table(table) = value.kind {
        for (inner, value) in table {
            collect_leaves(format!("{key}.{inner}"), value, leaves);
        }
    } else {
        leaves.push((key, value));
    }
}

fn build(layers: &[Layer], overrides: &[(String, Value)]) -> Result<Config, ConfigError> {
    let mut builder = Config::builder();
    for (key, value) in layers
        .iter()
        .flat_map(|layer| &layer.values)
        .chain(overrides)
    {
        builder = builder.set_override(key, value.clone())?;
    }
    builder.build()
}

fn origins(layers: &[Layer]) -> BTreeMap<String, String> {
    let values = layers.iter().flat_map(|layer| {
        layer
            .values
            .iter()
            .map(|(key, _)| (key.clone(), layer.name.clone()))
    });
    values.collect()
}

fn key_of(error: &ConfigError) -> Option<String> {
    if let ConfigError::Type { key, .. } | ConfigError::At { key, .. } = error {
        return key.clone();
    }
    None
}

fn lookup(defaults: &toml::Value, key: &str) -> Option<Value> {
    let found = key
        .split('.')
        .try_fold(defaults, |value, part| value.get(part))?;
    found.clone().try_into().ok()
}

fn flatten(prefix: &str, value: &toml::Value, leaves: &mut Vec<(String, String)>) {
    match value.as_table() {
        Some(table) => {
            for (key, value) in table {
                let key = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                flatten(&key, value, leaves);
            }
        }
        None => leaves.push((prefix.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Example {
        port: u16,
        name: String,
        limits: Limits,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Limits {
        depth: u32,
    }
    impl Default for Example {
        fn default() -> Self {
            Self {
                port: 80,
                name: "plain".to_owned(),
                limits: Limits::default(),
            }
        }
    }
    impl Default for Limits {
        fn default() -> Self {
            Self { depth: 3 }
        }
    }

    fn sources(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[&str],
    ) -> (Sources, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("example.toml");
        fs::write(&path, file).unwrap();
        let sources = Sources {
            daemon: "example",
            file: path,
            required: false,
            environment: environment
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            flags: flags.iter().map(|f| (*f).to_owned()).collect(),
        };
        (sources, dir)
    }

    #[test]
    fn flags_win_over_environment_over_file_over_defaults() {
        let (sources, _dir) = sources(
            "port = 1\nname = \"file\"\n[limits]\ndepth = 9\n",
            &[
                ("EXAMPLE_PORT", "2"),
                ("EXAMPLE_LIMITS__DEPTH", "4"),
                ("OTHER_PORT", "7"),
            ],
            &["port=3"],
        );
        let loaded = load::<Example>(&sources).unwrap();
        assert_eq!(
            loaded.settings,
            Example {
                port: 3,
                name: "file".to_owned(),
                limits: Limits { depth: 4 }
            }
        );
        assert_eq!(loaded.problems, Vec::<String>::new());
    }

    #[test]
    fn every_mistake_is_listed_and_costs_only_itself() {
        let (sources, _dir) = sources(
            "port = \"many\"\nname = \"kept\"\ncolour = 1\n[limits]\ndepth = \"deep\"\nwidth = 2\n",
            &[],
            &[],
        );
        let loaded = load::<Example>(&sources).unwrap();
        assert_eq!(loaded.settings.name, "kept");
        assert_eq!(loaded.settings.port, 80);
        assert_eq!(loaded.settings.limits.depth, 3);
        assert_eq!(loaded.problems.len(), 4, "{:?}", loaded.problems);
        let all = loaded.problems.join("\n");
        for key in ["port", "limits.depth", "colour", "limits.width"] {
            assert!(all.contains(key), "{key} in {all}");
        }
        assert!(all.contains("example.toml"), "{all}");
    }

    #[test]
    fn a_missing_file_is_a_mistake_only_when_it_was_asked_for() {
        let (mut sources, dir) = sources("", &[], &[]);
        sources.file = dir.path().join("absent.toml");
        assert!(load::<Example>(&sources).is_ok());
        sources.required = true;
        assert!(
            load::<Example>(&sources)
                .unwrap_err()
                .contains("no such file")
        );
    }

    #[test]
    fn effective_settings_name_their_origin() {
        let (sources, _dir) = sources("name = \"x\"\n", &[("EXAMPLE_PORT", "2")], &[]);
        let text = load::<Example>(&sources).unwrap().describe();
        assert!(
            text.contains("port = 2  # environment variable EXAMPLE_PORT"),
            "{text}"
        );
        assert!(text.contains("limits.depth = 3  # default"), "{text}");
    }
}
