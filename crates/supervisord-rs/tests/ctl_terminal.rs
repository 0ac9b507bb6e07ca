//! supervisorctl with somebody at a terminal. Everything is played with the original first: what
//! these tests expect is what it does.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod oracle;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Command, Stdio},
};

use oracle::{
    Which,
    server::{PATIENCE, Server, Setup},
};
use serde_json::{Value, json};
use testkit::{venv_program, wait_for};

#[test]
fn a_conversation_begins_with_the_status_and_ends_with_the_input() {
    both(PROGRAMS, "", |stage| {
        stage.play(
            "",
            json!([
                ["expect", "sleeper                          RUNNING   pid "],
                ["expect", "supervisor> "],
                ["line", ""],
                ["expect", "supervisor> "],
                ["line", "version"],
                ["expect", "4.3.0\n"],
                ["expect", "supervisor> "],
                ["line", "nonsense"],
                ["expect", "*** Unknown syntax: nonsense\n"],
                ["line", "status nosuch"],
                ["expect", "nosuch: ERROR (no such process)\n"],
                ["expect", "supervisor> "],
                ["control", "d"],
                ["end", "\n", 0]
            ]),
        );
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["line", "quit"],
                ["expect", "quit\n"],
                ["end", "\n", 0]
            ]),
        );
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["control", "c"],
                ["end", "\n", 0]
            ]),
        );
    });
}

#[test]
fn tab_completes_commands_groups_and_programs() {
    both(PROGRAMS, "", |stage| {
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["type", "vers\t"],
                ["expect", "version "],
                ["line", ""],
                ["expect", "4.3.0\n"],
                ["expect", "supervisor> "],
                ["type", "pid sl\t"],
                ["expect", "pid sleeper "],
                ["line", "nosuch"],
                ["expect", "No such process nosuch\n"],
                ["expect", "supervisor> "],
                ["type", "status w:w_0\t\t"],
                ["expect", "w:w_00"],
                ["expect", "w:w_01"],
                ["expect", "status w:w_0"],
                ["line", "1"],
                ["expect", "w:w_01                           RUNNING"],
                ["expect", "supervisor> "],
                ["type", "update \t\t"],
                ["expect", "sleeper"],
                ["expect", "w"],
                ["expect", "update "],
                ["line", "sleeper"],
                ["expect", "supervisor> "],
                ["type", "st\t\t"],
                ["expect", "start"],
                ["expect", "status"],
                ["expect", "stop"],
                ["expect", "supervisor> st"],
                ["line", "atus nosuch"],
                ["expect", "nosuch: ERROR (no such process)\n"],
                ["expect", "supervisor> "],
                ["control", "d"],
                ["end", "\n", 0]
            ]),
        );
    });
}

#[test]
fn the_history_outlives_a_conversation() {
    both(PROGRAMS, "history_file={D}/history\n", |stage| {
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["line", "version"],
                ["expect", "4.3.0\n"],
                ["expect", "supervisor> "],
                ["control", "d"],
                ["end", "\n", 0]
            ]),
        );
        let history = fs::read_to_string(stage.server.path("history")).unwrap();
        assert_eq!(history, "version\n");
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["type", "\u{1b}[A"],
                ["expect", "version"],
                ["line", ""],
                ["expect", "4.3.0\n"],
                ["expect", "supervisor> "],
                ["control", "d"],
                ["end", "\n", 0]
            ]),
        );
    });
}

#[test]
fn who_is_there_is_asked_before_everything_ends() {
    both(PROGRAMS, "", |stage| {
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["line", "shutdown"],
                [
                    "expect",
                    "Really shut the remote supervisord process down y/N? "
                ],
                ["line", "n"],
                ["expect", "supervisor> "],
                ["line", "reload"],
                [
                    "expect",
                    "Really restart the remote supervisord process y/N? "
                ],
                ["line", ""],
                ["expect", "supervisor> "],
                ["line", "pid sleeper"],
                ["expect", "supervisor> "],
                ["control", "d"],
                ["end", "\n", 0]
            ]),
        );
        stage.play(
            "-i shutdown",
            json!([
                [
                    "expect",
                    "Really shut the remote supervisord process down y/N? "
                ],
                ["line", "Yes"],
                ["expect", "Shut down\n"],
                ["end", "", 0]
            ]),
        );
        stage.server.ended();
    });
}

