//! A supervisord that takes over what another left, with a test in bootd's place.

#[path = "survival/bootd.rs"]
mod bootd;

use std::{
    fs::{self, File},
    io,
    net::TcpStream,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    path::PathBuf,
    process::Command,
};

use bootd::Bootd;
use serde_json::{Value, json};

const SLEEPS: &str = "[program:a]\ncommand=sleep 1000\n";

/// A process as a predecessor would have created it for a program.
#[expect(clippy::zombie_processes, reason = "the test reaps what is held")]
fn sleeping() -> i32 {
    let mut sleep = Command::new("sleep");
    let child = sleep.arg("1001").process_group(0).spawn();
    let child = child.expect("sleep starts");
    child.id().try_into().expect("a pid")
}

/// The process cannot be taken over, so it is ended, and only then another is started.
fn is_ended_before_another_starts(ends: &[(&str, BorrowedFd<'_>)]) {
    let mut bootd = Bootd::new(SLEEPS);
    bootd.hold("5/a:a/3", sleeping(), ends, Value::Null);
    bootd.start();
    // `reap` tells of the end in the same turn in which it is seen, so what was said before is all
    // that was said while the process lived.
    let before = bootd.wait("the end of the old process", |bootd| {
        let old = bootd.held.iter().find(|held| held.run == "5/a:a/3")?;
        (!old.exit.is_null()).then_some(bootd.held.len())
    });
    assert_eq!(before, 1, "{:?}", bootd.held);
    bootd.wait("the old run to be released and another to begin", |bootd| {
        let [held] = &bootd.held[..] else { return None };
        (held.run.ends_with("/a:a/4") && held.pid > 1).then_some(())
    });
    assert!(bootd.read("main.log").contains("could not take over a"));
}

#[test]
fn a_process_whose_output_cannot_be_watched_is_ended_before_another_starts() {
    // A plain file in place of a pipe.
    let file = File::open("/etc/hostname").unwrap();
    is_ended_before_another_starts(&[("stdout", file.as_fd())]);
}

#[test]
fn a_process_whose_output_did_not_arrive_is_ended_before_another_starts() {
    let null = File::open("/dev/null").unwrap();
    is_ended_before_another_starts(&[("stdin", null.as_fd())]);
}

/// More than a log may hold before it is set aside, and less than twice as much. It does not get
/// ahead of the kills: it waits for the first and for the last, in the middle of a line.
const COUNTS: &str = "[program:counts]
command=sh -c 'i=0; while [ $i -lt 60000 ]; do case $i in 20000|52000) printf $i; \
until [ -e {D}/go$i ]; do sleep 0.02; done;; *) printf $i;; esac; echo \" a line that is long enough to fill a log \
before the test becomes boring, and that would be seen if it came twice or not at all\"; \
i=$((i+1)); done'
autorestart=false
log_tiers=true
";

#[test]
fn no_line_is_lost_or_told_twice_when_logs_are_set_aside_between_kills() {
    let mut bootd = Bootd::new(&COUNTS.replace("\\\n", ""));
    bootd.start();
    for (file, size, go) in [
        ("raw/counts.log", 1_000_000, Some("go20000")),
        ("clean/counts.log.old", 0, None),
        ("raw/counts.log.old", 0, Some("go52000")),
    ] {
        bootd.wait(file, |bootd| {
            let meta = bootd.path(file).metadata().ok();
            meta.filter(|meta| meta.len() > size)
        });
        bootd.kill();
        if let Some(go) = go {
            fs::write(bootd.path(go), "").expect("a file");
        }
        bootd.start();
    }
    bootd.wait("the end", |bootd| bootd.held.is_empty().then_some(()));
    let line = "a line that is long enough to fill a log before the test becomes boring, and that \
                would be seen if it came twice or not at all";
    let expected: String = (0..60_000).map(|i| format!("{i} {line}\n")).collect();
    for tier in ["raw", "clean"] {
        let log = |suffix: &str| bootd.read(&format!("{tier}/counts.log{suffix}"));
        let text = log(".old") + &log("");
        let same = text.lines().zip(expected.lines());
        let same = same.take_while(|(a, b)| a == b).count();
        assert!(text == expected, "{tier} differs in line {same}");
    }
}

#[test]
fn a_run_whose_release_was_not_told_does_not_start_a_program_that_was_stopped() {
    let mut bootd = Bootd::new(SLEEPS);
    let will = json!({"bootd": 7, "groups": ["a"], "programs": [{"group": "a", "name": "a",
        "incarnation": 3, "rests": "stopped", "stdout_auto": null, "stderr_auto": null}]});
    fs::create_dir(bootd.path("state")).unwrap();
    fs::write(bootd.path("state/runtime.json"), will.to_string()).unwrap();
    let (pipe, _writer) = io::pipe().unwrap();
    // It was reaped by who stopped it, so that bootd does not know how it ended.
    let ends = [("stdout", pipe.as_fd())];
    bootd.hold("5/a:a/3", i32::MAX, &ends, json!({"code": -1}));
    bootd.start();
    bootd.wait("its release", |bootd| bootd.held.is_empty().then_some(()));
    let status = bootd.wait("the status", |bootd| {
        Some(bootd.ctl("status a")).filter(|status| status.starts_with('a'))
    });
    assert!(status.contains("STOPPED"), "{status}");
    bootd.listen();
    assert_eq!(bootd.held, []);
}

const FCGI: &str = "[fcgi-program:f]
command=sleep 1000
socket=unix://{D}/f.sock
process_name=%(program_name)s_%(process_num)d
numprocs=2
";

/// The standard input of a process, by its inode.
fn input_of(pid: i32) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/fd/0")).expect("a descriptor")
}

#[test]
fn fastcgi_programs_keep_their_one_socket_over_a_death_of_the_supervisor() {
    let mut bootd = Bootd::new(FCGI);
    bootd.start();
    let pid_of = |bootd: &Bootd, program: &str, but: i32| {
        let is_its = |run: &str| run.contains(program);
        let found = bootd.held.iter().find(|held| is_its(&held.run));
        found
            .map(|held| held.pid)
            .filter(|pid| ![0, but].contains(pid))
    };
    let one = bootd.wait("one process", |bootd| pid_of(bootd, "f:f_0/", 0));
    let other = bootd.wait("the other process", |bootd| pid_of(bootd, "f:f_1/", 0));
    // The file is the last thing that a child opens before it is the program.
    bootd.wait("both programs", |_| {
        (input_of(one) == input_of(other)).then_some(())
    });
    bootd.kill();
    bootd.start();
    bootd.wait("the takeover", |bootd| {
        bootd
            .read("main.log")
            .contains("took over: 'f_1'")
            .then_some(())
    });
    bootd.wait("a restart", |bootd| {
        bootd
            .ctl("signal KILL f:f_1")
            .contains("signalled")
            .then_some(())
    });
    let next = bootd.wait("the next process", |bootd| pid_of(bootd, "f:f_1/", other));
    bootd.wait("the next program", |_| {
        (input_of(next) == input_of(one)).then_some(())
    });
    // It is the one that clients reach, too.
    assert!(UnixStream::connect(bootd.path("f.sock")).is_ok());
    assert!(
        !bootd
            .read("main.log")
            .split_once("took over")
            .unwrap()
            .1
            .contains("Creating socket")
    );
}

#[test]
fn a_fastcgi_group_that_comes_back_has_its_port_though_bootd_still_holds_the_socket() {
    let port = testkit::free_port();
    let mut bootd = Bootd::new(&format!(
        "[fcgi-program:f]\ncommand=sleep 1000\nsocket=tcp://127.0.0.1:{port}\nstartsecs=0\n"
    ));
    bootd.start();
    let one = bootd.wait("the process", |bootd| {
        bootd.held.first().map(|held| held.pid)
    });
    bootd.wait("the program", |bootd| {
        bootd.ctl("status f:f").contains("RUNNING").then_some(())
    });
    // Nothing that is said to bootd is read by it meanwhile.
    for line in ["stop f:f", "remove f", "add f"] {
        let said = bootd.ctl(line);
        assert!(!said.contains("ERROR"), "{line}: {said}");
    }
    bootd.wait("the next process", |bootd| {
        let next = bootd.held.iter().find(|held| held.pid != one);
        next.map(drop)
    });
    let log = bootd.read("main.log");
    assert_eq!(log.matches("Creating socket").count(), 2, "{log}");
    assert!(!log.contains("in use"), "{log}");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
}
