//! `berth why NAME`: what a program waits for or why it died.

use api::{
    proxy::ListenState,
    supervisor::{Program, ProgramState, Readiness},
};
use serde_json::json;

use super::{logs, status, target};
use crate::{
    answer::{Answer, Exit, Failure},
    paint::{Paint, Tone},
    sockets::{Daemon, Sockets, Unreachable},
    span, words,
};

pub(crate) async fn run(sockets: &Sockets, paint: Paint, typed: &str) -> Result<Answer, Failure> {
    if matches!(typed, "supervisord" | "bootd") {
        return supervisor(sockets).await;
    }
    let snapshot = match sockets.supervisor().await {
        Ok(seen) => seen.snapshot,
        Err(unreachable) => return Err(without_supervisor(sockets, unreachable).await),
    };
    let program = target::find(&snapshot, typed)?;
    let name = words::full_name(program);
    let mut reasons = explain(program, span::now());
    let waits =
        program.state() == ProgramState::Running && program.readiness() == Readiness::NotReady;
    let mut well = !waits && !status::is_wrong(program);
    if Daemon::Proxyd.program() == Some(program.name.as_str()) {
        let ports = failed_ports(sockets).await;
        well &= ports.is_empty();
        reasons.extend(ports);
    }
    let log = logs::tail(sockets, &name, LINES).await.unwrap_or_default();
    let log = printable(&log);
    Ok(Answer {
        text: text(&name, &reasons, program, &log, paint),
        json: json!({
            "program": status::program_json(program),
            "reasons": reasons,
            "log": log.lines().collect::<Vec<_>>(),
        }),
        exit: Exit::when(well),
    })
}

