//! The program against fakes of the daemons' services.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop anywhere"
)]

mod fakes;

use std::{
    path::Path,
    process::{Command, Output},
};

use fakes::{Instance, program};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_shows_what_answers_and_names_what_does_not() {
    let instance = Instance::start(vec![program("jupyter", true), program("caddy", false)]);
    let output = instance.berth(&["status"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("jupyter  RUNNING"), "{text}");
    assert!(text.contains("caddy    FATAL"), "{text}");
    assert!(text.contains("proxyd       unreachable"), "{text}");
    assert!(text.contains("not running (no socket)"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour in a pipe");

    let json: serde_json::Value =
        serde_json::from_slice(&instance.berth(&["status", "--json"]).stdout).unwrap();
    assert_eq!(json["ok"], false);
    assert_eq!(json["programs"][0]["name"], "jupyter");
    assert_eq!(json["daemons"][1]["reachable"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemons_name_restarts_its_program() {
    let instance = Instance::start(vec![program("caddy", true)]);
    let output = instance.berth(&["restart", "proxyd"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "caddy: restarted\n");
    assert_eq!(instance.calls(), ["restart caddy wait"]);
    instance.berth(&["stop", "caddy", "--no-wait"]);
    assert_eq!(instance.calls(), ["restart caddy wait", "stop caddy"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_action_and_an_unknown_name_have_their_exit_codes() {
    let instance = Instance::start(vec![program("caddy", true)]);
    let refused = instance.berth(&["start", "caddy"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        stderr(&refused),
        "berth: failed to start caddy: already started\n"
    );
    let unknown = instance.berth(&["start", "nginx"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("no program is named nginx; there are: caddy"));
    assert_eq!(instance.berth(&["nonsense"]).status.code(), Some(2));
    assert_eq!(instance.berth(&["--help"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_tells_the_cause_and_shows_the_end_of_the_log() {
    let instance = Instance::start(vec![program("caddy", false)]);
    let output = instance.berth(&["why", "caddy"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("caddy is FATAL\n"), "{text}");
    assert!(
        text.contains("its last run ended with exit code 3"),
        "{text}"
    );
    assert!(
        text.contains("line 40\n") && !text.contains("line 10\n"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_print_the_last_lines_and_go_on_when_asked() {
    let instance = Instance::start(vec![program("jupyter", true)]);
    let output = instance.berth(&["logs", "jupyter", "-n", "2"]);
    assert_eq!(stdout(&output), "line 39\nline 40\n");
    // The fake ends the stream after two more lines, as a supervisor that goes away does.
    let followed = instance.berth(&["logs", "-f", "-n1", "jupyter"]);
    assert_eq!(stdout(&followed), "line 40\nappended\none more\n");
    assert_eq!(followed.status.code(), Some(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_away_is_exit_code_4_with_its_name() {
    let instance = Instance::start(Vec::new());
    for command in ["boot", "gpu", "apps", "tunnel"] {
        let output = instance.berth(&[command]);
        assert_eq!(output.status.code(), Some(4), "{command}");
        assert!(
            stderr(&output).contains("not running (no socket)"),
            "{command}"
        );
    }
    let empty = tempfile::tempdir().unwrap();
    let output = berth(empty.path(), &["status"]);
    assert_eq!(output.status.code(), Some(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn selftest_fails_while_a_socket_is_missing() {
    let instance = Instance::start(Vec::new());
    let output = instance.berth(&["selftest"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("supervisord  serving"), "{text}");
    assert!(text.contains("gpuprobe     missing"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_socket_is_told_apart_from_none() {
    let instance = Instance::start(Vec::new());
    let path = instance.run_dir().join("gpuprobe.sock");
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    let output = instance.berth(&["gpu"]);
    assert_eq!(
        stderr(&output),
        "berth: gpuprobe: not running (stale socket)\n"
    );
}

fn berth(run_dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_berth"))
        .arg("--run-dir")
        .arg(run_dir)
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
