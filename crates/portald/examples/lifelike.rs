//! Fake neighbours with lifelike values, to look at the page without an instance:
//!
//! ```text
//! cargo run -p portald --example lifelike -- DIRECTORY
//! cargo run -p portald -- --set listen=127.0.0.1:8000 --set sockets=DIRECTORY …
//! ```

#[path = "../tests/fakes/mod.rs"]
mod fakes;

use std::path::PathBuf;

use api::{boot, gpu, proxy, supervisor, tunnel};
use supervisor::{ProgramState as State, Readiness};

fn main() -> anyhow::Result<()> {
    let dir = std::env::args_os().nth(1).map(PathBuf::from);
    let dir = dir.ok_or_else(|| anyhow::anyhow!("tell me the directory for the sockets"))?;
    daemon::runtime()?.block_on(async {
        let now = daemon::unix_micros(std::time::SystemTime::now());
        let _bootd = fakes::bootd(&dir, booted(now));
        let _supervisord = fakes::supervisor(&dir, programs(now));
        let _proxyd = fakes::proxyd(&dir, routes(now));
        let _tunneld = fakes::tunneld(&dir, addresses(now));
        let _gpuprobe = fakes::gpuprobe(&dir, devices(now));
        tokio::signal::ctrl_c().await
    })?;
    Ok(())
}

fn booted(now: u64) -> boot::BootSnapshot {
    boot::BootSnapshot {
        epoch: now - 9_000_000_000,
        generation: 12,
        phase: boot::Phase::Up.into(),
        steps: steps(),
        supervisor: Some(boot::SupervisorLink {
            state: boot::SupervisorState::Running.into(),
            pid: 214,
            restarts: 1,
            last_exit: "killed by SIGKILL".to_owned(),
            leftovers_stopped: vec!["jupyter".to_owned(), "caddy".to_owned()],
            channel_open: true,
            last_restart_unix_us: now - 400_000_000,
            programs_held: 9,
            programs_taken_over: Vec::new(),
        }),
        orphans_reaped: 3,
        instance_id: "C.20471133".to_owned(),
        is_init: true,
        notices: vec![boot::Notice {
            unix_us: now - 8_999_000_000,
            subject: "PORTAL_CONFIG entry 3".to_owned(),
            text: "external port \"eighty\" is not a number from 1 to 65535".to_owned(),
        }],
    }
}

fn steps() -> Vec<boot::Step> {
    use boot::StepOutcome::{Degraded, Done, Skipped};
    [
        (
            "05-facts",
            Done,
            0,
            3_100,
            "environment, mounts and markers read",
        ),
        ("10-prep-env", Done, 3_200, 9_800, "workspace is /workspace"),
        (
            "15-users",
            Done,
            13_400,
            21_000,
            "user and group berth are there",
        ),
        (
            "25-portal-yaml",
            Done,
            34_600,
            1_900,
            "4 apps from PORTAL_CONFIG",
        ),
        (
            "35-ssh-keys",
            Degraded,
            36_700,
            7_200,
            "SSH_PUBLIC_KEY line 2 is not a key; 1 key written",
        ),
        (
            "45-certificate",
            Done,
            44_100,
            38_500,
            "self-signed ECDSA certificate for 203.0.113.9",
        ),
        ("55-first-boot", Done, 82_700, 64_000, "sourced"),
        (
            "65-provisioning",
            Skipped,
            146_900,
            40,
            "PROVISIONING_SCRIPT is not set",
        ),
        (
            "75-supervisor",
            Done,
            147_100,
            22_300,
            "supervisord is pid 214",
        ),
    ]
    .into_iter()
    .map(|(name, outcome, started, duration, message)| boot::Step {
        name: name.to_owned(),
        kind: if name.starts_with("55") { 2 } else { 1 },
        outcome: outcome.into(),
        started_us: Some(started),
        duration_us: Some(duration),
        message: message.to_owned(),
    })
    .collect()
}

fn programs(now: u64) -> supervisor::SupervisorSnapshot {
    let rows = [
        (
            "caddy",
            State::Running,
            Readiness::Ready,
            "/opt/berth/bin/proxyd",
        ),
        (
            "comfyui",
            State::Fatal,
            Readiness::NotReady,
            "/opt/supervisor-scripts/comfyui.sh",
        ),
        (
            "cron",
            State::Running,
            Readiness::NoProbe,
            "/usr/sbin/cron -f",
        ),
        (
            "gpuprobe",
            State::Running,
            Readiness::NoProbe,
            "/opt/berth/bin/gpuprobe",
        ),
        (
            "instance_portal",
            State::Running,
            Readiness::Ready,
            "/opt/berth/bin/portald",
        ),
        (
            "jupyter",
            State::Running,
            Readiness::Ready,
            "/opt/supervisor-scripts/jupyter.sh",
        ),
        (
            "sshd",
            State::Running,
            Readiness::Ready,
            "/usr/sbin/sshd -D -e",
        ),
        (
            "tensorboard",
            State::Running,
            Readiness::NotReady,
            "/opt/supervisor-scripts/tensorboard.sh",
        ),
        (
            "training",
            State::Stopped,
            Readiness::NotReady,
            "python train.py --config /workspace/run.yaml",
        ),
        (
            "tunnel_manager",
            State::Running,
            Readiness::NoProbe,
            "/opt/berth/bin/tunneld",
        ),
    ];
    supervisor::SupervisorSnapshot {
        epoch: now - 400_000_000,
        generation: 40,
        programs: rows
            .into_iter()
            .zip(1..)
            .map(|((name, state, readiness, command), number)| {
                program(name, state, readiness, command, number, now)
            })
            .collect(),
        problems: vec![supervisor::ConfigProblem {
            file: "/etc/supervisor/conf.d/extra.conf".to_owned(),
            line: 4,
            section: "program:extra".to_owned(),
            text: "autorestart=perhaps is not true, false or unexpected".to_owned(),
        }],
        ..supervisor::SupervisorSnapshot::default()
    }
}

