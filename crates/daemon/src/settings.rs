//! Settings of a daemon: defaults < `/etc/berth/<daemon>.toml` < environment < flags.
//!
//! A wrong value or unknown key costs only itself: its default is used and the mistake is
//! reported, with the file or variable it came from. `--check` turns the same list into a failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::PathBuf,
};

use config::{Config, ConfigError, File, FileFormat, Value};
use serde::{Serialize, de::DeserializeOwned};

/// The settings of a daemon: a plain struct with defaults.
pub trait Settings: Default + Serialize + DeserializeOwned + Send + 'static {
    /// What is wrong with values that are of the right type, as "key: what; what is done about it".
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }
}

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
    let mut layers = layers(sources, &mut problems)?;
    // Serde stops at the first wrong value. Take that one out and look again, so that all mistakes
    // are seen in one run.
    loop {
        match parse::<S>(&layers) {
            Ok((settings, unknown)) => {
                problems.extend(unknown.iter().map(|key| {
                    let origin = origin_of(&layers, key);
                    format!("{key}: unknown setting in {origin}; remove it or correct its name")
                }));
                let origins = origins(&layers);
                problems.extend(settings.problems().into_iter().map(|problem| {
                    let key = problem.split(':').next().unwrap_or_default();
                    match origins.get(key) {
                        Some(origin) => format!("{problem} ({origin})"),
                        None => problem,
                    }
                }));
                return Ok(Loaded {
                    settings,
                    problems,
                    origins,
                });
            }
            Err(error) => {
                let culprits = culprits::<S>(&layers, &error);
                if culprits.is_empty() {
                    return Err(error.to_string());
                }
                problems.push(error.to_string());
                for layer in &mut layers {
                    layer.values.retain(|(key, _)| !culprits.contains(key));
                }
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
    layers.extend(file_layer(sources, problems)?);
    let prefix = format!("{}_", sources.daemon.to_uppercase().replace('-', "_"));
    for (variable, value) in &sources.environment {
        let Some(key) = variable.strip_prefix(&prefix) else {
            continue;
        };
        let key = key.to_lowercase().replace("__", ".");
        let name = format!("environment variable {variable}");
        layers.push(single(name, &key, value));
    }
    for flag in &sources.flags {
        match flag.split_once('=') {
            Some((key, value)) => layers.push(single(format!("--set {key}"), key, value)),
            None => problems.push(format!("--set {flag}: expected KEY=VALUE")),
        }
    }
    for layer in &mut layers {
        let name = &layer.name;
        layer.values.retain(|(key, value)| {
            let taken = Config::builder().set_override(key, value.clone());
            if let Err(error) = &taken {
                let error = error.to_string().replace('\n', " ");
                problems.push(format!(
                    "{key:?}: malformed name of a setting in {name}: {error}"
                ));
            }
            taken.is_ok()
        });
    }
    Ok(layers)
}

fn file_layer(sources: &Sources, problems: &mut Vec<String>) -> Result<Option<Layer>, String> {
    let name = sources.file.display().to_string();
    if !sources.file.exists() {
        return match sources.required {
            true => Err(format!("{name}: no such file")),
            false => Ok(None),
        };
    }
    let file = File::from(sources.file.as_path()).format(FileFormat::Toml);
    match Config::builder().add_source(file).build() {
        Ok(read) => Ok(Some(Layer {
            name,
            values: table(read),
        })),
        Err(error) if sources.required => Err(format!("{name}: {error}")),
        Err(error) => {
            problems.push(format!("{name}: {error}; the file is ignored"));
            Ok(None)
        }
    }
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

/// Values of one builder have no order, so a table must not stand beside its own keys.
fn collect_leaves(key: String, value: Value, leaves: &mut Vec<(String, Value)>) {
    if let config::ValueKind::Table(table) = value.kind {
        for (inner, value) in table {
            collect_leaves(format!("{key}.{inner}"), value, leaves);
        }
    } else {
        leaves.push((key, value));
    }
}

/// The settings and the names in the layers that mean nothing.
fn parse<S: Settings>(layers: &[Layer]) -> Result<(S, Vec<String>), ConfigError> {
    let mut merged = Config::builder();
    for layer in layers {
        // Sources are merged in their order, the values of one builder are not.
        let mut builder = Config::builder();
        for (key, value) in &layer.values {
            builder = builder.set_override(key, value.clone())?;
        }
        merged = merged.add_source(builder.build()?);
    }
    let mut unknown = Vec::new();
    let merged = merged.build()?;
    let settings = serde_ignored::deserialize(merged, |path| unknown.push(path.to_string()))?;
    Ok((settings, unknown))
}

/// The keys without which this mistake is not made.
fn culprits<S: Settings>(layers: &[Layer], error: &ConfigError) -> BTreeSet<String> {
    let keys: BTreeSet<&String> = layers
        .iter()
        .flat_map(|layer| layer.values.iter().map(|(key, _)| key))
        .collect();
    if let ConfigError::Type {
        key: Some(named), ..
    }
    | ConfigError::At {
        key: Some(named), ..
    } = error
    {
        // The value itself, the list it is in, or the table that stands where a value should.
        let found = [
            keys.iter().filter(|key| **key == named).collect::<Vec<_>>(),
            keys.iter().filter(|key| is_within(named, key)).collect(),
            keys.iter().filter(|key| is_within(key, named)).collect(),
        ];
        if let Some(found) = found.into_iter().find(|found| !found.is_empty()) {
            return found.into_iter().map(|key| (*key).clone()).collect();
        }
    }
    // An error that names nothing: look for a value without which it is another one or none.
    let text = error.to_string();
    let is_culprit = |culprit: &&String| {
        let kept = layers.iter().map(|layer| Layer {
            name: layer.name.clone(),
            values: without(&layer.values, culprit),
        });
        let parsed = parse::<S>(&kept.collect::<Vec<_>>());
        parsed.err().is_none_or(|error| error.to_string() != text)
    };
    keys.into_iter()
        .find(is_culprit)
        .cloned()
        .into_iter()
        .collect()
}

fn without(values: &[(String, Value)], culprit: &str) -> Vec<(String, Value)> {
    let kept = values.iter().filter(|(key, _)| key != culprit);
    kept.cloned().collect()
}

/// Whether `inner` is `outer` or names something in it.
fn is_within(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
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

/// Where an unknown name stands, which may be that of a whole table.
fn origin_of<'a>(layers: &'a [Layer], unknown: &str) -> &'a str {
    let holds = |layer: &&Layer| {
        let mut keys = layer.values.iter().map(|(key, _)| key);
        keys.any(|key| is_within(key, unknown) || is_within(unknown, key))
    };
    let layer = layers.iter().rev().find(holds);
    layer.map_or("unknown origin", |layer| &layer.name)
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
        ratio: Option<u16>,
        ports: Vec<u16>,
        mode: Option<Mode>,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Fast,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Limits {
        depth: u32,
    }
    impl Settings for Example {
        fn problems(&self) -> Vec<String> {
            let dull = (self.name == "dull").then(|| "name: dull is not a name".to_owned());
            dull.into_iter().collect()
        }
    }
    impl Default for Example {
        fn default() -> Self {
            Self {
                port: 80,
                name: "plain".to_owned(),
                limits: Limits::default(),
                ratio: None,
                ports: Vec::new(),
                mode: None,
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
                limits: Limits { depth: 4 },
                ..Example::default()
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
    fn a_malformed_name_costs_only_itself_wherever_it_stands() {
        let (sources, _dir) = sources(
            "\"max conns\" = 5\nname = \"kept\"\n[extra]\nwidth = 1\n",
            &[("EXAMPLE_", "1"), ("EXAMPLE___", "1")],
            &["a b=1", "port", "port=7"],
        );
        let loaded = load::<Example>(&sources).unwrap();
        assert_eq!(loaded.settings.name, "kept");
        assert_eq!(loaded.settings.port, 7);
        let all = loaded.problems.join("\n");
        for part in [
            "\"max conns\": malformed name of a setting in /",
            "environment variable EXAMPLE_:",
            "environment variable EXAMPLE___:",
            "\"a b\": malformed name of a setting in --set a b",
            "--set port: expected KEY=VALUE",
            "extra: unknown setting in /",
        ] {
            assert!(all.contains(part), "{part} in {all}");
        }
        assert_eq!(loaded.problems.len(), 6, "{all}");
    }

    #[test]
    fn a_wrong_value_without_a_default_and_one_in_a_list_cost_only_themselves() {
        let (sources, _dir) = sources(
            "ratio = \"half\"\nports = [1, \"two\"]\nmode = \"slow\"\nport = { x = 1 }\n\
             [limits]\ndepth = 4\n",
            &[("EXAMPLE_NAME", "kept")],
            &["limits=none"],
        );
        let loaded = load::<Example>(&sources).unwrap();
        let expected = Example {
            name: "kept".to_owned(),
            limits: Limits { depth: 4 },
            ..Example::default()
        };
        let all = loaded.problems.join("\n");
        assert_eq!(loaded.settings, expected, "{all}");
        for key in ["`ratio`", "`ports[1]`", "`mode`", "`port`", "`limits`"] {
            assert!(all.contains(key), "{key} in {all}");
        }
        assert_eq!(loaded.problems.len(), 5, "{all}");
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
    fn a_value_of_the_right_type_that_makes_no_sense_is_a_problem_with_its_place() {
        let (sources, _dir) = sources("name = \"dull\"\ncolour = 1\n", &[], &[]);
        let problems = load::<Example>(&sources).unwrap().problems;
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems[1].starts_with("name: dull is not a name (")
                && problems[1].contains("example.toml"),
            "{problems:?}"
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
