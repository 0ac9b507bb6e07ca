//! supervisord with real programs.

#[expect(dead_code, reason = "not every test binary uses every part of it")]
mod support;

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use support::{PATIENCE, Supervisor, ours};
use testkit::wait_for;

#[test]
fn a_killed_program_is_back_with_another_pid() {
    let supervisor = start("[program:a]\ncommand=sleep 1000\nstartsecs=0\n");
    supervisor.wait_state("a", "RUNNING");
    let before = supervisor.pid_of("a");
    kill(Pid::from_raw(before), Signal::SIGKILL).unwrap();
    wait_for("another pid", PATIENCE, || {
        let now = supervisor.pid_of("a");
        (now != before && now != 0).then_some(())
    })
    .unwrap();
}

#[test]
fn a_shutdown_kills_what_does_not_stop_in_its_time_and_leaves_nothing() {
    let mut supervisor = start(
        "[program:deaf]\ncommand=sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done'\n\
         startsecs=0\nstopwaitsecs=1\nstopasgroup=true\nstdout_logfile=/dev/stdout\n\
         [program:easy]\ncommand=sleep 1000\n",
    );
    wait_for("the trap", PATIENCE, || {
        supervisor.printed().contains("up").then_some(())
    })
    .unwrap();
    supervisor.wait_state("easy", "RUNNING");
    let (deaf, easy) = (supervisor.pid_of("deaf"), supervisor.pid_of("easy"));
    let began = Instant::now();
    let status = supervisor.end(Signal::SIGTERM);
    assert_eq!(status.code(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    for pid in [deaf, easy] {
        assert!(kill(Pid::from_raw(pid), None).is_err(), "{pid} is left");
    }
    assert!(!supervisor.path("s.sock").exists());
}

#[test]
fn a_descendant_that_holds_the_pipe_does_not_hide_the_end_of_a_program() {
    let supervisor =
        start("[program:a]\ncommand=sh -c 'sleep 30 & exit 0'\nstartsecs=0\nautorestart=false\n");
    supervisor.wait_state("a", "EXITED");
}

#[test]
fn output_goes_raw_and_clean_and_to_stdout() {
    let supervisor = start(
        "[program:a]\ncommand=printf '\\033[31mred\\033[0m\\n'\nstartsecs=0\nautorestart=false\n\
         stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\nredirect_stderr=true\n",
    );
    supervisor.wait_state("a", "EXITED");
    let read = |name: &str| fs::read_to_string(supervisor.path(name)).unwrap();
    assert_eq!(read("raw/a.log"), "\u{1b}[31mred\u{1b}[0m\n");
    assert_eq!(read("clean/a.log"), "red\n");
    wait_for("the line", PATIENCE, || {
        supervisor.printed().contains("\nred\n").then_some(())
    })
    .unwrap();
}

#[test]
fn a_refused_section_is_shown_with_file_and_line_and_the_others_run() {
    let supervisor = start(
        "[program:good]\ncommand=sleep 1000\nstartsecs=0\n[program:bad]\ncommand=x\nstartsecs=abc\n\
         [program:missing]\ncommand=/no/such/thing\nstartretries=0\n",
    );
    supervisor.wait_state("good", "RUNNING");
    let said = supervisor.ctl(ours("supervisorctl"), "status bad missing");
    assert!(
        said.text
            .contains("programs.conf:6: [program:bad]: startsecs"),
        "{said:?}"
    );
    assert!(
        said.text.contains("can't find command '/no/such/thing'"),
        "{said:?}"
    );
    assert_eq!(said.code, 3);
    assert!(supervisor.printed().contains("ERRO refused: "));
}

fn start(programs: &str) -> Supervisor {
    Supervisor::start(ours("supervisord"), programs)
}
