//! `berth top`: what each program uses.

use std::{io::IsTerminal as _, time::Duration};

use api::supervisor::{GetResourcesRequest, GetResourcesResponse, Program, ProgramResources};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    answer::{Answer, Exit, Failure},
    cli,
    paint::{Paint, Tone},
    sockets::Sockets,
    span,
    table::{self, Cell},
    words,
};

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Once,
    /// Again and again, until interrupted.
    Live,
}

/// A program and what it uses.
struct Line<'a> {
    program: &'a Program,
    used: ProgramResources,
    /// Hundredths of one processor.
    cpu: f64,
}

pub(crate) async fn run(sockets: &Sockets, paint: Paint, show: Show) -> Result<Answer, Failure> {
    let mut before = resources(sockets).await?;
    if show == Show::Live && std::io::stdout().is_terminal() {
        loop {
            sleep(PERIOD).await;
            let now = resources(sockets).await?;
            let programs = sockets.supervisor().await?.snapshot.programs;
            let text = text(&lines(&programs, &before, &now), paint);
            // Home, then the table, then whatever stood below it is cleared.
            let screen = format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"));
            if cli::write(screen.as_bytes()).is_err() {
                break;
            }
            before = now;
        }
    }
    sleep(PERIOD).await;
    let now = resources(sockets).await?;
    let programs = sockets.supervisor().await?.snapshot.programs;
    let lines = lines(&programs, &before, &now);
    Ok(Answer {
        text: text(&lines, paint),
        json: json(&lines),
        exit: Exit::Ok,
    })
}

async fn resources(sockets: &Sockets) -> Result<GetResourcesResponse, Failure> {
    let mut client = sockets.supervisor_client().await?;
    let answer = client.get_resources(GetResourcesRequest {}).await;
    answer
        .map(tonic::Response::into_inner)
        .map_err(|status| Failure {
            text: ipc::describe(&status),
            exit: Exit::Wrong,
        })
}

/// The running programs, the one that uses most of a processor first, then by memory.
fn lines<'a>(
    programs: &'a [Program],
    before: &GetResourcesResponse,
    now: &GetResourcesResponse,
) -> Vec<Line<'a>> {
    let elapsed = now.read_unix_us.saturating_sub(before.read_unix_us).max(1);
    let find = |answer: &GetResourcesResponse, program: &Program| {
        let mut all = answer.programs.iter();
        all.find(|used| used.name == program.name && used.group == program.group)
            .cloned()
    };
    let mut lines: Vec<_> = programs
        .iter()
        .filter_map(|program| {
            let used = find(now, program)?;
            // A program that was started in between began at nothing.
            let earlier = find(before, program).map_or(0, |used| used.cpu_us);
            let spent = used.cpu_us.saturating_sub(earlier);
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            let cpu = spent as f64 * 100.0 / elapsed as f64;
            Some(Line { program, used, cpu })
        })
        .collect();
    lines.sort_by(|a, b| {
        let cpu = b.cpu.total_cmp(&a.cpu);
        cpu.then(b.used.resident_bytes.cmp(&a.used.resident_bytes))
    });
    lines
}

fn text(lines: &[Line<'_>], paint: Paint) -> String {
    let now = span::now();
    let head = [
        "PROGRAM", "CPU", "MEMORY", "PROCS", "THREADS", "UP", "RESTARTS", "READY",
    ];
    let rows = lines.iter().map(|line| {
        let (ready, tone) = words::readiness(line.program.readiness());
        let busy = if line.cpu >= BUSY {
            Tone::Caution
        } else {
            Tone::Plain
        };
        [
            name(line.program).into(),
            Cell::new(busy, format!("{:.1} %", line.cpu)),
            span::size(line.used.resident_bytes).into(),
            line.used.processes.to_string().into(),
            line.used.threads.to_string().into(),
            span::since(now, line.program.started_unix_us).into(),
            line.program.restarts.to_string().into(),
            Cell::new(tone, ready),
        ]
    });
    let rows: Vec<[Cell; 8]> = rows.collect();
    match rows.is_empty() {
        true => "No program runs.\n".to_owned(),
        false => table::render(paint, head, rows),
    }
}

fn json(lines: &[Line<'_>]) -> Value {
    let programs = lines.iter().map(|line| {
        json!({
            "name": line.program.name,
            "group": line.program.group,
            "pid": line.program.pid,
            "cpu_percent": (line.cpu * 10.0).round() / 10.0,
            "cpu_us": line.used.cpu_us,
            "resident_bytes": line.used.resident_bytes,
            "processes": line.used.processes,
            "threads": line.used.threads,
            "restarts": line.program.restarts,
            "readiness": words::readiness(line.program.readiness()).0,
        })
    });
    json!({ "programs": programs.collect::<Vec<_>>() })
}

/// The short form where group and name agree.
pub(super) fn name(program: &Program) -> String {
    match program.group == program.name {
        true => program.name.clone(),
        false => format!("{}:{}", program.group, program.name),
    }
}

const PERIOD: Duration = Duration::from_secs(1);
/// Per cent of a processor that are worth a look.
const BUSY: f64 = 90.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hungriest_program_comes_first_and_a_rate_is_of_the_time_between() {
        let program = |name: &str| Program {
            name: name.to_owned(),
            group: name.to_owned(),
            ..Program::default()
        };
        let answer = |at, used: &[(&str, u64)]| GetResourcesResponse {
            read_unix_us: at,
            programs: used
                .iter()
                .map(|(name, cpu_us)| ProgramResources {
                    name: (*name).to_owned(),
                    group: (*name).to_owned(),
                    cpu_us: *cpu_us,
                    ..ProgramResources::default()
                })
                .collect(),
        };
        let programs = [program("idle"), program("busy"), program("gone")];
        let before = answer(0, &[("idle", 50), ("busy", 1_000_000)]);
        let now = answer(2_000_000, &[("idle", 50), ("busy", 3_000_000)]);
        let lines = lines(&programs, &before, &now);
        let seen: Vec<_> = lines
            .iter()
            .map(|l| (l.program.name.as_str(), l.cpu))
            .collect();
        assert_eq!(seen, [("busy", 100.0), ("idle", 0.0)]);
        let text = text(&lines, Paint::new(false));
        assert!(text.contains("busy     100.0 %"), "{text}");
    }
}
