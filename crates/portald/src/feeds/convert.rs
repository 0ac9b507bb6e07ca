//! From the generated types to this crate's own. Values of a later protocol version become
//! "unknown"; nothing here fails.

use api::{boot, gpu, proxy, supervisor, tunnel};

use crate::neighbours as own;

pub(super) fn boot(said: boot::BootSnapshot) -> own::Said {
    let phase = match said.phase() {
        boot::Phase::Unspecified => own::Phase::Unknown,
        boot::Phase::Booting => own::Phase::Booting,
        boot::Phase::Up => own::Phase::Up,
        boot::Phase::Stopping => own::Phase::Stopping,
    };
    own::Said::Boot(own::Boot {
        epoch: said.epoch,
        phase,
        steps: said.steps.into_iter().map(step).collect(),
        supervisor: said.supervisor.map(link).unwrap_or_default(),
        orphans_reaped: said.orphans_reaped,
        instance_id: said.instance_id,
        is_init: said.is_init,
        notices: said
            .notices
            .into_iter()
            .map(|notice| own::Notice {
                unix_us: notice.unix_us,
                subject: notice.subject,
                text: notice.text,
            })
            .collect(),
    })
}

fn step(step: boot::Step) -> own::Step {
    let outcome = match step.outcome() {
        boot::StepOutcome::Unspecified => own::Outcome::Unknown,
        boot::StepOutcome::Pending => own::Outcome::Pending,
        boot::StepOutcome::Running => own::Outcome::Running,
        boot::StepOutcome::Done => own::Outcome::Done,
        boot::StepOutcome::Skipped => own::Outcome::Skipped,
        boot::StepOutcome::Degraded => own::Outcome::Degraded,
        boot::StepOutcome::Failed => own::Outcome::Failed,
    };
    own::Step {
        script: step.kind() == boot::StepKind::Script,
        outcome,
        name: step.name,
        started_us: step.started_us,
        duration_us: step.duration_us,
        message: step.message,
    }
}

fn link(link: boot::SupervisorLink) -> own::SupervisorLink {
    let state = match link.state() {
        boot::SupervisorState::Unspecified => own::LinkState::Unknown,
        boot::SupervisorState::NotStarted => own::LinkState::NotStarted,
        boot::SupervisorState::Running => own::LinkState::Running,
        boot::SupervisorState::Restarting => own::LinkState::Restarting,
        boot::SupervisorState::Stopped => own::LinkState::Stopped,
    };
    own::SupervisorLink {
        state,
        pid: link.pid,
        restarts: link.restarts,
        last_exit: link.last_exit,
        leftovers_stopped: link.leftovers_stopped,
        last_restart_unix_us: link.last_restart_unix_us,
    }
}

pub(super) fn supervisor(said: supervisor::SupervisorSnapshot) -> own::Said {
    own::Said::Supervisor(own::Supervisor {
        epoch: said.epoch,
        programs: said.programs.into_iter().map(program).collect(),
        problems: said
            .problems
            .into_iter()
            .map(|problem| own::ConfigProblem {
                file: problem.file,
                line: problem.line,
                section: problem.section,
                text: problem.text,
            })
            .collect(),
        shutting_down: said.shutting_down,
    })
}

fn program(program: supervisor::Program) -> own::Program {
    use supervisor::{ProgramState as State, Readiness};
    let state = match program.state() {
        State::Stopped => own::ProgramState::Stopped,
        // What it waits for is in its description.
        State::Starting | State::Waiting => own::ProgramState::Starting,
        State::Running => own::ProgramState::Running,
        State::Backoff => own::ProgramState::Backoff,
        State::Stopping => own::ProgramState::Stopping,
        State::Exited => own::ProgramState::Exited,
        State::Fatal => own::ProgramState::Fatal,
        State::Unspecified | State::Unknown => own::ProgramState::Unknown,
    };
    let readiness = match program.readiness() {
        Readiness::Unspecified | Readiness::NoProbe => own::Readiness::NoProbe,
        Readiness::NotReady => own::Readiness::NotReady,
        Readiness::Ready => own::Readiness::Ready,
    };
    own::Program {
        name: program.name,
        group: program.group,
        state,
        readiness,
        probe: program.probe,
        pid: program.pid,
        incarnation: program.incarnation,
        started_unix_us: program.started_unix_us,
        stopped_unix_us: program.stopped_unix_us,
        last_exit: program.last_exit.map(exit),
        restarts: program.restarts,
        description: program.description,
        spawn_error: program.spawn_error,
        log_path: program.log_path,
        command: program.command,
        autostart: program.autostart,
        defined_in: program.defined_in,
    }
}

