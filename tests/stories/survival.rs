//! Daemons that are killed.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use e2e::{Instance, SOON};
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

#[test]
fn a_killed_supervisor_comes_back_with_everything_running_and_the_reason() -> Result<()> {
    let instance = Instance::boot("killsup")?;
    instance.wait_ready("jupyter")?;
    let wanted = [
        "caddy",
        "instance_portal",
        "tunnel_manager",
        "gpuprobe",
        "jupyter",
        "tensorboard",
        "sshd",
    ];
    for program in wanted {
        instance.wait_state(program, "RUNNING")?;
    }
    let boot = instance.snapshot("bootd")?;
    let epoch = instance.snapshot("supervisord")?["epoch"].clone();
    let pid = &boot["supervisor"]["pid"];
    let killed = now(&instance)?;
    instance.sh(&format!("kill -9 {pid}"))?;
    let snapshot = wait_for("everything to be running again", SOON, || {
        let snapshot = instance.snapshot("supervisord").ok()?;
        let programs = snapshot["programs"].as_array()?;
        let running = |name: &str| {
            programs
                .iter()
                .any(|p| p["name"] == name && p["state"] == "PROGRAM_STATE_RUNNING")
        };
        (snapshot["epoch"] != epoch && wanted.iter().all(|name| running(name))).then_some(snapshot)
    })?;
    let programs = snapshot["programs"].as_array().context("programs")?;
    for program in programs {
        let name = program["name"].as_str().unwrap_or_default();
        if wanted.contains(&name) {
            let started = number(&program["startedUnixUs"]).context("a start")?;
            let after = started.saturating_sub(killed);
            assert!(
                after < 3_000_000,
                "{name} started {after} us after the kill"
            );
        }
    }

    let boot = instance.snapshot("bootd")?;
    assert_eq!(boot["supervisor"]["restarts"], 1);
    assert!(
        boot["supervisor"]["lastExit"]
            .as_str()
            .unwrap()
            .contains("SIGKILL"),
        "{boot}"
    );
    assert!(
        !boot["supervisor"]["leftoversStopped"]
            .as_array()
            .unwrap()
            .is_empty(),
        "{boot}"
    );
    // No port conflict: each app answers, served by the one process the supervisor knows.
    instance.wait_ready("jupyter")?;
    let twice = instance.sh("pgrep -fc '[j]upyter-lab' || true")?;
    assert_eq!(twice.trim(), "1");
    wait_for("the portal to say why", SOON, || {
        is_told(&instance, killed, "supervisord", "SIGKILL")
    })?;
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
    // They end when their parents are gone for sure: a shell that is still there reaps its own.
    instance.sh(
        "for i in $(seq 1000); do (setsid sleep 4242 >/dev/null 2>&1 &) ; done
         until [ \"$(pgrep -fxc 'sleep 4242')\" = 1000 ]; do :; done
         pkill -fx 'sleep 4242'",
    )?;
    wait_for("bootd to have reaped them", SOON, || {
        let boot = instance.snapshot("bootd").ok()?;
        let reaped: u64 = boot["orphansReaped"].as_str()?.parse().ok()?;
        (reaped >= 1000).then_some(())
    })?;
    let zombies = instance.sh("ps -eo stat= | grep -c '^Z' || true")?;
    assert_eq!(zombies.trim(), "0");
    Ok(())
}
