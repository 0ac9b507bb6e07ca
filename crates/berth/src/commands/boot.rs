//! `berth boot`: what happened at boot, step by step.

use api::boot::{BootSnapshot, Step, StepKind, StepOutcome};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Exit, Failure},
    paint::{Paint, Tone},
    sockets::Sockets,
    span,
    table::{self, Cell},
    words,
};

pub(crate) async fn run(sockets: &Sockets, paint: Paint) -> Result<Answer, Failure> {
    let boot = sockets.boot().await?.snapshot;
    Ok(answer(&boot, paint))
}

/// Microseconds from the start of bootd to the end of the last step that has ended.
pub(crate) fn duration(boot: &BootSnapshot) -> u64 {
    let ends = boot.steps.iter().filter_map(|step| {
        let start = step.started_us?;
        Some(start.saturating_add(step.duration_us?))
    });
    ends.max().unwrap_or(0)
}

fn answer(boot: &BootSnapshot, paint: Paint) -> Answer {
    let bad = |step: &Step| matches!(step.outcome(), StepOutcome::Failed | StepOutcome::Degraded);
    let well = boot.notices.is_empty() && !boot.steps.iter().any(bad);
    Answer {
        text: text(boot, paint),
        json: json(boot),
        exit: Exit::when(well),
    }
}

fn text(boot: &BootSnapshot, paint: Paint) -> String {
    let role = if boot.is_init {
        "PID 1"
    } else {
        "a child of the platform's init"
    };
    let headline = format!(
        "{} after {} in {} steps, as {role}",
        words::phase(boot.phase()),
        span::short(duration(boot)),
        boot.steps.len()
    );
    let rows = boot.steps.iter().map(row).collect();
    let mut text = format!("{}\n\n", paint.apply(Tone::Strong, &headline));
    text.push_str(&table::render(
        paint,
        ["STEP", "KIND", "AT", "TOOK", "OUTCOME", "MESSAGE"],
        rows,
    ));
    text.push_str(&supervisor(boot));
    for notice in &boot.notices {
        let subject = paint.apply(Tone::Bad, &notice.subject);
        text.push_str(&format!("\n{subject}: {}", notice.text));
    }
    text.push_str(if boot.notices.is_empty() { "" } else { "\n" });
    text
}

fn row(step: &Step) -> [Cell; 6] {
    let (outcome, tone) = words::outcome(step.outcome());
    let time = |micros: Option<u64>| micros.map_or_else(|| "-".to_owned(), span::short);
    [
        step.name.as_str().into(),
        kind(step.kind()).into(),
        time(step.started_us).into(),
        time(step.duration_us).into(),
        Cell::new(tone, outcome),
        step.message.as_str().into(),
    ]
}

fn supervisor(boot: &BootSnapshot) -> String {
    let Some(link) = &boot.supervisor else {
        return String::new();
    };
    let state = words::supervisor_state(link.state());
    let mut text = format!("\nsupervisord: {state}, pid {}", link.pid);
    if link.restarts > 0 {
        text.push_str(&format!(
            ", restarted {}, last: {}",
            words::times(link.restarts),
            link.last_exit
        ));
    }
    if !link.leftovers_stopped.is_empty() {
        let names = link.leftovers_stopped.join(", ");
        text.push_str(&format!("; ended leftovers: {names}"));
    }
    if !link.channel_open {
        text.push_str("; descriptor channel not open");
    }
    text.push_str(&format!("\norphans reaped: {}\n", boot.orphans_reaped));
    text
}

fn kind(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Unspecified => "-",
        StepKind::Native => "native",
        StepKind::Script => "script",
    }
}

fn json(boot: &BootSnapshot) -> Value {
    let step = |step: &Step| {
        json!({
            "name": step.name,
            "kind": kind(step.kind()),
            "outcome": words::outcome(step.outcome()).0,
            "started_us": step.started_us,
            "duration_us": step.duration_us,
            "message": step.message,
        })
    };
    let notices = boot
        .notices
        .iter()
        .map(|n| json!({ "unix_us": n.unix_us, "subject": n.subject, "text": n.text }));
    json!({
        "epoch": boot.epoch,
        "generation": boot.generation,
        "phase": words::phase(boot.phase()),
        "steps": boot.steps.iter().map(step).collect::<Vec<_>>(),
        "supervisor": boot.supervisor.as_ref().map(|link| json!({
            "state": words::supervisor_state(link.state()),
            "pid": link.pid,
            "restarts": link.restarts,
            "last_exit": link.last_exit,
            "leftovers_stopped": link.leftovers_stopped,
            "channel_open": link.channel_open,
            "last_restart_unix_us": link.last_restart_unix_us,
        })),
        "orphans_reaped": boot.orphans_reaped,
        "instance_id": boot.instance_id,
        "is_init": boot.is_init,
        "notices": notices.collect::<Vec<_>>(),
    })
}
