//! The small programs that come with supervisord.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use testkit::wait_for;

#[test]
fn echo_supervisord_conf_prints_the_sample() {
    let output = Command::new(env!("CARGO_BIN_EXE_echo_supervisord_conf"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("; Sample supervisor config file"));
    assert!(output.status.success());
}

#[test]
fn pidproxy_runs_a_command_and_ends_with_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_pidproxy"))
        .args(["/nonexistent/pidfile", "/bin/echo", "1", "2"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"1 2\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn pidproxy_says_what_it_cannot_run() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_pidproxy"))
            .args(arguments)
            .output()
            .unwrap();
        (
            String::from_utf8(output.stdout).unwrap(),
            output.status.code(),
        )
    };
    let (said, code) = run(&["/tmp/x"]);
    assert!(said.contains("Usage: pidproxy"), "{said}");
    assert_eq!(code, Some(1));
    let (said, code) = run(&["/tmp/x", "/nonexistent/command"]);
    assert!(said.contains("/nonexistent/command"), "{said}");
    assert_eq!(code, Some(1));
}

#[test]
fn pidproxy_stands_in_for_a_process_in_the_background() {
    let dir = tempfile::tempdir().unwrap();
    let pidfile = dir.path().join("pid");
    let marked = dir.path().join("marked");
    let script = dir.path().join("background.sh");
    let text = format!(
        "trap 'echo > {marked}' USR1\ntrap 'exit 0' TERM\necho $$ > {pidfile}\n\
         while :; do sleep 0.05; done\n",
        marked = marked.display(),
        pidfile = pidfile.display(),
    );
    fs::write(&script, text).unwrap();
    let script = format!("/bin/sh {} > /dev/null &", script.display());
    let mut proxy = Command::new(env!("CARGO_BIN_EXE_pidproxy"))
        .arg(&pidfile)
        .args(["/bin/sh", "-c", &script])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let background = wait_for("the pid file", PATIENCE, || {
        fs::read_to_string(&pidfile)
            .ok()?
            .trim()
            .parse::<i32>()
            .ok()
    })
    .unwrap();
    // The command itself has ended by now or does so soon.
    wait_for("a signal to arrive", PATIENCE, || {
        signal(&proxy, Signal::SIGUSR1);
        marked.exists().then_some(())
    })
    .unwrap();
    assert!(proxy.try_wait().unwrap().is_none());
    signal(&proxy, Signal::SIGTERM);
    let status = wait_for("pidproxy to end", PATIENCE, || proxy.try_wait().unwrap()).unwrap();
    assert_eq!(status.code(), Some(0));
    // It may not have been waited for by its new parent.
    let stat = fs::read_to_string(format!("/proc/{background}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

fn signal(proxy: &Child, signal: Signal) {
    let pid = i32::try_from(proxy.id()).expect("a pid");
    kill(Pid::from_raw(pid), signal).expect("pidproxy is there");
}

const PATIENCE: Duration = Duration::from_secs(15);
