//! Each daemon on its own.

use anyhow::{Result, ensure};
use e2e::{SOON, service_of};
use testkit::{Sandbox, wait_for};

#[test]
fn each_daemon_started_alone_runs_answers_health_and_names_its_missing_neighbours() -> Result<()> {
    // An init that starts nothing: every daemon below is the only one.
    for (daemon, neighbours) in [
        ("proxyd", vec!["supervisord"]),
        ("tunneld", vec!["portal.yaml"]),
        (
            "portald",
            vec!["bootd", "supervisord", "proxyd", "tunneld", "gpuprobe"],
        ),
        ("gpuprobe", vec![]),
        ("supervisord", vec!["bootd"]),
    ] {
        let sandbox = Sandbox::builder("alone")
            .copy(e2e::grpcurl()?, "/usr/local/bin/grpcurl")
            .command(&["/bin/bash", "-c", "sleep infinity & wait"])
            .start()?;
        let start = match daemon {
            "supervisord" => "supervisord -n -c /etc/supervisor/supervisord.conf",
            other => other,
        };
        let line = format!(
            "mkdir -p /var/log/portal /var/log/supervisor
             setsid {start} >/tmp/out 2>&1 </dev/null &"
        );
        assert!(sandbox.exec(&["/bin/bash", "-c", &line])?.status.success());
        let (package, service) = service_of(daemon);
        for method in [
            "grpc.health.v1.Health/Check".to_owned(),
            format!("berth.{package}.v1.{service}/GetSnapshot"),
        ] {
            let call = format!(
                "grpcurl -plaintext -authority localhost -unix /run/berth/{daemon}.sock {method}"
            );
            let call = format!("{call} || {{ cat /tmp/out /var/log/berth/*.log; false; }}");
            wait_for(&format!("{daemon} to answer {method}"), SOON, || {
                let output = sandbox.exec(&["/bin/bash", "-c", &call])?;
                ensure!(
                    output.status.success(),
                    "{}{}",
                    output.stdout,
                    output.stderr
                );
                Ok(())
            })?;
        }
        for neighbour in neighbours {
            wait_for(&format!("{daemon} to name {neighbour}"), SOON, || {
                let said = sandbox
                    .exec(&["/bin/bash", "-c", "cat /tmp/out /var/log/berth/*.log"])
                    .ok()?;
                said.stdout.contains(neighbour).then_some(())
            })?;
        }
    }
    Ok(())
}
