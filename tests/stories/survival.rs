//! Daemons that are killed.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

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
            let events = instance.get(1111, "/api/v1/events").ok()?;
            let told = |word: &str| events.body.contains(word);
            (events.status == 200 && (told(daemon) || told(program))).then_some(())
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
    let killed = Instant::now();
    instance.sh(&format!("kill -9 {pid}"))?;
    wait_for("everything to be running again", SOON, || {
        let snapshot = instance.snapshot("supervisord").ok()?;
        let programs = snapshot["programs"].as_array()?;
        let running = |name: &str| {
            programs
                .iter()
                .any(|p| p["name"] == name && p["state"] == "PROGRAM_STATE_RUNNING")
        };
        (snapshot["epoch"] != epoch && wanted.iter().all(|name| running(name))).then_some(())
    })?;
    let took = killed.elapsed();
    assert!(took < Duration::from_secs(3), "took {took:?}");

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
        let events = instance.get(1111, "/api/v1/events").ok()?;
        events.body.contains("SIGKILL").then_some(())
    })?;
    Ok(())
}

#[test]
fn a_thousand_orphans_leave_no_zombie() -> Result<()> {
    let instance = Instance::boot("orphans")?;
    instance.sh("for i in $(seq 1000); do (setsid sleep 0.01 &) ; done")?;
    wait_for("bootd to have reaped them", SOON, || {
        let boot = instance.snapshot("bootd").ok()?;
        let reaped: u64 = boot["orphansReaped"].as_str()?.parse().ok()?;
        (reaped >= 1000).then_some(())
    })?;
    let zombies = instance.sh("ps -eo stat= | grep -c '^Z' || true")?;
    assert_eq!(zombies.trim(), "0");
    Ok(())
}