#[test]
fn a_name_and_password_are_asked_for_where_they_are_wanted() {
    let setup = Setup {
        unix: "username=me\npassword=secret",
        ..setup(PROGRAMS)
    };
    with(&setup, |stage| {
        stage.play(
            "",
            json!([
                ["expect", "Server requires authentication\n"],
                ["expect", "Username:"],
                ["line", "me"],
                ["expect", "Password:"],
                ["line", "wrong"],
                ["expect", "Server requires authentication\n"],
                ["expect", "Username:"],
                ["line", "me"],
                ["expect", "Password:"],
                ["line", "secret"],
                ["expect", "\n\nsleeper "],
                ["expect", "RUNNING"],
                ["expect", "supervisor> "],
                ["line", "version"],
                ["expect", "4.3.0\n"],
                ["expect", "supervisor> "],
                ["control", "d"],
                ["end", "\n", 0]
            ]),
        );
    });
}

#[test]
fn a_followed_log_ends_with_ctrl_c_and_the_conversation_goes_on() {
    both(PROGRAMS, "", |stage| {
        stage.play(
            "tail -f talker",
            json!([
                ["expect", "==> Press Ctrl-C to exit <==\n"],
                ["expect", "ready\n"],
                ["control", "c"],
                ["end", "^C\n", 0]
            ]),
        );
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["line", "tail -f talker stderr"],
                ["expect", "==> Press Ctrl-C to exit <==\n"],
                ["expect", "complaint\n"],
                ["control", "c"],
                ["expect", "supervisor> "],
                ["line", "maintail -f"],
                ["expect", "==> Press Ctrl-C to exit <==\n"],
                ["expect", "entered RUNNING state"],
                ["control", "c"],
                ["expect", "supervisor> "],
                ["line", "version"],
                ["expect", "4.3.0\n"],
                ["expect", "supervisor> "],
                ["control", "d"],
                ["end", "\n", 0]
            ]),
        );
    });
}

#[test]
fn lines_that_come_together_over_a_pipe_are_answered_at_once() {
    both(PROGRAMS, "", |stage| {
        let mut client = Command::new(stage.which.program("supervisorctl"))
            .arg("-c")
            .arg(stage.server.path("supervisord.conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut input = client.stdin.take().expect("its input");
        let output = BufReader::new(client.stdout.take().expect("its output"));
        input
            .write_all(b"version\nversion\nversion\n")
            .expect("it listens");
        // The input stays open: an answer that waits for its end never comes.
        let mut answers = output.lines().map_while(Result::ok);
        for _ in 0..3 {
            assert!(answers.any(|line| line.ends_with("4.3.0")));
        }
        drop(input);
        assert!(client.wait().expect("it ends").success());
    });
}

#[test]
fn a_history_in_another_encoding_is_kept() {
    both(PROGRAMS, "history_file={D}/history\n", |stage| {
        let history = stage.server.path("history");
        fs::write(&history, b"status \xff\nversion\n").expect("a history");
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["line", "pid"],
                ["expect", "supervisor> "],
                ["control", "d"],
                ["end", "\n", 0]
            ]),
        );
        if stage.which == Which::Ours {
            let kept = fs::read(&history).expect("the history");
            let kept = String::from_utf8_lossy(&kept).into_owned();
            assert!(
                kept.contains("status ") && kept.ends_with("version\npid\n"),
                "{kept:?}"
            );
        }
    });
}

