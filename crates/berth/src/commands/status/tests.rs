use api::{
    boot::{Notice, Step, StepOutcome, SupervisorLink},
    gpu::DriverState,
    proxy::{ListenState, Route},
    supervisor::{ConfigProblem, Exit as ProgramExit, ProgramState, Readiness, exit::How},
};

use super::*;

const NOW: u64 = 10_000_000_000;

fn seen<T>(snapshot: T) -> Seen<T> {
    Seen {
        snapshot,
        health: Health::Serving,
    }
}

/// An instance on which all is well.
fn well() -> Overview {
    let epoch = NOW - 61_000_000;
    Overview {
        boot: Ok(seen(BootSnapshot {
            epoch,
            phase: Phase::Up.into(),
            instance_id: "4711".to_owned(),
            steps: vec![Step {
                name: "10-prep-env".to_owned(),
                outcome: StepOutcome::Done.into(),
                started_us: Some(1000),
                duration_us: Some(2000),
                ..Step::default()
            }],
            supervisor: Some(SupervisorLink::default()),
            ..BootSnapshot::default()
        })),
        supervisor: Ok(seen(SupervisorSnapshot {
            epoch,
            programs: vec![Program {
                name: "jupyter".to_owned(),
                group: "jupyter".to_owned(),
                state: ProgramState::Running.into(),
                readiness: Readiness::Ready.into(),
                pid: 321,
                started_unix_us: NOW - 5_000_000,
                ..Program::default()
            }],
            ..SupervisorSnapshot::default()
        })),
        proxy: Ok(seen(ProxySnapshot {
            epoch,
            auth: true,
            ..ProxySnapshot::default()
        })),
        tunnel: Ok(seen(TunnelSnapshot {
            epoch,
            ..TunnelSnapshot::default()
        })),
        portal: Ok(seen(PortalSnapshot {
            epoch,
            ..PortalSnapshot::default()
        })),
        gpu: Ok(seen(GpuSnapshot {
            epoch,
            state: DriverState::NoDriver.into(),
            state_text: "No NVIDIA driver library".to_owned(),
            ..GpuSnapshot::default()
        })),
    }
}

fn answer(overview: &Overview) -> Answer {
    overview.answer(Paint::new(false), NOW)
}

#[test]
fn a_healthy_instance_has_no_problems_and_a_missing_gpu_is_none() {
    let answer = answer(&well());
    assert_eq!(answer.exit, Exit::Ok, "{}", answer.text);
    assert!(
        answer
            .text
            .starts_with("Instance 4711: up for 1m 1s, boot took 3.0 ms\n")
    );
    assert!(
        answer.text.contains("jupyter  RUNNING  yes    321  5s"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("Problems"));
    assert_eq!(answer.json["programs"][0]["name"], "jupyter");
}

#[test]
fn a_missing_daemon_is_named_and_the_rest_is_shown() {
    let mut overview = well();
    overview.portal = Err(Unreachable {
        daemon: Daemon::Portald,
        reason: "not running (no socket)".to_owned(),
    });
    let answer = answer(&overview);
    assert_eq!(answer.exit, Exit::Wrong);
    assert!(
        answer
            .text
            .contains("portald      unreachable  -      not running (no socket)"),
        "{}",
        answer.text
    );
    assert!(answer.text.contains("jupyter"));
    assert_eq!(answer.json["daemons"][4]["reachable"], false);
}

#[test]
fn nobody_reachable_is_told_apart_from_something_wrong() {
    fn gone<T>(daemon: Daemon) -> Result<Seen<T>, Unreachable> {
        Err(Unreachable {
            daemon,
            reason: "gone".to_owned(),
        })
    }
    let overview = Overview {
        boot: gone(Daemon::Bootd),
        supervisor: gone(Daemon::Supervisord),
        proxy: gone(Daemon::Proxyd),
        tunnel: gone(Daemon::Tunneld),
        portal: gone(Daemon::Portald),
        gpu: gone(Daemon::Gpuprobe),
    };
    assert_eq!(answer(&overview).exit, Exit::Unreachable);
}

#[test]
fn refused_input_is_shown_with_its_place() {
    let mut overview = well();
    if let Ok(boot) = &mut overview.boot {
        boot.snapshot.notices.push(Notice {
            subject: "PORTAL_CONFIG entry 3".to_owned(),
            text: "external port \"99999\" is not a number".to_owned(),
            ..Notice::default()
        });
    }
    if let Ok(supervisor) = &mut overview.supervisor {
        supervisor.snapshot.problems.push(ConfigProblem {
            file: "/etc/supervisor/conf.d/broken.conf".to_owned(),
            line: 3,
            section: "program:broken".to_owned(),
            text: "startsecs: not a number".to_owned(),
        });
    }
    if let Ok(proxy) = &mut overview.proxy {
        proxy.snapshot.routes.push(Route {
            app: "TensorBoard".to_owned(),
            listen_port: 6006,
            listen: ListenState::Failed.into(),
            listen_error: "address in use".to_owned(),
            ..Route::default()
        });
    }
    let unknown = "colour: unknown setting in /etc/berth/x.toml";
    if let Ok(gpu) = &mut overview.gpu {
        gpu.health = Health::Degraded;
        gpu.snapshot.problems.push(unknown.to_owned());
    }
    let both = "portal.yaml: app \"B\": the port is missing";
    if let Ok(tunnel) = &mut overview.tunnel {
        tunnel.snapshot.problems.push(both.to_owned());
    }
    if let Ok(portal) = &mut overview.portal {
        portal.snapshot.problems.push(both.to_owned());
        portal.snapshot.problems.push("size: too big".to_owned());
    }
    let answer = answer(&overview);
    assert_eq!(answer.exit, Exit::Wrong);
    assert_eq!(answer.text.matches(both).count(), 1, "{}", answer.text);
    assert!(!answer.text.contains("--check"), "{}", answer.text);
    for line in [
        "gpuprobe     colour: unknown setting",
        "portald      size: too big",
        "bootd        PORTAL_CONFIG entry 3: external port",
        "supervisord  /etc/supervisor/conf.d/broken.conf:3 [program:broken]: startsecs",
        "proxyd       TensorBoard is not served on port 6006: address in use",
    ] {
        assert!(answer.text.contains(line), "{line} in\n{}", answer.text);
    }
}

#[test]
fn an_expected_exit_is_well_and_an_unexpected_one_is_not() {
    for (expected, exit) in [(true, Exit::Ok), (false, Exit::Wrong)] {
        let mut overview = well();
        if let Ok(supervisor) = &mut overview.supervisor {
            let program = &mut supervisor.snapshot.programs[0];
            program.pid = 0;
            program.state = ProgramState::Exited.into();
            program.last_exit = Some(ProgramExit {
                how: Some(How::Code(3)),
                expected,
            });
        }
        let answer = answer(&overview);
        assert_eq!(answer.exit, exit, "{}", answer.text);
        assert!(answer.text.contains("exit code 3"));
    }
}

#[test]
fn a_degraded_daemon_says_how_to_find_out_why() {
    let mut overview = well();
    if let Ok(gpu) = &mut overview.gpu {
        gpu.health = Health::Degraded;
    }
    let answer = answer(&overview);
    assert_eq!(answer.exit, Exit::Wrong);
    assert!(
        answer.text.contains("`gpuprobe --check`"),
        "{}",
        answer.text
    );
}
