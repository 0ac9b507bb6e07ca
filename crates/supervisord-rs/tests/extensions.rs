//! Keys of our own: dependencies, readiness, liveness, conditions, restarts, limits.

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
fn a_dependent_starts_when_what_it_depends_on_is_ready_and_says_what_it_waits_for() {
    let supervisor = start(
        "[program:db]\ncommand=sleep 1000\nstartsecs=0\nreadiness_file=%(here)s/ready\n\
         [program:app]\ncommand=sleep 1000\nstartsecs=0\ndepends_on=db\n",
    );
    supervisor.wait_state("db", "RUNNING");
    let said = supervisor.ctl(ours("supervisorctl"), "status app");
    assert!(
        said.text.contains("STARTING") && said.text.contains("waiting for db to be ready"),
        "{said:?}"
    );
    assert_eq!(supervisor.pid_of("app"), 0);
    fs::write(supervisor.path("conf.d/ready"), "").unwrap();
    supervisor.wait_state("app", "RUNNING");
}

#[test]
fn a_program_that_stops_working_is_restarted() {
    let supervisor = start(
        "[program:app]\ncommand=sleep 1000\nstartsecs=0\nliveness_command=test -e %(here)s/alive\n\
         liveness_interval=0.1\nliveness_failures=2\n",
    );
    fs::write(supervisor.path("conf.d/alive"), "").unwrap();
    supervisor.wait_state("app", "RUNNING");
    let before = supervisor.pid_of("app");
    fs::remove_file(supervisor.path("conf.d/alive")).unwrap();
    wait_for("a restart", PATIENCE, || {
        let now = supervisor.pid_of("app");
        (now != before && now != 0).then_some(())
    })
    .unwrap();
    assert!(
        supervisor
            .printed()
            .contains("restarting: app does not live: 'test -e"),
        "{}",
        supervisor.printed()
    );
}

#[test]
fn a_line_of_output_or_a_word_on_a_descriptor_says_that_a_program_is_ready() {
    let supervisor = start(
        "[program:line]\ncommand=sh -c 'echo starting; until test -e %(here)s/go; do sleep 0.05; done; \
         printf \"\\033[1mlistening on 8188\\033[0m\\n\"; exec sleep 1000'\n\
         startsecs=0\nreadiness_log=listening on [0-9]+$\n\
         [program:word]\ncommand=sh -c 'until test -e %(here)s/go; do sleep 0.05; done; echo >&5; \
         exec sleep 1000'\nstartsecs=0\nreadiness_notify_fd=5\n\
         [program:after]\ncommand=sleep 1000\nstartsecs=0\ndepends_on=line,word\n",
    );
    supervisor.wait_state("word", "RUNNING");
    assert_eq!(supervisor.pid_of("after"), 0);
    fs::write(supervisor.path("conf.d/go"), "").unwrap();
    supervisor.wait_state("after", "RUNNING");
}

#[test]
fn a_start_condition_is_waited_for_and_a_one_shot_is_done_once() {
    let supervisor = start(
        "[program:setup]\ncommand=sh -c 'echo x >> %(here)s/count'\noneshot=true\n\
         start_when=file:%(here)s/input\n\
         [program:app]\ncommand=sleep 1000\nstartsecs=0\ndepends_on=setup=exited\n",
    );
    let said = supervisor.ctl(ours("supervisorctl"), "status setup");
    assert!(said.text.contains("start conditions: file:"), "{said:?}");
    fs::write(supervisor.path("conf.d/input"), "").unwrap();
    supervisor.wait_state("app", "RUNNING");
    supervisor.wait_state("setup", "EXITED");
    let count = fs::read_to_string(supervisor.path("conf.d/count")).unwrap();
    assert_eq!(count, "x\n");
}

