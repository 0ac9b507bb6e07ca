//! Daemons that are killed, and programs that do not notice.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use e2e::{Instance, Options, SOON};
use serde_json::Value;
use testkit::wait_for;

/// Daemon, its program, its socket.
const KILLED: [(&str, &str); 4] = [
    ("proxyd", "caddy"),
    ("portald", "instance_portal"),
    ("tunneld", "tunnel_manager"),
    ("gpuprobe", "gpuprobe"),
];

/// Now, in microseconds since the Unix epoch, by the instance's own clock.
fn now(instance: &Instance) -> Result<u64> {
    let nanos = instance.sh("date +%s%N")?;
    Ok(nanos.trim().parse::<u64>()? / 1000)
}

/// A number of 64 bits, which gRPC's JSON writes as text.
fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

/// Whether the portal has an event newer than `since` about `subject` with `text` in it.
fn is_told(instance: &Instance, since: u64, subject: &str, text: &str) -> Option<()> {
    let reply = instance.get(1111, "/api/v1/events").ok()?;
    let topic: Value = serde_json::from_str(&reply.body).ok()?;
    let told = topic["events"].as_array()?.iter().any(|event| {
        event["unix_us"].as_u64().is_some_and(|at| at >= since)
            && event["subject"] == subject
            && event["text"]
                .as_str()
                .is_some_and(|said| said.contains(text))
    });
    told.then_some(())
}

/// Pid and start of every running program.
fn lives(instance: &Instance) -> Result<BTreeMap<String, (Value, Value)>> {
    let snapshot = instance.snapshot("supervisord")?;
    let programs = snapshot["programs"].as_array().context("programs")?;
    let running = programs
        .iter()
        .filter(|p| p["state"] == "PROGRAM_STATE_RUNNING");
    Ok(running
        .map(|p| {
            let name = p["name"].as_str().unwrap_or_default().to_owned();
            (name, (p["pid"].clone(), p["startedUnixUs"].clone()))
        })
        .collect())
}

#[test]
fn a_killed_daemon_comes_back_alone_and_the_portal_tells() -> Result<()> {
    let instance = Instance::boot("kill4")?;
    for (_, program) in KILLED {
        instance.wait_state(program, "RUNNING")?;
    }
    instance.wait_state("jupyter", "RUNNING")?;
    instance.wait_state("sshd", "RUNNING")?;
    instance.wait_state("tensorboard", "RUNNING")?;
    for (daemon, program) in KILLED {
        wait_for(&format!("{daemon} to answer"), SOON, || {
            instance.snapshot(daemon).ok()
        })?;
        let before = lives(&instance)?;
        let epoch = instance.snapshot(daemon)?["epoch"].clone();
        let killed = now(&instance)?;
        instance.sh(&format!("kill -9 {}", before[program].0))?;
        wait_for(&format!("{daemon} to be back"), SOON, || {
            instance
                .snapshot(daemon)
                .ok()
                .filter(|snapshot| snapshot["epoch"] != epoch)
        })?;
        instance.wait_state(program, "RUNNING")?;
        let after = lives(&instance)?;
        for (name, life) in before.iter().filter(|(name, _)| *name != program) {
            assert_eq!(
                after.get(name),
                Some(life),
                "{name} when {daemon} was killed"
            );
        }
        assert_ne!(after[program].0, before[program].0);
        wait_for(&format!("the portal to tell about {daemon}"), SOON, || {
            is_told(&instance, killed, program, "SIGKILL")
        })?;
    }
    Ok(())
}

/// Pid and start time, by the kernel, of every program with a process.
fn processes(instance: &Instance) -> Result<BTreeMap<String, (i64, String)>> {
    let snapshot = instance.snapshot("supervisord")?;
    let programs = snapshot["programs"].as_array().context("programs")?;
    let mut found = BTreeMap::new();
    for program in programs {
        let Some(pid) = program["pid"].as_i64().filter(|pid| *pid > 0) else {
            continue;
        };
        let name = format!("{}:{}", program["group"], program["name"]);
        let stat = instance.sh(&format!("cat /proc/{pid}/stat"))?;
        let (_, fields) = stat.rsplit_once(')').context("a line of /proc/PID/stat")?;
        let started = fields.split_whitespace().nth(19).context("a start")?;
        found.insert(name, (pid, started.to_owned()));
    }
    Ok(found)
}

