//! Everything portald knows at one moment: the last word of each neighbour, the apps, the system
//! figures. Plain data; `view` turns it into what the page shows.

use std::collections::{BTreeMap, BTreeSet};

use instance::{App, PortMap};
use serde::Serialize;

use crate::{
    neighbours::{Boot, Daemon, Gpu, Program, Proxy, Said, Supervisor, Tunnel},
    system::System,
    view::PORTAL_PROGRAM,
};

/// The latest of everything.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) feeds: BTreeMap<Daemon, Feed>,
    pub(crate) boot: Option<Boot>,
    pub(crate) supervisor: Option<Supervisor>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tunnel: Option<Tunnel>,
    pub(crate) gpu: Option<Gpu>,
    pub(crate) apps: AppList,
    pub(crate) ports: PortMap,
    pub(crate) system: Option<System>,
    pub(crate) logs: Vec<LogSource>,
    /// Settings of our own that were refused.
    pub(crate) refused_settings: Vec<String>,
    /// Programs that the page must not stop, because it would cut off the page itself.
    pub(crate) protected: BTreeSet<String>,
}

/// The line to one neighbour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) connected: bool,
    /// Why it is not connected; empty if it is or was not tried yet.
    pub(crate) problem: String,
    /// Epoch of the last snapshot; 0 if none.
    pub(crate) epoch: u64,
    pub(crate) restarts_seen: u32,
    /// When the line broke or was first missed; 0 while connected.
    pub(crate) lost_unix_us: u64,
}

/// The apps of `portal.yaml`, with what was wrong in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AppList {
    pub(crate) apps: Vec<App>,
    pub(crate) problems: Vec<String>,
    /// Why there is no list at all.
    pub(crate) missing: Option<String>,
}

/// A log file that can be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LogSource {
    pub(crate) name: String,
    pub(crate) path: String,
}

impl World {
    pub(crate) fn new(
        ports: PortMap,
        refused_settings: Vec<String>,
        protected: BTreeSet<String>,
    ) -> Self {
        Self {
            feeds: Daemon::ALL.map(|daemon| (daemon, Feed::default())).into(),
            boot: None,
            supervisor: None,
            proxy: None,
            tunnel: None,
            gpu: None,
            apps: AppList::default(),
            ports,
            system: None,
            logs: Vec::new(),
            refused_settings,
            protected,
        }
    }

    /// Takes a neighbour's snapshot over.
    pub(crate) fn said(&mut self, daemon: Daemon, said: Said) {
        let feed = self.feeds.entry(daemon).or_default();
        if feed.epoch != 0 && feed.epoch != said.epoch() {
            feed.restarts_seen = feed.restarts_seen.saturating_add(1);
        }
        feed.connected = true;
        feed.problem.clear();
        feed.epoch = said.epoch();
        feed.lost_unix_us = 0;
        match said {
            Said::Boot(said) => self.boot = Some(said),
            Said::Supervisor(said) => self.supervisor = Some(said),
            Said::Proxy(said) => self.proxy = Some(said),
            Said::Tunnel(said) => self.tunnel = Some(said),
            Said::Gpu(said) => self.gpu = Some(said),
        }
    }

    /// Notes that a neighbour does not answer. Its last words stay.
    pub(crate) fn lost(&mut self, daemon: Daemon, problem: String, now_us: u64) {
        let feed = self.feeds.entry(daemon).or_default();
        if feed.connected || feed.lost_unix_us == 0 {
            feed.lost_unix_us = now_us;
        }
        feed.connected = false;
        feed.problem = problem;
    }

    /// What this daemon itself has refused.
    pub(crate) fn refused_input(&self) -> impl Iterator<Item = &String> {
        let apps = self.apps.problems.iter().chain(&self.apps.missing);
        self.refused_settings.iter().chain(apps)
    }

    pub(crate) fn is_connected(&self, daemon: Daemon) -> bool {
        self.feeds.get(&daemon).is_some_and(|feed| feed.connected)
    }

    /// Whether the page must not stop what `name` means to the supervisor: a program, a program
    /// with its group, or a daemon that a program runs.
    pub(crate) fn is_protected(&self, name: &str) -> bool {
        // `group:name` names the same program: the part behind the colon decides.
        let name = name.rsplit(':').next().unwrap_or(name);
        let programs = self.supervisor.iter().flat_map(|said| &said.programs);
        // The supervisor, too, takes a name for a program's before it takes it for a daemon's.
        let is_program = programs.into_iter().any(|program| program.name == name);
        let daemon = DAEMONS.iter().find(|(daemon, _)| *daemon == name);
        let program = match daemon {
            Some((_, program)) if !is_program => program,
            Some(_) | None => name,
        };
        self.protected.contains(program)
    }

    /// The program of an app: as the list says, otherwise one whose name is in the app's name or
    /// the other way round.
    pub(crate) fn program_of(&self, app: &App) -> Option<&Program> {
        let programs = &self.supervisor.as_ref()?.programs;
        match &app.program {
            Some(name) => programs.iter().find(|p| p.name == name.as_str()),
            None => {
                let wanted = plain(&app.name);
                programs.iter().find(|program| {
                    let name = plain(&program.name);
                    !name.is_empty() && (name.contains(&wanted) || wanted.contains(&name))
                })
            }
        }
    }
}

/// A name without anything but letters and digits, in lower case.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Daemons and the programs that run them, where the names differ; the supervisor takes both.
const DAEMONS: [(&str, &str); 3] = [
    ("proxyd", "caddy"),
    ("portald", PORTAL_PROGRAM),
    ("tunneld", "tunnel_manager"),
];