fn text(name: &str, reasons: &[String], program: &Program, log: &str, paint: Paint) -> String {
    let (state, tone) = words::program_state(program.state());
    let mut text = format!(
        "{} is {}\n",
        paint.apply(Tone::Strong, name),
        paint.apply(tone, state)
    );
    for reason in reasons {
        text.push_str(&format!("  {reason}\n"));
    }
    if !program.command.is_empty() {
        text.push_str(&format!("  command: {}\n", program.command));
    }
    if !program.defined_in.is_empty() {
        text.push_str(&format!("  defined in: {}\n", program.defined_in));
    }
    if !log.is_empty() {
        text.push_str(&format!("\nLast lines of {}\n", program.log_path));
        for line in log.lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// What the state means for this program, most important first.
fn explain(program: &Program, now: u64) -> Vec<String> {
    let last = program.last_exit.as_ref().map(words::exit);
    let ended = match (&program.spawn_error, &last) {
        (error, _) if !error.is_empty() => format!("it could not be started: {error}"),
        (_, Some(exit)) if !program.end_note.is_empty() => {
            format!("its last run ended with {exit}: {}", program.end_note)
        }
        (_, Some(exit)) => format!("its last run ended with {exit}"),
        (_, None) => "no run has ended yet".to_owned(),
    };
    let ago = |then: u64| format!("{} ago", span::since(now, then));
    let mut reasons = match program.state() {
        ProgramState::Running => running(program, &ago(program.started_unix_us)),
        ProgramState::Waiting => program
            .waiting_for
            .iter()
            .map(|wish| format!("it waits for {wish}"))
            .collect(),
        ProgramState::Starting => vec![
            "it has been started and counts as running once it has lived for its startsecs"
                .to_owned(),
        ],
        ProgramState::Backoff => vec![
            ended,
            format!("it is started again soon: {}", program.description),
        ],
        ProgramState::Fatal => vec![
            ended,
            "it failed too often and is not started again by itself; correct the cause, then `berth start` it".to_owned(),
        ],
        ProgramState::Exited => vec![format!("it ended by itself {}", ago(program.stopped_unix_us)), ended],
        ProgramState::Stopping => vec!["it has been asked to end and has not yet".to_owned()],
        ProgramState::Stopped if !program.held.is_empty() => vec![program.held.clone()],
        ProgramState::Stopped if program.started_unix_us == 0 && !program.autostart => {
            vec!["it was never started: its configuration says autostart=false".to_owned()]
        }
        ProgramState::Stopped if program.started_unix_us == 0 => {
            vec!["it has not been started yet".to_owned()]
        }
        ProgramState::Stopped => vec![format!("it was stopped on request {}", ago(program.stopped_unix_us))],
        ProgramState::Unknown | ProgramState::Unspecified => vec![ended],
    };
    if program.restarts_in_us > 0 {
        let seconds = program.restarts_in_us.div_ceil(1_000_000);
        reasons.push(format!("it is started again in {seconds} s"));
    }
    if program.lost_output_bytes > 0 {
        reasons.push(format!(
            "{} bytes of its output could not be written",
            program.lost_output_bytes
        ));
    }
    if program.restarts > 0 {
        let last = last
            .map(|exit| format!(", last after {exit}"))
            .unwrap_or_default();
        reasons.push(format!(
            "restarted {} by itself{last}",
            words::times(program.restarts)
        ));
    }
    reasons
}

fn running(program: &Program, since: &str) -> Vec<String> {
    let alive = format!("pid {}, started {since}", program.pid);
    match program.readiness() {
        Readiness::NotReady => vec![
            format!(
                "it runs but is not ready: {} does not answer yet",
                program.probe
            ),
            alive,
        ],
        Readiness::Ready => vec![format!("it is ready: {} answers", program.probe), alive],
        Readiness::NoProbe | Readiness::Unspecified => vec![alive],
    }
}

async fn failed_ports(sockets: &Sockets) -> Vec<String> {
    let proxy = match sockets.proxy().await {
        Ok(seen) => seen.snapshot,
        Err(unreachable) => return vec![unreachable.to_string()],
    };
    let failed = proxy
        .routes
        .iter()
        .filter(|route| route.listen() == ListenState::Failed)
        .map(|route| format!("port {}: {}", route.listen_port, route.listen_error));
    failed.chain(proxy.problems.iter().cloned()).collect()
}

/// The supervisor does not answer: bootd, which keeps it alive, knows why.
async fn without_supervisor(sockets: &Sockets, unreachable: Unreachable) -> Failure {
    let mut failure = Failure::from(unreachable);
    if let Ok(answer) = supervisor(sockets).await {
        failure.text = format!("{}\n{}", failure.text, answer.text.trim_end());
    }
    failure
}

async fn supervisor(sockets: &Sockets) -> Result<Answer, Failure> {
    let boot = sockets.boot().await?.snapshot;
    let link = boot.supervisor.unwrap_or_default();
    let state = words::supervisor_state(link.state());
    let mut text = format!("bootd says: supervisord is {state}\n");
    if link.pid > 0 {
        text.push_str(&format!("  pid {}\n", link.pid));
    }
    if link.restarts > 0 {
        text.push_str(&format!(
            "  restarted {}, the last time {} ago because: {}\n",
            words::times(link.restarts),
            span::since(span::now(), link.last_restart_unix_us),
            link.last_exit
        ));
    }
    if !link.leftovers_stopped.is_empty() {
        let names = link.leftovers_stopped.join(", ");
        text.push_str(&format!(
            "  programs of the one before it were ended: {names}\n"
        ));
    }
    Ok(Answer {
        text,
        json: json!({
            "state": state,
            "pid": link.pid,
            "restarts": link.restarts,
            "last_exit": link.last_exit,
            "leftovers_stopped": link.leftovers_stopped,
            "last_restart_unix_us": link.last_restart_unix_us,
        }),
        exit: Exit::when(link.pid > 0),
    })
}

/// A log excerpt that moves no cursor.
fn printable(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data);
    let keep = |c: char| c == '\n' || c == '\t' || !c.is_control();
    text.chars().filter(|c| keep(*c)).collect()
}

const LINES: u32 = 15;
