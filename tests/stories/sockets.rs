//! Looking inside with grpcurl.

use anyhow::Result;
use e2e::{DAEMONS, Instance, SOON, service_of};
use testkit::wait_for;

#[test]
fn grpcurl_lists_every_service_and_health_answers() -> Result<()> {
    let instance = Instance::boot("sockets")?;
    for daemon in DAEMONS {
        wait_for(&format!("the socket of {daemon}"), SOON, || {
            instance.snapshot(daemon).ok()
        })?;
        let socket = format!("/run/berth/{daemon}.sock");
        let list = instance.sh(&format!(
            "grpcurl -plaintext -authority localhost -unix {socket} list"
        ))?;
        let (package, service) = service_of(daemon);
        for wanted in [
            format!("berth.{package}.v1.{service}").as_str(),
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
        ] {
            assert!(
                list.lines().any(|line| line == wanted),
                "{wanted} in {daemon}: {list}"
            );
        }
        let health = instance.grpc(daemon, "grpc.health.v1.Health/Check")?;
        assert_eq!(health["status"], "SERVING", "{daemon}");
        let snapshot = instance.snapshot(daemon)?;
        assert!(
            snapshot["epoch"].is_string() && snapshot["generation"].is_string(),
            "{snapshot}"
        );
        let mode = instance.sh(&format!("stat -c '%a %U:%G' {socket}"))?;
        assert_eq!(mode.trim(), "660 root:berth");
    }
    Ok(())
}

#[test]
fn the_next_snapshot_after_a_stop_tells_it() -> Result<()> {
    let instance = Instance::boot("follows")?;
    instance.wait_state("jupyter", "RUNNING")?;
    let before = instance.snapshot("supervisord")?;
    let stopped = instance.stock_ctl(&["stop", "jupyter"])?;
    assert_eq!(stopped.stdout.trim(), "jupyter: stopped");
    let program = instance.program("jupyter")?;
    assert_eq!(program["state"], "PROGRAM_STATE_STOPPED", "{program}");
    let after = instance.snapshot("supervisord")?;
    assert_eq!(after["epoch"], before["epoch"]);
    assert_ne!(after["generation"], before["generation"]);
    Ok(())
}

#[test]
fn only_root_and_the_group_may_look_inside() -> Result<()> {
    let instance = Instance::boot("gate")?;
    let call = [
        "grpcurl",
        "-plaintext",
        "-authority",
        "localhost",
        "-unix",
        "-connect-timeout",
        "3",
        "/run/berth/supervisord.sock",
        "list",
    ];
    let member = instance.sandbox.exec_as("user", &call)?;
    assert!(
        member.status.success(),
        "{}{}",
        member.stdout,
        member.stderr
    );
    let outsider = instance.sandbox.exec_as("nobody", &call)?;
    assert!(!outsider.status.success(), "{}", outsider.stdout);
    Ok(())
}
