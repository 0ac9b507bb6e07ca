use std::{
    fs,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use super::*;

/// A shell with somebody who reaps, as the init thread does.
struct Bench {
    dir: tempfile::TempDir,
    shell: Shell,
    environment: Variables,
    ended: Arc<AtomicBool>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let children = Arc::new(Children::default());
        let ended = Arc::new(AtomicBool::new(false));
        let (reaper, stop) = (Arc::clone(&children), Arc::clone(&ended));
        thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                reaper.reap();
                thread::park_timeout(Duration::from_millis(2));
            }
        });
        let shell = Shell::new(
            Path::new("/bin/bash"),
            dir.path(),
            &dir.path().join("boot.log"),
            children,
            Arc::default(),
        );
        let path = std::env::var("PATH").unwrap();
        let environment = Variables::from([
            ("PATH".to_owned(), path),
            ("WORKSPACE".to_owned(), dir.path().display().to_string()),
        ]);
        Self {
            dir,
            shell,
            environment,
            ended,
        }
    }

    fn source(&mut self, text: &str) -> ScriptEnd {
        let path = self.dir.path().join("script.sh");
        fs::write(&path, text).unwrap();
        self.shell.source(&path, &mut self.environment).unwrap()
    }

    fn get(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

#[test]
fn exports_functions_variables_directory_and_umask_reach_the_next_script() {
    let mut bench = Bench::new();
    let end = bench.source(
        "greet() { echo \"hello $1\"; }\nplain=5\nexport SHOWN=$'a\\nb'\ncd /usr\numask 027\nunset WORKSPACE",
    );
    assert_eq!(end, ScriptEnd::Returned(0));
    assert_eq!(bench.get("SHOWN"), "a\nb");
    assert!(!bench.environment.contains_key("plain"));
    assert!(!bench.environment.contains_key("WORKSPACE"));
    bench.source("export SEEN=\"$(greet $plain) $PWD $(umask)\"");
    assert_eq!(bench.get("SEEN"), "hello 5 /usr 0027");
}

#[test]
fn scripts_start_in_the_workspace_with_a_group_writable_umask() {
    let mut bench = Bench::new();
    bench.source("export SEEN=\"$PWD $(umask)\"; read -r line || export STDIN=empty");
    assert_eq!(
        bench.get("SEEN"),
        format!("{} 0002", bench.get("WORKSPACE"))
    );
    assert_eq!(bench.get("STDIN"), "empty");
}

#[test]
fn an_exit_costs_its_script_and_keeps_the_state() {
    let mut bench = Bench::new();
    bench.source("f() { echo kept; }\nquiet='a b'\ncd /usr");
    let end = bench.source("export LATE=1\nlast=2\nexit 3\nexport NEVER=1");
    assert_eq!(end, ScriptEnd::EndedShell(Ending::Code(3)));
    assert_eq!(bench.get("LATE"), "1");
    bench.source("export SEEN=\"$(f) $quiet $last $PWD $LATE\"");
    assert_eq!(bench.get("SEEN"), "kept a b 2 /usr 1");
    assert!(!bench.environment.contains_key("NEVER"));
}

#[test]
fn a_killed_shell_goes_on_with_the_state_before_the_script() {
    let mut bench = Bench::new();
    bench.source("export KEPT=1\nhidden=2");
    let end = bench.source("export LOST=1\nkill -KILL $$");
    assert_eq!(end, ScriptEnd::EndedShell(Ending::Signal(9)));
    bench.source("export SEEN=\"$KEPT $hidden ${LOST-gone}\"");
    assert_eq!(bench.get("SEEN"), "1 2 gone");
}

#[test]
fn a_background_job_that_holds_every_descriptor_does_not_hold_the_boot() {
    let mut bench = Bench::new();
    let started = Instant::now();
    bench.source("sleep 300 &\nexport CHILD=$!");
    let end = bench.source("exit 0");
    assert_eq!(end, ScriptEnd::EndedShell(Ending::Code(0)));
    bench.source("export SEEN=1");
    assert_eq!(bench.get("SEEN"), "1");
    assert!(started.elapsed() < Duration::from_secs(60));
    let child: i32 = bench.get("CHILD").parse().unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
}

#[test]
fn what_native_steps_change_between_scripts_is_exported() {
    let mut bench = Bench::new();
    bench.source("export OLD=1");
    bench
        .environment
        .insert("NEW".to_owned(), "it's $x".to_owned());
    bench.environment.remove("OLD");
    bench.source("export SEEN=\"$NEW ${OLD-unset}\"");
    assert_eq!(bench.get("SEEN"), "it's $x unset");
}

#[test]
fn options_and_traps_of_a_script_do_not_break_the_protocol() {
    let mut bench = Bench::new();
    bench.source(
        "set -eu; set -f; IFS=x; trap 'echo mine' EXIT; exec 3>&1 5</dev/null\nshopt -s nullglob",
    );
    let end = bench.source("export A=1; false; export B=1");
    assert_eq!(end, ScriptEnd::EndedShell(Ending::Code(1)));
    bench.source("export C=1");
    assert_eq!(bench.get("C"), "1");
    assert_eq!(bench.get("B"), "");
}

#[test]
fn a_file_of_plain_assignments_can_be_exported() {
    let mut bench = Bench::new();
    let path = bench.dir.path().join("dot env");
    fs::write(&path, "A=1\nB=\"$A two\"\n").unwrap();
    bench
        .shell
        .source_exporting(&path, &mut bench.environment)
        .unwrap();
    assert_eq!(bench.get("B"), "1 two");
}

#[test]
fn output_goes_to_the_log_of_the_boot() {
    let mut bench = Bench::new();
    bench.source("echo to stdout; echo to stderr >&2");
    let log = bench.dir.path().join("boot.log");
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::read_to_string(&log).unwrap_or_default() != "to stdout\nto stderr\n" {
        assert!(Instant::now() < deadline, "{:?}", fs::read_to_string(&log));
        thread::park_timeout(Duration::from_millis(2));
    }
}