fn program(
    name: &str,
    state: State,
    readiness: Readiness,
    command: &str,
    number: i32,
    now: u64,
) -> supervisor::Program {
    let how = supervisor::exit::How::Signal(9);
    let exit = Some(supervisor::Exit {
        how: Some(how),
        expected: false,
    });
    supervisor::Program {
        name: name.to_owned(),
        group: name.to_owned(),
        state: state.into(),
        readiness: readiness.into(),
        probe: if readiness == Readiness::NoProbe {
            String::new()
        } else {
            "http://127.0.0.1:18080/".to_owned()
        },
        pid: if state == State::Running {
            300 + number
        } else {
            0
        },
        incarnation: 1,
        started_unix_us: now - 395_000_000,
        stopped_unix_us: if state == State::Running {
            0
        } else {
            now - 90_000_000
        },
        last_exit: (name == "jupyter").then_some(exit).flatten(),
        restarts: u32::from(name == "jupyter"),
        description: format!("pid {}, uptime 0:06:35", 300 + number),
        spawn_error: if state == State::Fatal {
            "ComfyUI is not installed: /workspace/ComfyUI/main.py does not exist".to_owned()
        } else {
            String::new()
        },
        log_path: format!("/var/log/portal/{name}.log"),
        command: command.to_owned(),
        autostart: state != State::Stopped,
        defined_in: format!("/etc/supervisor/conf.d/{name}.conf"),
        ..supervisor::Program::default()
    }
}

fn routes(now: u64) -> proxy::ProxySnapshot {
    let apps = [
        ("Instance Portal", 1111),
        ("Jupyter", 8080),
        ("ComfyUI", 8188),
        ("TensorBoard", 6006),
    ];
    proxy::ProxySnapshot {
        epoch: now - 399_000_000,
        generation: 3,
        routes: apps
            .into_iter()
            .map(|(app, port)| proxy::Route {
                app: app.to_owned(),
                listen_port: port,
                upstream_port: port + 10_000,
                auth: true,
                listen: proxy::ListenState::Listening.into(),
                ..proxy::Route::default()
            })
            .collect(),
        tls: true,
        auth: true,
        ..proxy::ProxySnapshot::default()
    }
}

fn addresses(now: u64) -> tunnel::TunnelSnapshot {
    let apps = [
        ("Instance Portal", 40001, 11111),
        ("Jupyter", 40002, 18080),
        ("ComfyUI", 0, 18188),
    ];
    tunnel::TunnelSnapshot {
        epoch: now - 398_000_000,
        generation: 1,
        relay: tunnel::RelayState::NotConfigured.into(),
        relay_advice:
            "No relay is configured, so there are no tunnels. The addresses below work without one."
                .to_owned(),
        apps: apps
            .into_iter()
            .map(|(app, outside, inside)| tunnel::AppAccess {
                app: app.to_owned(),
                direct_url: match outside {
                    0 => String::new(),
                    port => format!("https://203.0.113.9:{port}/"),
                },
                direct_problem: match outside {
                    0 => "port 8188 is not mapped to the outside".to_owned(),
                    _ => String::new(),
                },
                ssh_command: format!(
                    "ssh -p 40022 root@203.0.113.9 -L {inside}:localhost:{inside}"
                ),
                ssh_url: format!("http://localhost:{inside}/"),
            })
            .collect(),
        notices: vec!["CF_TUNNEL_TOKEN is set; Cloudflare tunnels are not used here".to_owned()],
        problems: Vec::new(),
    }
}

fn devices(now: u64) -> gpu::GpuSnapshot {
    let device = |index: u32| gpu::Device {
        index,
        uuid: format!("GPU-{index}"),
        name: "NVIDIA GeForce RTX 4090".to_owned(),
        utilization_percent: Some(index * 87),
        memory_total_bytes: Some(24 << 30),
        memory_used_bytes: Some((index * 22 + 1).into()).map(|gib: u64| gib << 30),
        temperature_celsius: Some(41 + index * 30),
        power_milliwatts: Some(61_000 + index * 330_000),
        power_limit_milliwatts: Some(450_000),
        sm_clock_mhz: Some(2520),
        processes: (index == 1)
            .then(|| gpu::GpuProcess {
                pid: 991,
                memory_used_bytes: Some(22 << 30),
                name: "python".to_owned(),
            })
            .into_iter()
            .collect(),
        ..gpu::Device::default()
    };
    gpu::GpuSnapshot {
        epoch: now - 397_000_000,
        generation: 700,
        state: gpu::DriverState::Ok.into(),
        state_text: "2 devices".to_owned(),
        driver_version: "580.82.07".to_owned(),
        cuda_version: "13.0".to_owned(),
        sampled_unix_us: now,
        devices: vec![device(0), device(1)],
        ..gpu::GpuSnapshot::default()
    }
}