/// Kills the supervisor and waits for the next one.
fn kill_supervisor(instance: &Instance) -> Result<()> {
    let link = instance.snapshot("bootd")?["supervisor"].clone();
    instance.sh(&format!("kill -9 {}", link["pid"]))?;
    wait_restart(instance, link["restarts"].as_u64().unwrap_or(0) + 1).map(drop)
}

/// Waits until the supervisor was started so many times again and answers.
fn wait_restart(instance: &Instance, restarts: u64) -> Result<Value> {
    wait_for(&format!("restart {restarts} of supervisord"), SOON, || {
        let link = instance.snapshot("bootd").ok()?["supervisor"].clone();
        let again = link["restarts"].as_u64() == Some(restarts) && link["channelOpen"] == true;
        (again && instance.snapshot("supervisord").is_ok()).then_some(link)
    })
    .with_context(|| format!("console:\n{}", instance.sandbox.console()))
}

fn names(list: &Value) -> Vec<&str> {
    let names = list.as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

const CROWD: &str = "[program:flood]
command=/bin/sh -c 'while :; do echo a line of a program that has much to say; done'
stdout_logfile=/dev/stdout
[program:busy]
command=/bin/sh -c 'while :; do :; done'
[program:crowd]
command=/bin/sh -c 'sleep 1000 & wait'
process_name=%(program_name)s_%(process_num)02d
numprocs=40
";

#[test]
fn a_killed_supervisor_costs_no_program_anything_and_the_portal_says_so() -> Result<()> {
    let instance = Options::default()
        .file("/etc/supervisor/conf.d/crowd.conf", CROWD)
        .boot("killsup")?;
    instance.wait_ready("jupyter")?;
    let wanted = [
        "busy",
        "caddy",
        "crowd_39",
        "flood",
        "gpuprobe",
        "instance_portal",
        "jupyter",
        "sshd",
        "tensorboard",
        "tunnel_manager",
    ];
    for program in wanted {
        instance.wait_state(program, "RUNNING")?;
    }
    let before = processes(&instance)?;
    let killed = now(&instance)?;
    kill_supervisor(&instance)?;
    for program in wanted {
        instance.wait_state(program, "RUNNING")?;
    }
    assert_eq!(processes(&instance)?, before);
    let status = instance.exec(&["supervisorctl", "status"])?.stdout;
    let running = status.lines().filter(|line| line.contains(" RUNNING "));
    assert_eq!(running.count(), before.len(), "{status}");

    let link = instance.snapshot("bootd")?["supervisor"].clone();
    assert_eq!(link["restarts"], 1);
    assert_eq!(link["lastExit"], "killed by SIGKILL", "{link}");
    assert_eq!(link["leftoversStopped"], Value::Null, "{link}");
    let went_on = names(&link["programsTakenOver"]);
    assert_eq!(went_on.len(), before.len(), "{went_on:?}");
    assert!(went_on.contains(&"caddy") && went_on.contains(&"crowd:crowd_39"));
    // Each app answers, served by the one process the supervisor knows.
    instance.wait_ready("jupyter")?;
    let twice = instance.sh("pgrep -fc '[j]upyter-lab' || true")?;
    assert_eq!(twice.trim(), "1");
    assert_eq!(instance.get(1111, "/")?.status, 200);
    wait_for("the portal to say why", SOON, || {
        is_told(&instance, killed, "supervisord", "SIGKILL")
    })?;
    // The next supervisor stops, starts and restarts what it took over.
    let restarted = instance.exec(&["supervisorctl", "restart", "caddy"])?;
    assert_eq!(restarted.stdout, "caddy: stopped\ncaddy: started\n");
    Ok(())
}

/// One counts line by line, the other in pieces that end in the middle of lines. Neither waits for
/// anybody, and both end.
const COUNTING: &str = "[program:lines]
command=/bin/dash -c 'i=0; while [ $i -lt 600000 ]; do echo $i; i=$((i+1)); done'
autorestart=false
log_tiers=true
[program:pieces]
command=/usr/bin/python3 /opt/pieces.py
autorestart=false
log_tiers=true
";

const PIECES: &str = "import os, time
text = ''.join('%d\\n' % number for number in range(600000)).encode()
for start in range(0, len(text), 5000):
    os.write(1, text[start:start + 5000])
    time.sleep(0.004)
";

#[test]
fn no_line_of_output_is_lost_or_told_twice_over_three_kills() -> Result<()> {
    let instance = Options::default()
        .file("/etc/supervisor/conf.d/counting.conf", COUNTING)
        .file("/opt/pieces.py", PIECES)
        .boot("counting")?;
    let size = |name: &str| -> Option<u64> {
        let line = format!("stat -c %s /var/log/portal/{name}.log");
        instance.sh(&line).ok()?.trim().parse().ok()
    };
    for part in [300_000, 1_200_000, 2_100_000] {
        wait_for(&format!("{part} bytes of output"), SOON, || {
            size("lines").filter(|size| *size > part)
        })?;
        kill_supervisor(&instance)?;
    }
    let expected: String = (0..600_000).map(|number| format!("{number}\n")).collect();
    for name in ["lines", "pieces"] {
        let exited = instance.wait_state(name, "EXITED")?;
        assert_eq!(exited["lastExit"]["code"], 0, "{exited}");
        assert_eq!(exited["incarnation"], "1", "{exited}");
        for log in [
            format!("/var/log/portal/{name}.log"),
            format!("/var/log/{name}.log"),
        ] {
            let text = instance.sh(&format!("cat {log}"))?;
            let same = text
                .lines()
                .zip(expected.lines())
                .take_while(|(a, b)| a == b);
            let (same, lines) = (same.count(), text.lines().count());
            assert!(text == expected, "{log} differs in line {same} of {lines}");
        }
    }
    Ok(())
}

const MEANWHILE: &str = "[program:ends]
command=/bin/sh -c 'echo before; until test -e /tmp/end; do sleep 0.05; done; echo after; exit 7'
autorestart=false
stdout_logfile=/dev/stdout
[program:rests]
command=/bin/sleep 1000
";

/// The supervisor is started from a file that a test may move.
const STAGED: &str = "supervisor = ['/var/staged/supervisord', '-n', '-c', \
                      '/etc/supervisor/supervisord.conf']";

fn staged() -> Options {
    Options::default()
        .file("/etc/berth/bootd.toml", STAGED)
        .file(
            "/etc/vast_boot.d/20-stage.sh",
            "mkdir -p /var/staged && cp /opt/berth/bin/supervisord /var/staged/\n",
        )
}

#[test]
fn what_happens_while_no_supervisor_runs_is_known_to_the_next() -> Result<()> {
    let instance = staged()
        .file("/etc/supervisor/conf.d/meanwhile.conf", MEANWHILE)
        .boot("meanwhile")?;
    instance.wait_state("ends", "RUNNING")?;
    instance.wait_state("rests", "RUNNING")?;
    instance.sh("supervisorctl stop rests")?;
    let pid = instance.program("ends")?["pid"].clone();
    instance.sh("mv /var/staged/supervisord /var/staged/aside")?;
    let link = instance.snapshot("bootd")?["supervisor"].clone();
    instance.sh(&format!("kill -9 {}", link["pid"]))?;
    wait_for("bootd to miss the file", SOON, || {
        let link = instance.snapshot("bootd").ok()?["supervisor"].clone();
        link["lastExit"]
            .as_str()?
            .contains("failed to start")
            .then_some(())
    })?;
    instance.sh("touch /tmp/end")?;
    wait_for("the program to end", SOON, || {
        instance.sh(&format!("test ! -e /proc/{pid}")).ok()
    })?;
    instance.sh("mv /var/staged/aside /var/staged/supervisord")?;
    let exited = instance.wait_state("ends", "EXITED")?;
    assert_eq!(exited["lastExit"]["code"], 7, "{exited}");
    assert_eq!(
        instance.sh("cat /var/log/portal/ends.log")?,
        "before\nafter\n"
    );
    instance.wait_state("rests", "STOPPED")?;
    let status = instance.exec(&["supervisorctl", "status", "rests"])?.stdout;
    assert!(status.contains("STOPPED"), "{status}");
    Ok(())
}

#[test]
fn an_upgrade_of_the_supervisor_touches_no_program() -> Result<()> {
    let instance = staged().boot("upgrade")?;
    for program in ["caddy", "instance_portal", "jupyter", "sshd", "tensorboard"] {
        instance.wait_state(program, "RUNNING")?;
    }
    let before = processes(&instance)?;
    for restart in 1..=3 {
        instance.sh("cp /opt/berth/bin/supervisord /var/staged/new && \
             mv /var/staged/new /var/staged/supervisord")?;
        instance.grpc(
            "supervisord",
            "berth.supervisor.v1.SupervisorService/Reexec",
        )?;
        let link = wait_restart(&instance, restart)?;
        assert_eq!(link["lastExit"], "ended to be started anew", "{link}");
        let runs = instance.sh(&format!("readlink /proc/{}/exe", link["pid"]))?;
        assert_eq!(runs, "/var/staged/supervisord\n");
        assert_eq!(processes(&instance)?, before);
    }
    Ok(())
}

const VITAL: &str = "[program:vital]
command=/bin/sh -c 'until test -e /tmp/end; do sleep 0.05; done; exit 1'
startretries=0
startsecs=1000
exit_on_fatal=42
";

#[test]
fn a_program_that_must_not_be_lost_ends_the_instance_with_its_exit_code() -> Result<()> {
    let mut instance = Options::default()
        .file("/etc/supervisor/conf.d/vital.conf", VITAL)
        .boot("vital")?;
    // Also if the supervisor that started it is no more.
    kill_supervisor(&instance)?;
    instance.sh("touch /tmp/end")?;
    let status = instance.sandbox.wait_exit(SOON)?;
    assert_eq!(status.code(), Some(42));
    let reason = "vital is FATAL and exit_on_fatal is set; the instance stops with exit code 42";
    assert!(instance.sandbox.console_contains(reason));
    Ok(())
}

#[test]
fn a_daemon_that_hangs_is_seen_and_forgiven() -> Result<()> {
    let instance = Instance::boot("hangs")?;
    let program = instance.wait_state("gpuprobe", "RUNNING")?;
    let feed = |connected: bool| {
        let topic = instance.get(1111, "/api/v1/instance").ok()?;
        let topic: Value = serde_json::from_str(&topic.body).ok()?;
        let feeds = topic["feeds"].as_array()?.clone();
        feeds
            .into_iter()
            .find(|feed| feed["daemon"] == "gpuprobe" && feed["connected"] == connected)
    };
    wait_for("the portal to hear gpuprobe", SOON, || feed(true))?;
    instance.sh(&format!("kill -STOP {}", program["pid"]))?;
    let lost = wait_for("the portal to miss it", SOON, || feed(false))?;
    assert!(
        lost["problem"]
            .as_str()
            .is_some_and(|why| why.contains("does not answer")),
        "{lost}"
    );
    instance.sh(&format!("kill -CONT {}", program["pid"]))?;
    let back = wait_for("the portal to hear it again", SOON, || feed(true))?;
    assert_eq!(back["restarts_seen"], 0, "{back}");
    Ok(())
}

#[test]
fn a_thousand_orphans_leave_no_zombie() -> Result<()> {
    let instance = Instance::boot("orphans")?;
    let reaped = || number(&instance.snapshot("bootd").ok()?["orphansReaped"]);
    let before = reaped().unwrap_or(0);
    // Not bash, whose subshells may reap what they have just started.
    let made = instance.exec(&[
        "dash",
        "-c",
        "for i in $(seq 1000); do (sleep 0.01 &); done",
    ])?;
    assert!(made.status.success());
    wait_for("bootd to have reaped them", SOON, || {
        reaped().filter(|reaped| *reaped >= before + 1000)
    })?;
    let zombies = instance.sh("ps -eo stat= | grep -c '^Z' || true")?;
    assert_eq!(zombies.trim(), "0");
    Ok(())
}
