//! What the page shows, as a pure function of [`World`].
//!
//! One value per topic of the stream. A neighbour that does not answer leaves its last values in
//! place, marked stale with the time since when; nothing is ever replaced by zeros.

mod attention;

use instance::App;
use serde::Serialize;

use crate::{
    events::Event,
    neighbours::{
        AppAccess, Boot, ConfigProblem, Daemon, Gpu, Phase, Program, ProgramState, Readiness,
    },
    world::{LogSource, World},
};

pub(crate) use attention::{Attention, Severity, attention, place};

/// Marks values whose source does not answer.
#[derive(Debug, Serialize)]
pub(crate) struct Stale {
    daemon: Daemon,
    problem: String,
    since_unix_us: u64,
    /// Whether there is anything to show at all.
    known: bool,
}

/// Topic `instance`: the head of the page.
#[derive(Debug, Serialize)]
pub(crate) struct Instance<'a> {
    id: &'a str,
    version: &'static str,
    portal_epoch: u64,
    phase: Phase,
    feeds: Vec<FeedLine<'a>>,
    attention: Vec<Attention>,
}

#[derive(Debug, Serialize)]
struct FeedLine<'a> {
    daemon: Daemon,
    connected: bool,
    problem: &'a str,
    meaning: &'static str,
    since_unix_us: u64,
    restarts_seen: u32,
}

/// Topic `apps`.
#[derive(Debug, Serialize)]
pub(crate) struct Apps<'a> {
    stale: Option<Stale>,
    apps: Vec<AppCard<'a>>,
    problems: &'a [String],
    missing: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct AppCard<'a> {
    name: &'a str,
    program: Option<&'a str>,
    external_port: u16,
    internal_port: u16,
    /// Port of this app on the host that serves the page; none if it is not reachable there.
    outside_port: Option<u16>,
    open_path: &'a str,
    /// "http" or "https"; absent while nobody has said.
    scheme: Option<&'static str>,
    state: AppState,
    /// Why it is in this state, if that needs words.
    reason: String,
    /// This page itself.
    is_portal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AppState {
    Ready,
    Starting,
    Stopped,
    Failed,
    Unknown,
}

/// Topic `services`.
#[derive(Debug, Serialize)]
pub(crate) struct Services<'a> {
    stale: Option<Stale>,
    programs: Vec<ProgramRow<'a>>,
    problems: &'a [ConfigProblem],
    shutting_down: bool,
}

#[derive(Debug, Serialize)]
struct ProgramRow<'a> {
    #[serde(flatten)]
    program: &'a Program,
    protected: bool,
    /// Name of the log source, if it has one.
    log: Option<&'a str>,
}

/// Topics `boot` and `gpu`: the daemon's words with their age.
#[derive(Debug, Serialize)]
pub(crate) struct Aged<'a, T> {
    stale: Option<Stale>,
    said: Option<&'a T>,
}

/// Topic `tunnels`.
#[derive(Debug, Serialize)]
pub(crate) struct Tunnels<'a> {
    stale: Option<Stale>,
    relay: Option<crate::neighbours::RelayState>,
    advice: &'a str,
    apps: &'a [AppAccess],
    notices: &'a [String],
}

/// Topic `events`, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct Events<'a> {
    events: Vec<&'a Event>,
}

/// Topic `logs`.
#[derive(Debug, Serialize)]
pub(crate) struct Logs<'a> {
    sources: &'a [LogSource],
}

pub(crate) fn instance(world: &World, portal_epoch: u64) -> Instance<'_> {
    let boot = world.boot.as_ref();
    Instance {
        id: boot.map_or("", |boot| &boot.instance_id),
        version: env!("CARGO_PKG_VERSION"),
        portal_epoch,
        phase: boot.map_or(Phase::Unknown, |boot| boot.phase),
        feeds: world
            .feeds
            .iter()
            .map(|(daemon, feed)| FeedLine {
                daemon: *daemon,
                connected: feed.connected,
                problem: &feed.problem,
                meaning: daemon.meaning(),
                since_unix_us: feed.lost_unix_us,
                restarts_seen: feed.restarts_seen,
            })
            .collect(),
        attention: attention(world),
    }
}

pub(crate) fn apps(world: &World) -> Apps<'_> {
    Apps {
        stale: stale(world, Daemon::Supervisord),
        apps: world.apps.apps.iter().map(|app| card(world, app)).collect(),
        problems: &world.apps.problems,
        missing: world.apps.missing.as_deref(),
    }
}

fn card<'a>(world: &'a World, app: &'a App) -> AppCard<'a> {
    let program = world.program_of(app);
    let (state, reason) = app_state(world, app, program);
    let name = program.map_or_else(
        || app.program.as_ref().map(instance::ProgramName::as_str),
        |program| Some(program.name.as_str()),
    );
    AppCard {
        name: &app.name,
        program: name,
        external_port: app.external_port.get(),
        internal_port: app.internal_port.get(),
        outside_port: world
            .ports
            .outside(app.external_port)
            .map(instance::Port::get),
        open_path: &app.open_path,
        scheme: scheme(world, app),
        state,
        reason,
        is_portal: name == Some(PORTAL_PROGRAM),
    }
}

