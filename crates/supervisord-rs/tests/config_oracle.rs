//! The same configuration files, read by Supervisor and by us, mean the same.
//!
//! Each `tests/config/*.conf`, and the sample that we print, is read by both. What differs must stand in
//! `tests/config/DIFFERENCES` with its reason, and what stands there must differ.

#[path = "config/shown.rs"]
mod shown;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use supervisord_rs::config::Config;

#[test]
fn supervisor_and_we_understand_the_same() {
    let files = corpus();
    assert!(files.len() >= 60, "only {} files", files.len());
    let theirs = theirs(&files);
    let mut found = BTreeMap::new();
    for file in &files {
        let name = file.file_name().expect("a file").to_string_lossy();
        let (theirs, ours) = (&theirs[&*name], ours(file));
        // The names say which files the original refuses, so that the corpus stays what it is.
        let refused = theirs.get("error").is_some();
        assert_eq!(refused, name.starts_with("refused_"), "{name}: {theirs}");
        match (theirs.get("error"), ours.get("error")) {
            (Some(_), Some(_)) => {}
            (None, None) => compare(&name, "", theirs, &ours, &mut found),
            (their_error, our_error) => {
                let shown = |error: Option<&Value>| {
                    error.map_or_else(|| "accepted".to_owned(), ToString::to_string)
                };
                let both = (shown(their_error), shown(our_error));
                found.insert(format!("{name} error"), both);
            }
        }
    }
    let accepted = accepted();
    let new: Vec<_> = found
        .iter()
        .filter(|(key, _)| !accepted.contains(*key))
        .map(|(key, (theirs, ours))| format!("{key}\n  theirs: {theirs}\n  ours:   {ours}"))
        .collect();
    assert!(new.is_empty(), "new differences:\n{}", new.join("\n"));
    let gone: Vec<_> = accepted
        .iter()
        .filter(|key| !found.contains_key(*key))
        .collect();
    assert!(gone.is_empty(), "these do not differ any more: {gone:?}");
}

fn corpus() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).expect("the corpus");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "conf"))
        .collect();
    files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sample.conf"));
    files.sort();
    files
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn theirs(files: &[PathBuf]) -> Value {
    let output = Command::new(testkit::venv_program("python"))
        .arg(directory().join("oracle.py"))
        .args(files)
        .env_clear()
        .envs(environment())
        .output()
        .expect("python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("the oracle prints JSON")
}

fn ours(file: &Path) -> Value {
    let config = match Config::load(file, &environment()) {
        Ok(config) => config,
        Err(error) => return json!({"error": error.to_string()}),
    };
    match config.problems.first() {
        Some(problem) => json!({"error": problem.to_string()}),
        None => shown::config(&config),
    }
}

fn environment() -> BTreeMap<&'static str, &'static str> {
    [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/var/tmp"),
        ("LANG", "C.UTF-8"),
        ("PORT", "7"),
        ("ZP", "/g"),
        ("U", "é\t\u{1f600}\u{a0}"),
        ("NOTHING", ""),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ]
    .into()
}

/// Notes every place at which two values differ.
fn compare(
    name: &str,
    path: &str,
    theirs: &Value,
    ours: &Value,
    found: &mut BTreeMap<String, (String, String)>,
) {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let null = &Value::Null;
                let (a, b) = (a.get(key).unwrap_or(null), b.get(key).unwrap_or(null));
                compare(name, &format!("{path}/{key}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                compare(name, &format!("{path}/{at}"), a, b, found);
            }
        }
        (theirs, ours) if theirs == ours => {}
        (theirs, ours) => {
            let both = (theirs.to_string(), ours.to_string());
            found.insert(format!("{name} {path}"), both);
        }
    }
}

/// `file path: reason`, one a line.
fn accepted() -> BTreeSet<String> {
    let text = fs::read_to_string(directory().join("DIFFERENCES")).expect("the list");
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (place, reason) = line.split_once(": ").expect("a place and a reason");
            assert!(!reason.trim().is_empty(), "{place} has no reason");
            place.to_owned()
        })
        .collect()
}
