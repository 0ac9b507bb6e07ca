use std::{
    fs,
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use super::*;

/// Children of this process are reaped in one place, whoever runs the tests: the kernel hands any
/// of them to whoever waits for all.
static CHILDREN: LazyLock<Arc<Children>> = LazyLock::new(|| {
    let children = Arc::new(Children::default());
    let reaper = Arc::clone(&children);
    thread::spawn(move || {
        loop {
            reaper.reap();
            thread::park_timeout(Duration::from_millis(2));
        }
    });
    children
});

/// A shell with somebody who reaps, as the init thread does.
struct Bench {
    dir: tempfile::TempDir,
    shell: Shell,
    environment: Variables,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shell = Shell::new(
            Path::new("/bin/bash"),
            &dir.path().join("state"),
            &dir.path().join("boot.log"),
            Arc::clone(&CHILDREN),
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
        }
    }

    fn source(&mut self, text: &str) -> ScriptEnd {
        let sourced = self.source_all(text);
        if sourced.end != ScriptEnd::EndedShell(Ending::killed(9)) {
            assert_eq!(sourced.exports, Exports::Taken);
        }
        sourced.end
    }

    fn source_all(&mut self, text: &str) -> Sourced {
        let path = self.dir.path().join("script.sh");
        fs::write(&path, text).unwrap();
        self.shell.source(&path, &mut self.environment).unwrap()
    }

    fn get(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
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
    assert_eq!(end, ScriptEnd::EndedShell(Ending::killed(9)));
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
    bench.set("NEW", "it's $x");
    bench.environment.remove("OLD");
    bench.source("export SEEN=\"$NEW ${OLD-unset}\"");
    assert_eq!(bench.get("SEEN"), "it's $x unset");
}

#[test]
fn what_native_steps_change_is_exported_to_a_shell_in_the_place_of_an_ended_one() {
    let mut bench = Bench::new();
    bench.set("TOKEN", "1");
    bench.source("export OLD=1; exit 0");
    bench.set("TOKEN", "generated");
    bench.environment.remove("OLD");
    bench.source("export SEEN=\"$TOKEN ${OLD-unset}\"");
    assert_eq!(bench.get("SEEN"), "generated unset");
    assert_eq!(bench.get("TOKEN"), "generated");
    assert!(!bench.environment.contains_key("OLD"));
}

#[test]
fn a_variable_that_no_program_can_be_given_costs_no_other() {
    let mut bench = Bench::new();
    bench.set("my.odd-name", "kept");
    bench.source("unset PATH; printf -v BIG '%0200000d' 1; export BIG; export A=1");
    assert_eq!(bench.get("BIG").len(), 200_000);
    bench.source("export B=2; exit 0");
    bench.source("export SEEN=\"${#BIG} $A $B\"");
    assert_eq!(bench.get("SEEN"), "200000 1 2");
    assert_eq!(bench.get("my.odd-name"), "kept");
    assert!(!bench.get("WORKSPACE").is_empty());
}

#[test]
fn exported_functions_reach_programs() {
    let mut bench = Bench::new();
    bench.source("greet() { echo \"hi $1\"; }\nexport -f greet\nfor_me() { :; }");
    let greet = bench.get("BASH_FUNC_greet%%").to_owned();
    let program = std::process::Command::new("/bin/bash")
        .args(["-c", "exec >\"$OUT\"; greet you"])
        .env("BASH_FUNC_greet%%", greet)
        .env("OUT", bench.dir.path().join("said"))
        .spawn();
    drop(program.unwrap());
    let said = bench.dir.path().join("said");
    wait_for_text(&said, "hi you\n");
    assert!(!bench.environment.contains_key("BASH_FUNC_for_me%%"));
}

#[test]
fn a_shell_that_cannot_tell_its_variables_costs_none_of_them() {
    let mut bench = Bench::new();
    bench.source("export KEPT=1");
    let list = bench.dir.path().join("state/shell-names");
    let text = format!("rm {0}; mkdir {0}; export LATE=1; exit 3", list.display());
    let sourced = bench.source_all(&text);
    assert_eq!(sourced.end, ScriptEnd::EndedShell(Ending::Code(3)));
    assert_eq!(sourced.exports, Exports::Unknown);
    assert_eq!(bench.get("KEPT"), "1");
    assert!(!bench.get("PATH").is_empty());
    fs::remove_dir(&list).unwrap();
    bench.source("export SEEN=$KEPT$LATE");
    assert_eq!(bench.get("SEEN"), "11");
}

#[test]
fn a_trace_of_a_script_shows_no_variable_of_others() {
    let mut bench = Bench::new();
    bench.set("WEB_PASSWORD", "s3cret");
    bench.source("set -x; true");
    bench.source("echo end");
    let log = bench.dir.path().join("boot.log");
    testkit::wait_for("the log", LONG, || {
        let text = fs::read_to_string(&log).ok()?;
        text.contains("\nend\n").then_some(())
    })
    .unwrap();
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn the_state_is_for_its_owner_alone_and_goes_with_the_shell() {
    let mut bench = Bench::new();
    let state = bench.dir.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, Permissions::from_mode(0o755)).unwrap();
    fs::write(state.join("shell-state"), "declare -x STALE=1\n").unwrap();
    bench.source("umask 0; export SEEN=${STALE-gone}");
    bench.set("NEW", "1");
    bench.source("true");
    assert_eq!(bench.get("SEEN"), "gone");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    let files = || {
        fs::read_dir(&state)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let modes: Vec<_> = files().map(|path| mode(&path)).collect();
    assert_eq!(modes, [0o600; 3]);
    drop(bench.shell);
    assert_eq!(files().count(), 0);
}

#[test]
fn options_and_traps_of_a_script_do_not_break_the_protocol() {
    let mut bench = Bench::new();
    bench.source(
        "set -eu; set -f; IFS=x; trap 'echo mine' EXIT; exec 3>&1 5</dev/null\nshopt -s nullglob",
    );
    let sourced = bench.source_all("export A=1; false; export B=1");
    assert_eq!(sourced.end, ScriptEnd::EndedShell(Ending::Code(1)));
    // The trap of the script stands in the place of ours.
    assert_eq!(sourced.exports, Exports::Unknown);
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
    wait_for_text(&log, "to stdout\nto stderr\n");
}

fn wait_for_text(path: &Path, text: &str) {
    testkit::wait_for("the text", LONG, || {
        let found = fs::read_to_string(path).unwrap_or_default();
        if found == text { Ok(()) } else { Err(found) }
    })
    .unwrap();
}

const LONG: Duration = Duration::from_secs(20);