/// How an app is spoken to from outside: as the proxy is where it serves the port, otherwise as
/// tunneld has found.
fn scheme(world: &World, app: &App) -> Option<&'static str> {
    let proxy = world.proxy.as_ref()?;
    let port = u32::from(app.external_port.get());
    let https = if proxy.routes.iter().any(|route| route.listen_port == port) {
        proxy.tls
    } else {
        let known = &world.tunnel.as_ref()?.apps;
        let access = known.iter().find(|access| access.app == app.name)?;
        access.direct_url.starts_with("https:")
    };
    Some(if https { "https" } else { "http" })
}

/// The state of an app: that of its program, unless the proxy cannot serve it.
fn app_state(world: &World, app: &App, program: Option<&Program>) -> (AppState, String) {
    let route = world
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.routes.iter().find(|route| route.app == app.name));
    if let Some(route) = route
        && !route.listening
        && !route.listen_error.is_empty()
    {
        let port = route.listen_port;
        let reason = format!("port {port} is not served: {}", route.listen_error);
        return (AppState::Failed, reason);
    }
    let Some(program) = program else {
        let reason = match (&app.program, world.supervisor.is_some()) {
            (_, false) => "waiting for supervisord".to_owned(),
            (Some(name), true) => format!("no program is named {name}"),
            (None, true) => String::new(),
        };
        return (AppState::Unknown, reason);
    };
    match program.state {
        ProgramState::Running => match program.readiness {
            Readiness::Ready | Readiness::NoProbe => (AppState::Ready, String::new()),
            Readiness::NotReady => (
                AppState::Starting,
                format!("{} runs and does not answer yet", program.name),
            ),
        },
        ProgramState::Starting => (AppState::Starting, program.description.clone()),
        ProgramState::Backoff => (AppState::Starting, failure(program)),
        ProgramState::Stopping => (AppState::Stopped, "stopping".to_owned()),
        ProgramState::Stopped => (AppState::Stopped, String::new()),
        ProgramState::Exited if program.last_exit.is_some_and(|exit| exit.expected) => {
            (AppState::Stopped, "ended by itself".to_owned())
        }
        ProgramState::Exited | ProgramState::Fatal => (AppState::Failed, failure(program)),
        ProgramState::Unknown => (AppState::Unknown, String::new()),
    }
}

/// Why a program does not run, as well as anybody knows.
pub(crate) fn failure(program: &Program) -> String {
    if !program.spawn_error.is_empty() {
        return program.spawn_error.clone();
    }
    match program.last_exit {
        Some(exit) => exit.in_words(),
        None => program.description.clone(),
    }
}

pub(crate) fn services(world: &World) -> Services<'_> {
    let supervisor = world.supervisor.as_ref();
    let programs = supervisor.map_or(&[][..], |said| &said.programs);
    Services {
        stale: stale(world, Daemon::Supervisord),
        programs: programs
            .iter()
            .map(|program| ProgramRow {
                program,
                protected: world.protected.contains(&program.name),
                log: world
                    .logs
                    .iter()
                    .find(|log| log.name == program.name)
                    .map(|log| log.name.as_str()),
            })
            .collect(),
        problems: supervisor.map_or(&[], |said| &said.problems),
        shutting_down: supervisor.is_some_and(|said| said.shutting_down),
    }
}

pub(crate) fn boot(world: &World) -> Aged<'_, Boot> {
    Aged {
        stale: stale(world, Daemon::Bootd),
        said: world.boot.as_ref(),
    }
}

pub(crate) fn gpu(world: &World) -> Aged<'_, Gpu> {
    Aged {
        stale: stale(world, Daemon::Gpuprobe),
        said: world.gpu.as_ref(),
    }
}

pub(crate) fn tunnels(world: &World) -> Tunnels<'_> {
    let said = world.tunnel.as_ref();
    Tunnels {
        stale: stale(world, Daemon::Tunneld),
        relay: said.map(|said| said.relay),
        advice: said.map_or("", |said| &said.relay_advice),
        apps: said.map_or(&[], |said| &said.apps),
        notices: said.map_or(&[], |said| &said.notices),
    }
}

pub(crate) fn events<'a>(events: impl Iterator<Item = &'a Event>) -> Events<'a> {
    Events {
        events: events.collect(),
    }
}

pub(crate) fn logs(world: &World) -> Logs<'_> {
    Logs {
        sources: &world.logs,
    }
}

/// `None` while the daemon answers, or has not been tried yet.
fn stale(world: &World, daemon: Daemon) -> Option<Stale> {
    let feed = world.feeds.get(&daemon)?;
    if feed.connected || feed.problem.is_empty() {
        return None;
    }
    Some(Stale {
        daemon,
        problem: feed.problem.clone(),
        since_unix_us: feed.lost_unix_us,
        known: feed.epoch != 0,
    })
}

/// Name of our own program in the supervisor's configuration.
pub(crate) const PORTAL_PROGRAM: &str = "instance_portal";

#[cfg(test)]
mod tests;