#[test]
fn a_pause_before_restarts_is_kept_and_can_be_cut_short_by_stop() {
    let supervisor = start(
        "[program:app]\ncommand=sh -c 'date +%%s%%N >> %(here)s/starts; exit 1'\nstartsecs=0\n\
         autorestart=true\nrestart_delay=0.4\n",
    );
    let starts = || -> Vec<u128> {
        let text = fs::read_to_string(supervisor.path("conf.d/starts")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    wait_for("three starts", PATIENCE, || {
        (starts().len() >= 3).then_some(())
    })
    .unwrap();
    for pair in starts().windows(2) {
        assert!(pair[1] - pair[0] >= 400_000_000, "{:?}", starts());
    }
    let said = wait_for("a moment between two runs", PATIENCE, || {
        let said = supervisor.ctl(ours("supervisorctl"), "stop app");
        said.text.contains("stopped").then_some(said)
    });
    said.unwrap();
    supervisor.wait_state("app", "STOPPED");
}

#[test]
fn limits_variables_and_a_terminal_are_as_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let env = dir.path().join("env");
    fs::write(&env, "FROM_FILE='two words'\n").unwrap();
    let supervisor = start(&format!(
        "[program:app]\ncommand=sh -c 'ulimit -n; nice; cat /proc/self/oom_score_adj; \
         echo $FROM_FILE; test -t 1 && echo terminal; exec sleep 1000'\nstartsecs=0\n\
         rlimit_nofile=256:512\nnice=5\noom_score_adj=300\nenv_file={}\npty=true\n\
         stdout_logfile=%(here)s/out\n",
        env.display()
    ));
    wait_for("the output", PATIENCE, || {
        let text = fs::read_to_string(supervisor.path("conf.d/out")).ok()?;
        (text == "256\r\n5\r\n300\r\ntwo words\r\nterminal\r\n").then_some(())
    })
    .unwrap_or_else(|e| {
        panic!(
            "{e}: {:?}",
            fs::read_to_string(supervisor.path("conf.d/out"))
        )
    });
}

#[test]
fn descendants_that_left_the_process_group_are_killed_with_their_program() {
    let supervisor = start(
        "[program:app]\ncommand=sh -c 'setsid sleep 4321 & exec sleep 1000'\nstartsecs=0\n\
         kill_descendants=true\n",
    );
    let escaped = wait_for("the escaped process", PATIENCE, || sleeping("4321")).unwrap();
    supervisor.ctl(ours("supervisorctl"), "stop app");
    wait_for("its end", PATIENCE, || {
        kill(Pid::from_raw(escaped), None).is_err().then_some(())
    })
    .unwrap();
}

#[test]
fn a_program_that_must_not_be_lost_ends_everything_with_its_code() {
    let mut supervisor = Supervisor::begin(
        ours("supervisord"),
        "[program:good]\ncommand=sleep 1000\nstartsecs=0\n\
         [program:vital]\ncommand=false\nstartretries=0\nexit_on_fatal=42\n",
    );
    let status = supervisor.wait_end();
    assert_eq!(status.code(), Some(42), "{}", supervisor.printed());
    assert!(
        supervisor
            .printed()
            .contains("vital is FATAL and exit_on_fatal is set")
    );
}

#[test]
fn a_supervisor_that_was_frozen_kills_nobody_for_the_time_that_was_missed() {
    let supervisor = start(
        "[program:slow]\ncommand=sh -c 'trap \"sleep 1; exit 0\" TERM; echo up; \
         while :; do sleep 0.1; done'\nstartsecs=0\nstopwaitsecs=3\nstdout_logfile=/dev/stdout\n",
    );
    wait_for("the trap", PATIENCE, || {
        supervisor.printed().contains("up").then_some(())
    })
    .unwrap();
    supervisor.wait_state("slow", "RUNNING");
    let slow = supervisor.pid_of("slow");
    // Both are frozen in the middle of the stop, for longer than the stop may take.
    let mut client = supervisor.spawn_ctl("stop slow");
    wait_for("the stop", PATIENCE, || {
        supervisor
            .printed()
            .contains("waiting for slow to stop")
            .then_some(())
    })
    .unwrap();
    supervisor.signal_all(&[slow], Signal::SIGSTOP);
    let began = Instant::now();
    wait_for("four seconds", PATIENCE, || {
        (began.elapsed() > Duration::from_secs(4)).then_some(())
    })
    .unwrap();
    supervisor.signal_all(&[slow], Signal::SIGCONT);
    assert!(client.wait().unwrap().success());
    supervisor.wait_state("slow", "STOPPED");
    let said = supervisor.printed();
    assert!(!said.contains("SIGKILL"), "{said}");
}

fn sleeping(seconds: &str) -> Option<i32> {
    let entries = fs::read_dir("/proc").ok()?;
    entries.flatten().find_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let wanted = format!("sleep\0{seconds}\0");
        (line == wanted.as_bytes()).then(|| entry.file_name().to_str()?.parse().ok())?
    })
}

fn start(programs: &str) -> Supervisor {
    Supervisor::start(ours("supervisord"), programs)
}
