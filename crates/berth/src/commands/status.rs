//! `berth status`: daemons, programs and everything that is wrong.

use api::{
    boot::{BootSnapshot, Phase},
    gpu::GpuSnapshot,
    portal::PortalSnapshot,
    proxy::ProxySnapshot,
    supervisor::{Program, SupervisorSnapshot},
    tunnel::TunnelSnapshot,
};

pub(crate) use self::json::program as program_json;
use self::problems::{boot_problems, gpu_problems, program_problems, proxy_problems};
pub(crate) use self::problems::{config_problem, is_wrong};
use crate::{
    answer::{Answer, Exit, Failure},
    paint::{Paint, Tone},
    sockets::{Daemon, Health, Seen, Sockets, Unreachable},
    span,
    table::{self, Cell},
    words,
};

mod json;
mod problems;
#[cfg(test)]
mod tests;

/// What every daemon says, or why it does not.
#[derive(Debug)]
pub(crate) struct Overview {
    boot: Result<Seen<BootSnapshot>, Unreachable>,
    supervisor: Result<Seen<SupervisorSnapshot>, Unreachable>,
    proxy: Result<Seen<ProxySnapshot>, Unreachable>,
    tunnel: Result<Seen<TunnelSnapshot>, Unreachable>,
    portal: Result<Seen<PortalSnapshot>, Unreachable>,
    gpu: Result<Seen<GpuSnapshot>, Unreachable>,
}

/// One daemon's line.
#[derive(Debug)]
struct Line {
    daemon: Daemon,
    /// Start of the daemon in microseconds since the Unix epoch, or why it is not known.
    epoch: Result<u64, String>,
    health: Health,
    note: String,
}

/// Something a person should see.
#[derive(Debug, PartialEq, Eq)]
struct Remark {
    source: &'static str,
    text: String,
}

pub(crate) async fn run(sockets: &Sockets, paint: Paint) -> Result<Answer, Failure> {
    let (boot, supervisor, proxy, tunnel, portal, gpu) = tokio::join!(
        sockets.boot(),
        sockets.supervisor(),
        sockets.proxy(),
        sockets.tunnel(),
        sockets.portal(),
        sockets.gpu()
    );
    let overview = Overview {
        boot,
        supervisor,
        proxy,
        tunnel,
        portal,
        gpu,
    };
    Ok(overview.answer(paint, span::now()))
}

impl Overview {
    fn answer(&self, paint: Paint, now: u64) -> Answer {
        let lines = self.lines();
        let problems = self.problems();
        let exit = if lines.iter().all(|line| line.epoch.is_err()) {
            Exit::Unreachable
        } else {
            Exit::when(problems.is_empty())
        };
        Answer {
            text: self.text(paint, now, &lines, &problems),
            json: self.json(&lines, &problems, exit),
            exit,
        }
    }

    fn text(&self, paint: Paint, now: u64, lines: &[Line], problems: &[Remark]) -> String {
        let mut text = String::new();
        if let Ok(boot) = &self.boot {
            text.push_str(&paint.apply(Tone::Strong, &headline(&boot.snapshot, now)));
            text.push_str("\n\n");
        }
        let rows = lines.iter().map(|line| daemon_row(line, now)).collect();
        text.push_str(&table::render(
            paint,
            ["DAEMON", "STATE", "UP", "NOTE"],
            rows,
        ));
        if let Ok(supervisor) = &self.supervisor {
            text.push('\n');
            text.push_str(&programs(paint, &supervisor.snapshot, now));
        }
        text.push_str(&remarks(paint, "Problems", Tone::Bad, problems));
        text.push_str(&remarks(paint, "Notices", Tone::Strong, &self.notices()));
        text
    }

    fn lines(&self) -> Vec<Line> {
        vec![
            line(Daemon::Bootd, &self.boot, |s| (s.epoch, String::new())),
            line(Daemon::Supervisord, &self.supervisor, |s| {
                (s.epoch, restarts(&self.boot))
            }),
            line(Daemon::Proxyd, &self.proxy, |s| (s.epoch, proxy_note(s))),
            line(Daemon::Tunneld, &self.tunnel, |s| {
                (s.epoch, format!("relay {}", words::relay(s.relay()).0))
            }),
            line(Daemon::Portald, &self.portal, |s| (s.epoch, portal_note(s))),
            line(Daemon::Gpuprobe, &self.gpu, |s| {
                (s.epoch, s.state_text.clone())
            }),
        ]
    }

    /// Everything that is wrong; empty means that all is well.
    fn problems(&self) -> Vec<Remark> {
        let mut all = Vec::new();
        for line in self.lines() {
            let source = line.daemon.name();
            let texts = self.said_by(line.daemon);
            if let Err(text) = line.epoch {
                all.push(Remark { source, text });
            } else if line.health == Health::Degraded && texts.is_empty() {
                let text = format!("it runs with something refused; see `{source} --check`");
                all.push(Remark { source, text });
            }
            for text in texts {
                // Several daemons read the same files and find the same mistakes.
                if all.iter().all(|remark: &Remark| remark.text != text) {
                    all.push(Remark { source, text });
                }
            }
        }
        all
    }

    /// What is wrong as one daemon tells it.
    fn said_by(&self, daemon: Daemon) -> Vec<String> {
        let texts = match daemon {
            Daemon::Bootd => self.boot.as_ref().map(|s| boot_problems(&s.snapshot)),
            Daemon::Supervisord => {
                let said = self.supervisor.as_ref();
                said.map(|s| program_problems(&s.snapshot))
            }
            Daemon::Proxyd => self.proxy.as_ref().map(|s| proxy_problems(&s.snapshot)),
            Daemon::Tunneld => self.tunnel.as_ref().map(|s| s.snapshot.problems.clone()),
            Daemon::Portald => self.portal.as_ref().map(|s| s.snapshot.problems.clone()),
            Daemon::Gpuprobe => self.gpu.as_ref().map(|s| gpu_problems(&s.snapshot)),
        };
        texts.unwrap_or_default()
    }

