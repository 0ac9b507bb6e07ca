//! The end-to-end tests that Supervisor ships in its own package.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod oracle;

use std::{collections::BTreeMap, path::Path, process::Command};

use oracle::{Which, venv};

/// Tests by name, with what went wrong.
type Outcomes = BTreeMap<String, Option<String>>;

#[test]
fn every_end_to_end_test_of_supervisor_that_the_original_passes_passes_with_ours() {
    let original = run(&[]);
    let (passed, failed): (Vec<_>, Vec<_>) =
        original.iter().partition(|(_, outcome)| outcome.is_none());
    // The package does not ship the script this test runs.
    let failed: Vec<_> = failed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(failed, ["test_issue_565"], "of the original: {original:#?}");
    let programs = Which::Ours.program("supervisord");
    let programs = programs.parent().and_then(Path::to_str);
    let mut arguments = vec!["--programs", programs.expect("a directory")];
    arguments.extend(passed.iter().map(|(name, _)| name.as_str()));
    let ours = run(&arguments);
    assert_eq!(ours.len(), passed.len());
    let wrong: Vec<_> = ours
        .iter()
        .filter_map(|(name, outcome)| Some(format!("{name}: {}", outcome.as_ref()?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run(arguments: &[&str]) -> Outcomes {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upstream/run.py");
    let output = Command::new(venv("python"))
        .arg(script)
        .args(arguments)
        .output()
        .expect("python starts");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        panic!("{arguments:?}: {error}: {complaint}")
    })
}
