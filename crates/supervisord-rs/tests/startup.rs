//! How supervisord starts, beside the original: limits, environment, background, log.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod support;

#[path = "startup/place.rs"]
mod place;

use std::{
    ffi::OsString,
    fs,
    net::TcpListener,
    os::unix::{ffi::OsStringExt as _, net::UnixStream},
    process::Command,
};

use nix::unistd::{Pid, getsid};
use place::{Place, end};
use support::{PATIENCE, ours};
use testkit::wait_for;

const NOBODY: [&str; 5] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--",
];

#[test]
fn minprocs_raises_the_limit_of_processes_as_in_the_original() {
    let config = "nodaemon=true\nminprocs=200\n[program:a]\ncommand=cat /proc/self/limits\n\
                  autorestart=false\nstartsecs=0\nstdout_logfile={D}/a.log\n";
    let [original, ours] = Place::both(config).map(|place| {
        let before = [&["prlimit", "--nproc=100:1000"], &NOBODY[..]].concat();
        let mut child = place.command(&before).spawn().expect("it starts");
        let limits = place.wait_text("a.log", "Max realtime timeout");
        place.wait_text("main.log", "Increased RLIMIT_NPROC limit to 200");
        end(&place);
        child.wait().expect("its end");
        let line = limits.lines().find(|line| line.contains("processes"));
        line.expect("a limit of processes").to_owned()
    });
    assert_eq!(ours, original);
    let numbers: Vec<_> = ours.split_whitespace().skip(2).take(2).collect();
    assert_eq!(numbers, ["200", "1000"]);
}

#[test]
fn a_limit_that_cannot_be_raised_is_told_as_the_original_tells_it() {
    for (key, limit) in [
        ("minprocs", "--nproc=100:150"),
        ("minfds", "--nofile=100:150"),
    ] {
        let config = format!("nodaemon=true\n{key}=200\n");
        let [original, ours] = Place::both(&config).map(|place| {
            let before = [&["prlimit", limit], &NOBODY[..]].concat();
            let output = place.command(&before).output().expect("it runs");
            place.refusal(&output)
        });
        // The original says that there are as many as it wants, which is the one thing that is not
        // so.
        let original = original.0.replacen("open 200 ", "open 150 ", 1);
        assert_eq!(ours, (original, Some(2)));
    }
}

/// Not UTF-8.
fn odd() -> OsString {
    OsString::from_vec(b"caf\xe9".to_vec())
}

#[test]
fn a_variable_that_is_no_text_is_refused_where_it_is_used() {
    let config = "[supervisord]\nnodaemon=true\nlogfile={D}/main.log\npidfile={D}/s.pid\n\
                  [program:good]\ncommand=sh -c 'printf %%s $ODD'\nstdout_logfile={D}/good.log\n\
                  autorestart=false\nstartsecs=0\n\
                  [program:bad]\ncommand=echo\n  %(ENV_ODD)s\n";
    let place = Place::new(ours("supervisord").to_owned(), config);
    let mut child = place
        .command(&[])
        .env("ODD", odd())
        .spawn()
        .expect("it starts");
    let log = place.wait_text("main.log", "spawned: 'good'");
    let told = place.path("supervisord.conf").display().to_string();
    let told = format!("ERRO refused: {told}:11: [program:bad]: command: ");
    let line = log.lines().find(|line| line.contains(&told));
    let line = line.unwrap_or_else(|| panic!("{told} is not in {log}"));
    assert!(line.contains("%(ENV_ODD)s, which is not UTF-8"), "{line}");
    wait_for("its output", PATIENCE, || {
        (fs::read(place.path("good.log")).unwrap_or_default() == b"caf\xe9").then_some(())
    })
    .expect("it passes unchanged");
    end(&place);
    child.wait().expect("its end");
}

