//! Programs outlive their supervisor: our own one and one that does what the test needs.

use std::time::Duration;

use api::supervisor::{Program, ProgramState, exit::How};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::support::{Description, Instance, Supervisor, instance};

/// An instance with our own supervisord and these programs.
fn real(name: &str, programs: &str) -> Instance {
    let instance = instance(name)
        .supervisor(Supervisor::Real)
        .file("/etc/survival.d/programs.conf", programs)
        .start();
    instance.wait_until_up();
    instance
}

/// A supervisor that holds what this says.
fn heir(name: &str, programs: &Value) -> Description {
    instance(name)
        .supervisor(Supervisor::Heir)
        .file("/etc/heir.json", &programs.to_string())
}

/// What the heirs were told since the last `fds`: the messages and their numbers of descriptors.
fn heard(instance: &Instance) -> Vec<(Value, u64)> {
    let text = instance.run("cat /tmp/heard");
    let lines: Vec<(Value, u64)> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("the heir writes JSON"))
        .collect();
    let last = lines
        .iter()
        .rposition(|(said, _)| said.get("fds").is_some());
    lines[last.unwrap_or(0)..].to_vec()
}

fn wait_heard(instance: &Instance, what: &str) -> Value {
    testkit::wait_for(what, Duration::from_secs(20), || {
        let said = heard(instance).into_iter();
        said.map(|(said, _)| said[what].clone())
            .find(|said| !said.is_null())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}\n{}", heard(instance), instance.console()))
}

fn held(instance: &Instance) -> Vec<(String, i64, u64)> {
    let said = heard(instance).into_iter().filter_map(|(said, fds)| {
        let held = said.get("held")?;
        Some((held["run"].as_str()?.to_owned(), held["pid"].as_i64()?, fds))
    });
    said.collect()
}

fn pid_of(instance: &Instance, code: &str) -> i64 {
    let pid = instance.run(&format!("pgrep -f '{code}$'"));
    pid.trim()
        .parse()
        .unwrap_or_else(|_| panic!("{pid:?} of {code}"))
}

fn start_of(instance: &Instance, pid: i32) -> String {
    instance.run(&format!("sed 's/.*) //' /proc/{pid}/stat | cut -d' ' -f20"))
}

fn exit_code(program: &Program) -> Option<i32> {
    match program.last_exit.as_ref()?.how.as_ref()? {
        How::Code(code) => Some(*code),
        How::Signal(_) => None,
    }
}

#[test]
fn programs_go_on_when_their_supervisor_is_killed() {
    let mut instance = real(
        "survive",
        "[program:one]\ncommand=/bin/sleep 1001\n\
         [program:two]\ncommand=/bin/sh -c 'sleep 1002 & wait'\n\
         [program:titled]\ncommand=/usr/bin/python3 -c \"import ctypes, os, time\n  time.sleep(1003)\"\n\
         [program:terminal]\ncommand=/bin/sleep 1004\npty=true\n",
    );
    let names = ["one", "terminal", "titled", "two"];
    let before = names.map(|name| instance.wait_state(name, ProgramState::Running));
    let starts = before.clone().map(|p| start_of(&instance, p.pid));
    let child = pid_of(&instance, "sleep 1002");
    let link = instance.kill_supervisor();
    assert_eq!(link.programs_taken_over, names);
    assert_eq!(link.programs_held, 4);
    assert!(link.leftovers_stopped.is_empty(), "{link:?}");
    for ((name, before), start) in names.iter().zip(&before).zip(&starts) {
        let after = instance.wait_state(name, ProgramState::Running);
        assert_eq!(
            (after.pid, after.incarnation),
            (before.pid, before.incarnation)
        );
        assert_eq!(&start_of(&instance, after.pid), start);
    }
    assert_eq!(pid_of(&instance, "sleep 1002"), child);
    // Only bootd knows how they end, so it must not stop listening too early.
    let took = instance.end(Signal::SIGTERM);
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_program_that_ends_while_nobody_supervises_it_is_told_with_its_true_exit_code() {
    let instance = instance("ended-meanwhile")
        .supervisor(Supervisor::Real)
        .shell("cp /opt/berth/bin/supervisord /tmp/ && exec /opt/berth/bin/bootd")
        .file(
            "/etc/berth/bootd.toml",
            "supervisor = ['/tmp/supervisord', '-n', '-c', '/etc/supervisor/supervisord.conf']",
        )
        .file(
            "/etc/survival.d/programs.conf",
            "[program:seven]\nautorestart=false\n\
             command=/bin/sh -c 'until test -e /tmp/end; do sleep 0.05; done; exit 7'\n\
             [program:stays]\ncommand=/bin/sleep 1001\n\
             [program:rests]\ncommand=/bin/sleep 1002\n",
        )
        .start();
    instance.wait_until_up();
    let [seven, stays, _] =
        ["seven", "stays", "rests"].map(|name| instance.wait_state(name, ProgramState::Running));
    instance.stop_program("rests");
    let before = instance.wait_until_up().supervisor.unwrap();
    instance.run("mv /tmp/supervisord /tmp/aside");
    instance.run(&format!("kill -KILL {}", before.pid));
    instance.wait_for("the missing file to be told", |snapshot| {
        let link = snapshot.supervisor.as_ref().unwrap();
        link.last_exit.contains("failed to start")
    });
    instance.run("touch /tmp/end");
    let gone = format!("test -e /proc/{} || echo gone", seven.pid);
    testkit::wait_for("the end of the program", Duration::from_secs(20), || {
        (!instance.run(&gone).is_empty()).then_some(())
    })
    .unwrap();
    instance.run("mv /tmp/aside /tmp/supervisord");
    let exited = instance.wait_state("seven", ProgramState::Exited);
    assert_eq!(exit_code(&exited), Some(7), "{exited:?}");
    let after = instance.wait_state("stays", ProgramState::Running);
    assert_eq!(after.pid, stays.pid);
    instance.wait_state("rests", ProgramState::Stopped);
}

#[test]
fn an_end_that_its_supervisor_had_no_time_to_see_is_not_lost() {
    let instance = real(
        "unseen-end",
        "[program:nine]\nautorestart=false\n\
         command=/bin/sh -c 'until test -e /tmp/end; do sleep 0.05; done; exit 9'\n",
    );
    let nine = instance.wait_state("nine", ProgramState::Running);
    let before = instance.wait_until_up().supervisor.unwrap();
    instance.run(&format!("kill -STOP {}; touch /tmp/end", before.pid));
    let state = format!("sed 's/.*) //' /proc/{}/stat | cut -c1", nine.pid);
    testkit::wait_for(
        "the program to be a zombie",
        Duration::from_secs(20),
        || (instance.run(&state).trim() == "Z").then_some(()),
    )
    .unwrap();
    instance.run(&format!("kill -KILL {}", before.pid));
    let exited = instance.wait_state("nine", ProgramState::Exited);
    assert_eq!(exit_code(&exited), Some(9), "{exited:?}");
}

#[test]
fn a_program_that_ends_after_it_was_taken_over_is_started_again() {
    let instance = real("restarted", "[program:web]\ncommand=/bin/sleep 1001\n");
    let first = instance.wait_state("web", ProgramState::Running);
    instance.kill_supervisor();
    instance.wait_state("web", ProgramState::Running);
    instance.run(&format!("kill -KILL {}", first.pid));
    let second = testkit::wait_for("another run", Duration::from_secs(20), || {
        let program = instance.program("web")?;
        (program.state() == ProgramState::Running && program.pid != first.pid).then_some(program)
    });
    let second = second.unwrap();
    assert_eq!(second.incarnation, first.incarnation + 1);
    let link = instance.kill_supervisor();
    assert_eq!(link.programs_taken_over, ["web"]);
    assert_eq!(
        instance.wait_state("web", ProgramState::Running).pid,
        second.pid
    );
}

#[test]
fn an_upgrade_is_no_failure_and_knows_no_brake() {
    let instance = real("upgrade", "[program:web]\ncommand=/bin/sleep 1001\n");
    let before = instance.wait_state("web", ProgramState::Running);
    let epoch = instance.wait_until_up().epoch;
    for restart in 1..=5 {
        instance.reexec();
        let link = instance.wait_restart(restart);
        assert_eq!(link.last_exit, "ended to be started anew");
        let after = instance.wait_state("web", ProgramState::Running);
        assert_eq!(after.pid, before.pid);
    }
    let after = instance.wait_until_up();
    assert_eq!(after.epoch, epoch);
    let notices = &after.notices;
    assert!(
        !notices.iter().any(|n| n.subject == "supervisor"),
        "{notices:?}"
    );
}

#[test]
fn a_program_that_must_not_be_lost_ends_the_instance_with_its_code() {
    let mut instance = instance("fatal")
        .supervisor(Supervisor::Real)
        .file(
            "/etc/survival.d/programs.conf",
            "[program:vital]\ncommand=/bin/false\nstartretries=0\nexit_on_fatal=42\n\
             [program:polite]\ncommand=/bin/sh -c 'trap \"sleep 0.3; echo bye; exit 0\" TERM; while :; do sleep 0.05; done'\nstdout_logfile=/dev/stdout\n",
        )
        .start();
    let status = instance.wait_exit();
    let console = instance.console();
    assert_eq!(status.code(), Some(42), "{console}");
    let told = "vital is FATAL and exit_on_fatal is set; the instance stops with exit code 42";
    assert!(console.contains(told), "{console}");
    // In order, as at any other end.
    assert!(console.contains("bye\n"), "{console}");
}

#[test]
fn what_is_held_is_handed_over_with_its_descriptors_and_no_child_inherits_them() {
    let code = "import signal; signal.pause() #held";
    let instance = heir(
        "handed",
        &json!([
            {"name": "bound", "does": ["hold", "spawn", "bind"], "code": format!("{code}-bound")},
            {"name": "unnamed", "does": ["hold", "spawn"], "code": format!("{code}-unnamed")},
            {"name": "never", "does": ["hold"], "code": ""},
            {"name": "unheld", "does": ["spawn"], "code": format!("{code}-unheld")},
        ]),
    )
    .start();
    wait_heard(&instance, "done");
    let (bound, unnamed) = (
        pid_of(&instance, "held-bound"),
        pid_of(&instance, "held-unnamed"),
    );
    let before = heard(&instance);
    let link = instance.kill_supervisor();
    assert_eq!(wait_heard(&instance, "welcome")["held"], 2);
    let expected = [
        ("1/bound:bound/0".to_owned(), bound, 1),
        ("1/unnamed:unnamed/1".to_owned(), unnamed, 1),
    ];
    assert_eq!(held(&instance), expected);
    assert_eq!(link.programs_taken_over, ["bound", "unnamed"]);
    assert_eq!(link.leftovers_stopped, ["unheld"]);
    // The second supervisor was started with as few descriptors as the first.
    let inherited = |said: &[(Value, u64)]| said[1].0["extra"].clone();
    assert_eq!(inherited(&heard(&instance)), inherited(&before));
    instance.run(&format!("kill -KILL {bound}"));
    let exited = wait_heard(&instance, "exited");
    let expected = json!({
        "run": "1/bound:bound/0", "pid": bound, "exit": {"signal": 9, "dumped": false},
    });
    assert_eq!(exited, expected);
}

#[test]
fn what_stands_below_a_held_program_goes_on_too() {
    let below = "import os, signal, subprocess\n\
                 for options in ({}, {'start_new_session': True}, {'process_group': 0}):\n \
                 subprocess.Popen(['/bin/sleep', '1005'], env={}, **options)\n\
                 signal.pause()";
    let instance = heir(
        "below",
        &json!([{"name": "parent", "does": ["hold", "spawn", "bind"], "code": below}]),
    )
    .start();
    wait_heard(&instance, "done");
    let sleepers = || instance.run("pgrep -f 'sleep 1005$'");
    let before = testkit::wait_for("three children", Duration::from_secs(20), || {
        let pids = sleepers();
        (pids.lines().count() == 3).then_some(pids)
    });
    let link = instance.kill_supervisor();
    assert!(link.leftovers_stopped.is_empty(), "{link:?}");
    assert_eq!(sleepers(), before.unwrap());
}

#[test]
fn a_supervisor_that_does_not_greet_takes_nothing_over() {
    let code = "import signal; signal.pause() #silent";
    let deaf = format!("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {code}");
    let instance = heir(
        "silent",
        &json!([
            {"name": "one", "does": ["hold", "spawn", "bind"], "code": code},
            {"name": "deaf", "does": ["hold", "spawn", "bind"], "code": deaf},
        ]),
    )
    .start();
    wait_heard(&instance, "done");
    let before = instance.wait_until_up().supervisor.unwrap();
    assert_eq!(before.programs_held, 2);
    instance.run(&format!("touch /tmp/silent; kill -KILL {}", before.pid));
    let after = instance.wait_for("the end of what nobody takes over", |snapshot| {
        let link = snapshot.supervisor.as_ref().unwrap();
        link.leftovers_stopped == ["deaf", "one"] && link.programs_held == 0
    });
    let notices = &after.notices;
    assert!(
        notices
            .iter()
            .any(|n| n.text.contains("has not greeted bootd in time")),
        "{notices:?}"
    );
    testkit::wait_for("an empty machine", Duration::from_secs(20), || {
        instance
            .run("pgrep -f '#silent$' || true")
            .is_empty()
            .then_some(())
    })
    .unwrap();
    // The silent one goes on.
    let link = instance.wait_until_up().supervisor.unwrap();
    assert_eq!(link.restarts, 1);
}

#[test]
fn who_holds_too_much_is_told_and_children_keep_their_limit_of_open_files() {
    let programs: Vec<Value> = (0..100)
        .map(|number| json!({"name": format!("p{number}"), "does": ["hold"], "code": ""}))
        .collect();
    let instance = heir("many", &Value::Array(programs))
        .shell("ulimit -Sn 300; ulimit -Hn 600; exec /opt/berth/bin/bootd")
        .file("/etc/vast_boot.d/20-limit.sh", "ulimit -Sn > /tmp/limit\n")
        .start();
    wait_heard(&instance, "done");
    let snapshot = instance.wait_for("as much as there is room for", |snapshot| {
        snapshot.supervisor.as_ref().unwrap().programs_held == 600 - 512
    });
    let notices = &snapshot.notices;
    let told: Vec<_> = notices
        .iter()
        .filter(|n| n.subject == "supervisor channel")
        .collect();
    assert_eq!(told.len(), 1, "{notices:?}");
    assert!(told[0].text.contains("1/p88:p88/88"), "{told:?}");
    assert_eq!(instance.run("cat /tmp/limit").trim(), "300");
    let own = instance.run("grep 'Max open files' /proc/1/limits");
    assert_eq!(own.split_whitespace().nth(3), Some("600"), "{own}");
}