    /// What is worth knowing and not wrong.
    fn notices(&self) -> Vec<Remark> {
        let Ok(tunnel) = &self.tunnel else {
            return Vec::new();
        };
        let notices = tunnel.snapshot.notices.iter();
        notices
            .map(|text| Remark {
                source: "tunneld",
                text: text.clone(),
            })
            .collect()
    }
}

fn line<T>(
    daemon: Daemon,
    seen: &Result<Seen<T>, Unreachable>,
    facts: impl FnOnce(&T) -> (u64, String),
) -> Line {
    match seen {
        Ok(seen) => {
            let (epoch, note) = facts(&seen.snapshot);
            Line {
                daemon,
                epoch: Ok(epoch),
                health: seen.health,
                note,
            }
        }
        Err(unreachable) => Line {
            daemon,
            epoch: Err(unreachable.reason.clone()),
            health: Health::Serving,
            note: unreachable.reason.clone(),
        },
    }
}

fn daemon_row(line: &Line, now: u64) -> [Cell; 4] {
    let (state, tone) = match (&line.epoch, line.health) {
        (Err(_), _) => ("unreachable", Tone::Bad),
        (Ok(_), Health::Degraded) => ("degraded", Tone::Caution),
        (Ok(_), Health::Serving) => ("ok", Tone::Good),
    };
    let up = line
        .epoch
        .as_ref()
        .map_or_else(|_| "-".to_owned(), |epoch| span::since(now, *epoch));
    [
        line.daemon.name().into(),
        Cell::new(tone, state),
        up.into(),
        line.note.as_str().into(),
    ]
}

fn headline(boot: &BootSnapshot, now: u64) -> String {
    let name = if boot.instance_id.is_empty() {
        "Instance".to_owned()
    } else {
        format!("Instance {}", boot.instance_id)
    };
    let took = super::boot::duration(boot);
    match boot.phase() {
        Phase::Up => format!(
            "{name}: up for {}, boot took {}",
            span::since(now, boot.epoch),
            span::short(took)
        ),
        phase @ (Phase::Unspecified | Phase::Booting | Phase::Stopping) => {
            format!("{name}: {}", words::phase(phase))
        }
    }
}

fn programs(paint: Paint, snapshot: &SupervisorSnapshot, now: u64) -> String {
    let rows = snapshot
        .programs
        .iter()
        .map(|p| program_row(p, now))
        .collect();
    let head = ["PROGRAM", "STATE", "READY", "PID", "UP", "RESTARTS", "NOTE"];
    table::render(paint, head, rows)
}

fn program_row(program: &Program, now: u64) -> [Cell; 7] {
    let (state, tone) = words::program_state(program.state());
    let (ready, ready_tone) = words::readiness(program.readiness());
    let alive = program.pid > 0;
    let dash = || "-".to_owned();
    [
        words::full_name(program).into(),
        Cell::new(tone, state),
        Cell::new(ready_tone, ready),
        if alive {
            program.pid.to_string()
        } else {
            dash()
        }
        .into(),
        if alive {
            span::since(now, program.started_unix_us)
        } else {
            dash()
        }
        .into(),
        if program.restarts > 0 {
            program.restarts.to_string()
        } else {
            dash()
        }
        .into(),
        program_note(program).into(),
    ]
}

/// Why a program is not running, in a few words.
fn program_note(program: &Program) -> String {
    if program.pid > 0 {
        return String::new();
    }
    if !program.spawn_error.is_empty() {
        return program.spawn_error.clone();
    }
    match &program.last_exit {
        Some(exit) => words::exit(exit),
        None => "not started".to_owned(),
    }
}

fn restarts(boot: &Result<Seen<BootSnapshot>, Unreachable>) -> String {
    let link = boot
        .as_ref()
        .ok()
        .and_then(|s| s.snapshot.supervisor.as_ref());
    match link {
        Some(link) if link.restarts > 0 => {
            format!(
                "restarted {}, last: {}",
                words::times(link.restarts),
                link.last_exit
            )
        }
        Some(_) | None => String::new(),
    }
}

fn proxy_note(proxy: &ProxySnapshot) -> String {
    let scheme = if proxy.tls { "https" } else { "http" };
    let auth = if proxy.auth { "" } else { ", no login asked" };
    format!("{} routes over {scheme}{auth}", proxy.routes.len())
}

fn portal_note(portal: &PortalSnapshot) -> String {
    let missing: Vec<&str> = portal
        .feeds
        .iter()
        .filter(|feed| !feed.connected)
        .map(|feed| feed.daemon.as_str())
        .collect();
    if missing.is_empty() {
        format!("{}, {} viewers", portal.listen, portal.viewers)
    } else {
        format!("{}, misses {}", portal.listen, missing.join(", "))
    }
}

fn remarks(paint: Paint, title: &str, tone: Tone, remarks: &[Remark]) -> String {
    if remarks.is_empty() {
        return String::new();
    }
    let rows = remarks
        .iter()
        .map(|remark| ["".into(), remark.source.into(), remark.text.as_str().into()])
        .collect();
    let lines = table::render(paint, ["", "", ""], rows);
    // The empty heading line becomes the title.
    format!("\n{}{lines}", paint.apply(tone, title))
}