fn exit(exit: supervisor::Exit) -> own::Exit {
    use supervisor::exit::How;
    let (code, signal) = match exit.how {
        Some(How::Code(code)) => (Some(code), None),
        Some(How::Signal(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    own::Exit {
        code,
        signal,
        expected: exit.expected,
    }
}

pub(super) fn proxy(said: proxy::ProxySnapshot) -> own::Said {
    own::Said::Proxy(own::Proxy {
        epoch: said.epoch,
        routes: said
            .routes
            .into_iter()
            .map(|route| own::Route {
                listening: route.listen() == proxy::ListenState::Listening,
                app: route.app,
                listen_port: route.listen_port,
                listen_error: route.listen_error,
            })
            .collect(),
        tls: said.tls,
        tls_reason: said.tls_reason,
        auth: said.auth,
        problems: said.problems,
    })
}

pub(super) fn tunnel(said: tunnel::TunnelSnapshot) -> own::Said {
    let relay = match said.relay() {
        tunnel::RelayState::Unspecified => own::RelayState::Unknown,
        tunnel::RelayState::NotConfigured => own::RelayState::NotConfigured,
        tunnel::RelayState::Connecting => own::RelayState::Connecting,
        tunnel::RelayState::Connected => own::RelayState::Connected,
    };
    own::Said::Tunnel(own::Tunnel {
        epoch: said.epoch,
        relay,
        relay_advice: said.relay_advice,
        apps: said
            .apps
            .into_iter()
            .map(|access| own::AppAccess {
                app: access.app,
                direct_url: access.direct_url,
                direct_problem: access.direct_problem,
                ssh_command: access.ssh_command,
                ssh_url: access.ssh_url,
            })
            .collect(),
        notices: said.notices,
        problems: said.problems,
    })
}

pub(super) fn gpu(said: gpu::GpuSnapshot) -> own::Said {
    let state = match said.state() {
        gpu::DriverState::Unspecified => own::DriverState::Unknown,
        gpu::DriverState::Ok => own::DriverState::Ok,
        gpu::DriverState::NoDriver => own::DriverState::NoDriver,
        gpu::DriverState::Mismatch => own::DriverState::Mismatch,
        gpu::DriverState::NoDevice => own::DriverState::NoDevice,
        gpu::DriverState::Hung => own::DriverState::Hung,
        gpu::DriverState::Error => own::DriverState::Error,
    };
    own::Said::Gpu(own::Gpu {
        epoch: said.epoch,
        state,
        state_text: said.state_text,
        advice: said.advice,
        driver_version: said.driver_version,
        cuda_version: said.cuda_version,
        sampled_unix_us: said.sampled_unix_us,
        devices: said.devices.into_iter().map(device).collect(),
        problems: said.problems,
    })
}

fn device(device: gpu::Device) -> own::Device {
    own::Device {
        index: device.index,
        uuid: device.uuid,
        name: device.name,
        error: device.error,
        utilization_percent: device.utilization_percent,
        memory_total_bytes: device.memory_total_bytes,
        memory_used_bytes: device.memory_used_bytes,
        temperature_celsius: device.temperature_celsius,
        power_milliwatts: device.power_milliwatts,
        power_limit_milliwatts: device.power_limit_milliwatts,
        sm_clock_mhz: device.sm_clock_mhz,
        fan_percent: device.fan_percent,
        processes: device
            .processes
            .into_iter()
            .map(|process| own::GpuProcess {
                pid: process.pid,
                memory_used_bytes: process.memory_used_bytes,
                name: process.name,
            })
            .collect(),
    }
}
