//! What is wrong, as each daemon's snapshot tells it.

use api::{
    boot::BootSnapshot,
    gpu::{DriverState, GpuSnapshot},
    proxy::{ListenState, ProxySnapshot},
    supervisor::{ConfigProblem, Program, ProgramState, SupervisorSnapshot},
};

use super::program_note;
use crate::words;

pub(super) fn boot_problems(boot: &BootSnapshot) -> Vec<String> {
    use api::boot::StepOutcome::{Degraded, Failed};
    let steps = boot
        .steps
        .iter()
        .filter(|step| matches!(step.outcome(), Degraded | Failed))
        .map(|step| {
            let outcome = words::outcome(step.outcome()).0;
            format!("step {} {outcome}: {}", step.name, step.message)
        });
    let notices = boot
        .notices
        .iter()
        .map(|notice| format!("{}: {}", notice.subject, notice.text));
    steps.chain(notices).collect()
}

pub(super) fn program_problems(snapshot: &SupervisorSnapshot) -> Vec<String> {
    let programs = snapshot
        .programs
        .iter()
        .filter(|program| is_wrong(program))
        .map(|program| {
            let name = words::full_name(program);
            let state = words::program_state(program.state()).0;
            format!(
                "{name} is {state}: {}; see `berth why {name}`",
                program_note(program)
            )
        });
    let refused = snapshot.problems.iter().map(config_problem);
    programs.chain(refused).collect()
}

/// Whether a program is where nobody wanted it.
pub(crate) fn is_wrong(program: &Program) -> bool {
    match program.state() {
        ProgramState::Backoff
        | ProgramState::Fatal
        | ProgramState::Unknown
        | ProgramState::Unspecified => true,
        ProgramState::Exited => program.last_exit.is_some_and(|exit| !exit.expected),
        ProgramState::Stopped
        | ProgramState::Waiting
        | ProgramState::Starting
        | ProgramState::Running
        | ProgramState::Stopping => false,
    }
}

/// One refused piece of configuration, as "file:line: text" with its section.
pub(crate) fn config_problem(problem: &ConfigProblem) -> String {
    let mut place = problem.file.clone();
    if problem.line > 0 {
        place = format!("{place}:{}", problem.line);
    }
    if !problem.section.is_empty() {
        place = format!("{place} [{}]", problem.section);
    }
    format!("{place}: {}", problem.text)
}

pub(super) fn proxy_problems(proxy: &ProxySnapshot) -> Vec<String> {
    let ports = proxy
        .routes
        .iter()
        .filter(|route| route.listen() == ListenState::Failed)
        .map(|route| {
            format!(
                "{} is not served on port {}: {}",
                route.app, route.listen_port, route.listen_error
            )
        });
    ports.chain(proxy.problems.iter().cloned()).collect()
}

pub(super) fn gpu_problems(gpu: &GpuSnapshot) -> Vec<String> {
    let mut problems = gpu.problems.clone();
    if !crate::commands::gpu::is_fine(gpu.state()) && gpu.state() != DriverState::Unspecified {
        problems.push(format!("{}. {}", gpu.state_text, gpu.advice));
    }
    let broken = gpu.devices.iter().filter(|device| !device.error.is_empty());
    problems.extend(broken.map(|device| format!("GPU {}: {}", device.index, device.error)));
    problems
}