#[test]
fn a_program_in_the_foreground_is_heard_and_spoken_to_until_ctrl_c() {
    both(PROGRAMS, "", |stage| {
        stage.play(
            "fg talker",
            json!([
                ["expect", "==> Press Ctrl-C to exit <==\n"],
                ["expect", "ready\n"],
                ["line", "hello"],
                ["expect", "hello\n"],
                ["expect", "heard hello\n"],
                ["line", "aloud"],
                ["expect", "complained of aloud\n"],
                ["control", "c"],
                ["expect", "Exiting foreground\n"]
            ]),
        );
        // The original waits for a thread that waits for the program to print something more.
        if stage.which == Which::Ours {
            stage.play(
                "fg talker",
                json!([
                    ["expect", "==> Press Ctrl-C to exit <==\n"],
                    ["control", "c"],
                    ["expect", "Exiting foreground\n"],
                    ["end", "", 0]
                ]),
            );
        }
        stage.play(
            "",
            json!([
                ["expect", "supervisor> "],
                ["line", "fg talker"],
                ["expect", "heard hello\n"],
                // Whether its end is seen at once or with the next line is a matter of luck.
                ["line", "end"],
                ["line", "anybody?"],
                ["expect", "Process got killed\n"],
                ["expect", "Exiting foreground\n"],
                ["expect", "supervisor> "],
                ["line", "version"],
                ["expect", "4.3.0\n"],
                ["expect", "supervisor> "]
            ]),
        );
    });
}

/// A server and the client that talks to it.
struct Stage {
    which: Which,
    server: Server,
}

impl Stage {
    /// Plays a scene: what is typed, and what must be seen.
    fn play(&self, line: &str, steps: Value) {
        let mut player = Command::new(venv_program("python"))
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/differential/terminal.py"
            ))
            .arg(self.which.program("supervisorctl"))
            .arg("-c")
            .arg(self.server.path("supervisord.conf"))
            .args(line.split_whitespace())
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut input = player.stdin.take().expect("its input");
        write!(input, "{steps}").expect("it listens");
        drop(input);
        let output = player.wait_with_output().expect("it ends");
        let problem = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && problem.is_empty(),
            "{:?} {line:?}: {problem}",
            self.which
        );
    }
}

/// Plays with the original and with ours.
fn both(programs: &'static str, ctl: &'static str, scene: impl Fn(&mut Stage)) {
    let setup = Setup {
        ctl,
        ..setup(programs)
    };
    with(&setup, scene);
}

fn with(setup: &Setup<'_>, scene: impl Fn(&mut Stage)) {
    // The original's client races with itself when it is interrupted, mostly on a busy machine; a
    // scene is wrong if it never plays with it.
    let played = (0..TRIES).any(|_| {
        let play = AssertUnwindSafe(|| play(Which::Original, setup, &scene));
        catch_unwind(play).is_ok()
    });
    assert!(played, "the original does not play this scene");
    play(Which::Ours, setup, &scene);
}

fn play(which: Which, setup: &Setup<'_>, scene: &impl Fn(&mut Stage)) {
    let server = Server::start(which, setup);
    let mut stage = Stage { which, server };
    wait_for("the programs", PATIENCE, || {
        let log = fs::read_to_string(stage.server.path("talker.log")).unwrap_or_default();
        let printed = stage.server.printed();
        let running = printed.matches("entered RUNNING").count() == 4;
        (log.contains("ready") && running)
            .then_some(())
            .ok_or(printed)
    })
    .expect("they run");
    scene(&mut stage);
}

fn setup(programs: &str) -> Setup<'_> {
    Setup {
        programs,
        ..Setup::default()
    }
}

const TRIES: usize = 3;

const PROGRAMS: &str = "\
[program:sleeper]
command=sleep 1000
startsecs=0
[program:w]
command=sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=2
startsecs=0
[program:talker]
command=sh -c 'echo ready; echo complaint >&2; while read line; do case $line in end) exit;; aloud) echo complained of $line >&2;; *) echo heard $line;; esac; done'
startsecs=0
autorestart=false
stdout_logfile={D}/talker.log
";
