//! `berth selftest`: asks every daemon for its health.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    answer::{Answer, Exit, Failure},
    paint::{Paint, Tone},
    sockets::{Daemon, Health, Sockets, Unreachable},
    span,
    table::{self, Cell},
};

/// One daemon's answer and how long it took.
type Tried = (Daemon, Result<Health, Unreachable>, Duration);

pub(crate) async fn run(sockets: &Sockets, paint: Paint) -> Result<Answer, Failure> {
    let mut all = Vec::new();
    for daemon in Daemon::ALL {
        let started = Instant::now();
        let health = sockets.health(daemon).await;
        all.push((daemon, health, started.elapsed()));
    }
    let well = all
        .iter()
        .all(|(_, health, _)| *health == Ok(Health::Serving));
    let head = ["DAEMON", "HEALTH", "ANSWERED IN", "NOTE"];
    Ok(Answer {
        text: table::render(paint, head, all.iter().map(row).collect()),
        json: json!({
            "ok": well,
            "daemons": all.iter().map(|(daemon, health, took)| json!({
                "name": daemon.name(),
                "serving": *health == Ok(Health::Serving),
                "reachable": health.is_ok(),
                "reason": health.as_ref().err().map(|error| &error.reason),
                "answered_us": micros(*took),
            })).collect::<Vec<_>>(),
        }),
        exit: Exit::when(well),
    })
}

fn row((daemon, health, took): &Tried) -> [Cell; 4] {
    let (word, tone, note) = match health {
        Ok(Health::Serving) => ("serving", Tone::Good, String::new()),
        Ok(Health::Degraded) => (
            "degraded",
            Tone::Caution,
            format!("`{} --check` lists refused settings", daemon.name()),
        ),
        Err(unreachable) => ("missing", Tone::Bad, unreachable.reason.clone()),
    };
    let took = match health {
        Ok(_) => span::short(micros(*took)),
        Err(_) => "-".to_owned(),
    };
    [
        daemon.name().into(),
        Cell::new(tone, word),
        took.into(),
        note.into(),
    ]
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
