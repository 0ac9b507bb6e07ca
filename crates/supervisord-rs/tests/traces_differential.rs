//! What the original and ours leave behind when the same is done to them: what event listeners are
//! told, byte by byte, and the files. Pids, times and random names are masked.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod oracle;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::Path,
    sync::LazyLock,
    thread::{self, ScopedJoinHandle},
};

use nix::sys::signal::{Signal, kill};
use oracle::{
    Which,
    allowed::Allowed,
    client::Client,
    ctl::Ctl,
    server::{Server, Setup},
    steps::aside,
};
use regex_lite::Regex;
use serde_json::{Value, json};
use testkit::venv_program;

#[path = "differential/traces/mod.rs"]
mod traces;
use traces::{Scenario, scenarios};

/// Files, by their masked paths.
type Files = BTreeMap<String, Value>;

#[test]
fn the_same_events_are_told_and_the_same_files_written() {
    let allowed = Allowed::of("traces");
    // The original takes a second for many a thing, so they all wait side by side.
    let left: Vec<_> = thread::scope(|scope| {
        let both = |scenario: &'static Scenario| {
            let begin = |which| {
                // A failure names its thread.
                let thread = thread::Builder::new().name(format!("{}, {which:?}", scenario.name));
                let started = thread.spawn_scoped(scope, move || left(which, scenario));
                started.expect("a thread")
            };
            (begin(Which::Original), begin(Which::Ours))
        };
        let begun: Vec<_> = scenarios().map(both).collect();
        let end = |handle: ScopedJoinHandle<'_, _>| handle.join().expect("what was left");
        let ended = |(theirs, ours)| (end(theirs), end(ours));
        begun.into_iter().map(ended).collect()
    });
    for (scenario, (theirs, ours)) in scenarios().zip(left) {
        for ((when, theirs), (_, ours)) in theirs.iter().zip(&ours) {
            let mut names: Vec<_> = theirs.keys().chain(ours.keys()).collect();
            names.sort();
            names.dedup();
            let of =
                |files: &Files, name| files.get(name).cloned().unwrap_or_else(|| "absent".into());
            for name in names {
                let case = format!("{} {when}: {name}", scenario.name);
                allowed.compare(&case, &of(theirs, name), &of(ours, name));
            }
        }
    }
    allowed.finish();
}

/// What is in the directory of one of the two at every `!look`, and after its end.
fn left(which: Which, scenario: &Scenario) -> Vec<(String, Files)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let recorder = format!(
        "{} {}",
        venv_program("python").display(),
        directory.join("recorder.py").display()
    );
    let known = |text: &str| text.replace("{RECORDER}", &recorder);
    let programs = known(scenario.programs);
    let setup = Setup {
        programs: &programs,
        more: scenario.more,
        ..Setup::default()
    };
    let mut server = Server::start(which, &setup);
    let mut client = Client::of(&server);
    let mut looks = Vec::new();
    for step in scenario.steps {
        if let Some(when) = step.strip_prefix("!look ") {
            looks.push((when.to_owned(), files(&server, false)));
        } else if let Some(call) = step.strip_prefix("rpc ") {
            let mut answer = client.step(call);
            if answer.get("error").is_some() {
                // Its connection ended with a reload.
                answer = client.step(call);
            }
            assert_eq!(answer, true, "{step}");
        } else if !aside(&known(step), &mut server) {
            Ctl::Ours.run(&server, step);
        }
    }
    if !scenario.steps.contains(&"!end") {
        kill(server.pid(), Signal::SIGTERM).expect("it runs");
        server.ended();
    }
    looks.push(("at the end".to_owned(), files(&server, true)));
    looks
}

fn files(server: &Server, is_over: bool) -> Files {
    let mut files = Files::new();
    let dir = server.dir();
    for entry in walk(Path::new(&dir)) {
        // What it prints is what it writes into its log.
        if entry.ends_with("stdout") {
            continue;
        }
        // How much a listener is told while everything is stopped is a race in both.
        if is_over && entry.to_string_lossy().ends_with("-until-then") {
            continue;
        }
        let name = entry.strip_prefix(&dir).expect("a file of it");
        let name = masked(&name.display().to_string(), &dir);
        files.insert(name, file(&entry, &dir));
    }
    files
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("its type").is_dir() {
            found.extend(walk(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

/// A file as it is compared: what it is, who may use it, and its lines.
fn file(path: &Path, dir: &str) -> Value {
    let meta = fs::symlink_metadata(path).expect("its metadata");
    let kind = meta.file_type();
    let access = format!(
        "{:o} {}:{}",
        meta.permissions().mode() & 0o7777,
        meta.uid(),
        meta.gid()
    );
    if kind.is_socket() {
        json!({"socket": access})
    } else if kind.is_dir() {
        json!({"directory": access})
    } else {
        let text = fs::read(path).expect("it is read");
        let text = String::from_utf8_lossy(&text).into_owned();
        // These tell how long something takes.
        let is_told = |line: &&str| !line.contains("INFO waiting for ");
        let lines = text.split_inclusive('\n').filter(is_told);
        let mut lines: Vec<_> = lines.map(|line| masked(line, dir)).collect();
        // Programs end when they will.
        let is_stopped = |line: &String| line.starts_with("TIME WARN stopped: ");
        for run in lines.chunk_by_mut(|a, b| is_stopped(a) && is_stopped(b)) {
            run.sort();
        }
        json!({"file": access, "lines": lines})
    }
}

/// A line or a name without what is different in every run.
fn masked(text: &str, dir: &str) -> String {
    static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let mask = |(pattern, with)| (Regex::new(pattern).expect("a pattern"), with);
        let masks = [
            // Times of the main log.
            (r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", "TIME "),
            // Pids, there and in events.
            (r"\bpid([: ])\d+", "pid${1}N"),
            (r"(killing '.*') \(\d+\)", "$1 (N)"),
            (r"^\d+\n$", "N\n"),
            // Times of events.
            (r"\bwhen:\d+", "when:N"),
            // Automatic names, which are random.
            (r"(-{3}\w+-)[\w]{8}\.log", "${1}RANDOM.log"),
        ];
        masks.map(mask).to_vec()
    });
    let text = text.replace(dir, "DIR");
    let mask = |text: String, (pattern, with): &(Regex, &str)| {
        pattern.replace_all(&text, *with).into_owned()
    };
    MASKS.iter().fold(text, mask)
}
