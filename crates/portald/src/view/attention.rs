//! What needs a person's attention, worst first: the sentence at the top of the page.

use std::path::Path;

use serde::Serialize;

use super::failure;
use crate::{
    neighbours::{Daemon, DriverState, Outcome, ProgramState},
    world::World,
};

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Attention {
    pub(crate) severity: Severity,
    /// What it is about.
    pub(crate) subject: String,
    pub(crate) text: String,
    /// Page with the details.
    pub(crate) page: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Error,
    Warning,
    Info,
}

pub(crate) fn attention(world: &World) -> Vec<Attention> {
    let mut found = Vec::new();
    programs(world, &mut found);
    feeds(world, &mut found);
    routes(world, &mut found);
    refused_input(world, &mut found);
    boot_steps(world, &mut found);
    notices(world, &mut found);
    machine(world, &mut found);
    found.sort_by_key(|item| item.severity);
    found
}

fn programs(world: &World, found: &mut Vec<Attention>) {
    let Some(supervisor) = &world.supervisor else {
        return;
    };
    for program in &supervisor.programs {
        let severity = match program.state {
            ProgramState::Fatal => Severity::Error,
            ProgramState::Backoff => Severity::Warning,
            ProgramState::Exited if program.last_exit.is_some_and(|exit| !exit.expected) => {
                Severity::Warning
            }
            ProgramState::Stopped
            | ProgramState::Starting
            | ProgramState::Running
            | ProgramState::Stopping
            | ProgramState::Exited
            | ProgramState::Unknown => continue,
        };
        push(
            found,
            severity,
            &program.name,
            failure(program),
            "/processes",
        );
    }
}

fn feeds(world: &World, found: &mut Vec<Attention>) {
    for (daemon, feed) in &world.feeds {
        if feed.connected || feed.problem.is_empty() {
            continue;
        }
        let text = format!(
            "does not answer ({}): {}",
            feed.problem.trim_end_matches('.'),
            daemon.meaning()
        );
        let severity = match daemon {
            Daemon::Supervisord | Daemon::Proxyd => Severity::Error,
            Daemon::Bootd | Daemon::Tunneld | Daemon::Gpuprobe => Severity::Warning,
        };
        push(found, severity, daemon.name(), text, "/activity");
    }
}

fn routes(world: &World, found: &mut Vec<Attention>) {
    let Some(proxy) = &world.proxy else { return };
    for route in &proxy.routes {
        if !route.listening && !route.listen_error.is_empty() {
            let text = format!(
                "port {} is not served: {}",
                route.listen_port, route.listen_error
            );
            push(found, Severity::Error, &route.app, text, "/");
        }
    }
    if !proxy.auth {
        let text = "no password is asked for: anybody who finds this address can use the instance";
        push(found, Severity::Warning, "proxyd", text.to_owned(), "/");
    }
    // A pair that cannot be used is among the proxy's problems; here it is a choice.
    let is_problem = proxy.problems.iter().any(|p| p.contains(&proxy.tls_reason));
    if !proxy.tls && !proxy.tls_reason.is_empty() && !is_problem {
        let text = format!("HTTPS is not served: {}", proxy.tls_reason);
        push(found, Severity::Info, "proxyd", text, "/connect");
    }
}

fn refused_input(world: &World, found: &mut Vec<Attention>) {
    let mut tell = |subject: &str, text: &str, page| {
        // Several daemons read the same files and find the same mistakes.
        if !found.iter().any(|item| item.text == text) {
            push(found, Severity::Warning, subject, text.to_owned(), page);
        }
    };
    for text in world.apps.problems.iter().chain(&world.apps.missing) {
        tell("portal.yaml", text, "/activity");
    }
    for text in &world.refused_settings {
        tell("portald", text, "/activity");
    }
    for problem in world.supervisor.iter().flat_map(|said| &said.problems) {
        tell(&place(problem), &problem.text, "/processes");
    }
    for text in world.proxy.iter().flat_map(|said| &said.problems) {
        tell("proxyd", text, "/activity");
    }
    for text in world.tunnel.iter().flat_map(|said| &said.problems) {
        tell("tunneld", text, "/activity");
    }
    for text in world.gpu.iter().flat_map(|said| &said.problems) {
        tell("gpuprobe", text, "/activity");
    }
}

/// Where in the configuration a problem stands, short enough for a line.
pub(crate) fn place(problem: &crate::neighbours::ConfigProblem) -> String {
    let file = Path::new(&problem.file).file_name().map_or_else(
        || problem.file.clone(),
        |n| n.to_string_lossy().into_owned(),
    );
    match problem.line {
        0 => file,
        line => format!("{file}:{line}"),
    }
}

fn boot_steps(world: &World, found: &mut Vec<Attention>) {
    for step in world.boot.iter().flat_map(|boot| &boot.steps) {
        let severity = match step.outcome {
            Outcome::Failed => Severity::Error,
            Outcome::Degraded => Severity::Warning,
            Outcome::Unknown
            | Outcome::Pending
            | Outcome::Running
            | Outcome::Done
            | Outcome::Skipped => continue,
        };
        let subject = format!("boot step {}", step.name);
        push(found, severity, &subject, step.message.clone(), "/activity");
    }
}

/// What a person may know and need not act on: these stay for the whole life of an instance.
fn notices(world: &World, found: &mut Vec<Attention>) {
    for notice in world.boot.iter().flat_map(|boot| &boot.notices) {
        let (subject, text) = (&notice.subject, notice.text.clone());
        push(found, Severity::Info, subject, text, "/activity");
    }
    for text in world.tunnel.iter().flat_map(|said| &said.notices) {
        push(found, Severity::Info, "tunneld", text.clone(), "/connect");
    }
}

fn machine(world: &World, found: &mut Vec<Attention>) {
    if let Some(gpu) = &world.gpu
        && matches!(
            gpu.state,
            DriverState::Mismatch | DriverState::Hung | DriverState::Error
        )
    {
        push(found, Severity::Error, "GPU", gpu.state_text.clone(), "/");
    }
    for disk in world.system.iter().flat_map(|system| &system.disks) {
        let subject = format!("disk {}", disk.path);
        if !disk.problem.is_empty() {
            let text = format!("its space cannot be read: {}", disk.problem);
            push(found, Severity::Warning, &subject, text, "/");
        } else if disk.total_bytes > 0 && disk.used_bytes.saturating_mul(10) >= disk.total_bytes * 9
        {
            let text = "more than 90 % of the space is used".to_owned();
            push(found, Severity::Warning, &subject, text, "/");
        }
    }
}

fn push(
    found: &mut Vec<Attention>,
    severity: Severity,
    subject: &str,
    text: String,
    page: &'static str,
) {
    found.push(Attention {
        severity,
        subject: subject.to_owned(),
        text,
        page,
    });
}
