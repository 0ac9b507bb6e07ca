//! The end-to-end tests that Supervisor ships in its own package.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod oracle;

use std::{collections::BTreeMap, path::Path, process::Command};

use oracle::Which;
use testkit::venv_program;

/// A /tmp in which everything that is in the machine's own can be seen, this checkout too.
const OWN_TMP: &str = "mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/tmp,upperdir=/mnt/upper,workdir=/mnt/work overlay /tmp
exec \"$@\"";

/// Tests by name, with what went wrong.
type Outcomes = BTreeMap<String, Option<String>>;

#[test]
fn every_end_to_end_test_of_supervisor_that_the_original_passes_passes_with_ours() {
    let original = run(&[]);
    let passed = original.iter().filter(|(_, problem)| problem.is_none());
    let passed: Vec<_> = passed.map(|(name, _)| name.as_str()).collect();
    // 26 of its 27: the package does not ship the script that one of them runs.
    assert!(passed.len() > 20, "of the original: {original:#?}");
    let programs = Which::Ours.program("supervisord");
    let programs = programs.parent().and_then(Path::to_str);
    let mut arguments = vec!["--programs", programs.expect("a directory")];
    arguments.extend(&passed);
    let ours = run(&arguments);
    assert_eq!(ours.len(), passed.len());
    let wrong: Vec<_> = ours
        .iter()
        .filter_map(|(name, outcome)| Some(format!("{name}: {}", outcome.as_ref()?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs them in a /tmp of their own, where they have all their sockets and logs.
fn run(arguments: &[&str]) -> Outcomes {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/upstream/run.py");
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-ec", OWN_TMP, "sh"])
        .arg(venv_program("python"))
        .arg(script)
        .args(arguments)
        .output()
        .expect("python starts");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        panic!("{arguments:?}: {error}: {complaint}")
    })
}