#[test]
fn a_variable_that_is_no_text_is_refused_for_supervisord_itself() {
    let config = "[supervisord]\nnodaemon=true\nidentifier=%(ENV_ODD)s\n";
    let place = Place::new(ours("supervisord").to_owned(), config);
    let output = place
        .command(&[])
        .env("ODD", odd())
        .output()
        .expect("it runs");
    let (error, code) = place.refusal(&output);
    assert!(error.contains("supervisord.conf:3: "), "{error}");
    assert!(error.contains("%(ENV_ODD)s, which is not UTF-8"), "{error}");
    assert_eq!(code, Some(2));
}

#[test]
fn a_busy_port_is_told_before_the_caller_goes_on() {
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = busy.local_addr().expect("its number").port();
    for background in ["", "nodaemon=true\n"] {
        let config = format!("user=root\n{background}[inet_http_server]\nport=127.0.0.1:{port}\n");
        let [original, ours] = Place::both(&config).map(|place| {
            let output = place.command(&[]).output().expect("it runs");
            place.refusal(&output)
        });
        assert_eq!(ours, original);
        assert!(ours.0.contains("Another program is already listening"));
        assert_eq!(ours.1, Some(2));
    }
}

#[test]
fn in_the_background_the_servers_are_open_when_the_caller_goes_on() {
    let config = "user=root\ndirectory=/usr\numask=027\n";
    let [original, ours] = Place::both(config).map(|place| {
        let status = place.command(&[]).status().expect("it runs");
        UnixStream::connect(place.path("s.sock")).expect("the socket is open");
        // The original's parent does not wait for what comes after the fork.
        place.wait_text("s.pid", "\n");
        let text = place.read("s.pid");
        let pid = text.trim();
        let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).expect("a link");
        let [cwd, stdin, stdout, stderr] = ["cwd", "fd/0", "fd/1", "fd/2"].map(link);
        let number: i32 = pid.parse().expect("a pid");
        let session = getsid(Some(Pid::from_raw(number))).expect("a session");
        let status_file = fs::read_to_string(format!("/proc/{pid}/status")).expect("a file");
        let mask = status_file.lines().find(|line| line.starts_with("Umask:"));
        let log = place.wait_text("main.log", "supervisord started with pid");
        let lines = log.lines().filter_map(|line| line.split_once(" INFO "));
        let lines: Vec<_> = lines
            .map(|(_, text)| text.replace(pid, "PID"))
            .filter(|text| !text.starts_with("Set uid") && !text.starts_with("Increased"))
            .collect();
        let found = (
            status.code(),
            (cwd, stdin, stdout, stderr),
            session == Pid::from_raw(number),
            mask.map(str::to_owned),
            lines,
        );
        end(&place);
        found
    });
    assert_eq!(ours, original);
    assert_eq!(ours.0, Some(0));
}

#[test]
fn a_second_one_on_the_same_socket_is_refused_and_the_first_goes_on() {
    let [original, ours] = Place::both("user=root\n").map(|place| {
        let first = place.command(&[]).status().expect("it runs");
        assert_eq!(first.code(), Some(0));
        place.wait_text("s.pid", "\n");
        let second = place.command(&[]).output().expect("it runs");
        UnixStream::connect(place.path("s.sock")).expect("the first one answers");
        end(&place);
        place.refusal(&second)
    });
    assert_eq!(ours, original);
    assert_eq!(ours.1, Some(2));
}

#[test]
fn the_first_client_finds_the_programs() {
    let config = "user=root\n[program:a]\ncommand=sleep 1000\n\
                  [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=\
                  supervisor.rpcinterface:make_main_rpcinterface\n";
    for place in Place::both(config) {
        place.command(&[]).status().expect("it runs");
        let url = format!("unix://{}", place.path("s.sock").display());
        let said = Command::new(ours("supervisorctl"))
            .args(["-s", &url, "status", "a"])
            .output()
            .expect("supervisorctl runs");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let known = ["STOPPED", "STARTING", "RUNNING"]
            .iter()
            .any(|s| said.contains(s));
        assert!(known, "{said}");
        place.wait_text("s.pid", "\n");
        end(&place);
    }
}
