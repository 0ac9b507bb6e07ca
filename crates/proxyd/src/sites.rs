//! Keeps the listening ports in step with `portal.yaml`, and the rules with the variables of
//! `/etc/environment`: another password holds at once, and no connection ends for it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use instance::{App, DEFAULT_PORTAL_CONFIG, PortMap, Variables, portal_config, portal_yaml};

use crate::{
    connection::Front,
    environment,
    files::Files,
    port::{Port, Target},
    route::{Site, route},
    rules::Rules,
    settings::Settings,
};

/// Owns the ports.
pub(crate) struct Sites {
    front: Arc<Front>,
    settings: Settings,
    /// The variables of the process, below those of the file.
    process: Variables,
    ports: BTreeMap<instance::Port, Arc<Port>>,
    /// Whether the file was good at least once: then a broken one changes nothing.
    had_file: bool,
}

impl Sites {
    pub(crate) fn new(front: Arc<Front>, settings: Settings, process: Variables) -> Self {
        Self {
            front,
            settings,
            process,
            ports: BTreeMap::new(),
            had_file: false,
        }
    }

    /// Follows the files until the daemon stops.
    pub(crate) async fn follow(mut self) {
        let mut files = Files::watch(watched(&self.settings));
        let stop = self.front.tasks.stop().clone();
        loop {
            self.apply();
            tokio::select! {
                () = files.changed() => {}
                () = stop.requested() => break,
            }
        }
        for port in self.ports.values() {
            port.closing.cancel();
        }
    }

    fn apply(&mut self) {
        let (variables, unread) =
            environment::effective(&self.process, &self.settings.environment_file);
        if let Some(mut problems) = self.front.gate.change(variables.clone()) {
            problems.extend(unread);
            for problem in &problems {
                tracing::error!(problem, "input refused");
            }
            tracing::info!("the rules of access have changed");
            self.front.board.set_problems("input", problems);
        }
        let Some((apps, problems)) = self.apps(&variables) else {
            return;
        };
        for problem in &problems {
            tracing::error!(problem, "input refused");
        }
        self.front.board.set_problems("apps", problems);
        let map = PortMap::from_variables(&variables);
        let rules = self.front.gate.rules();
        self.reconcile(&rules, route(&apps, &map, &rules.access));
    }

    /// The apps; nothing if those in use should stay.
    fn apps(&mut self, variables: &Variables) -> Option<(Vec<App>, Vec<String>)> {
        let error = match portal_yaml::read(&self.settings.portal_yaml) {
            Ok(read) => {
                self.had_file = true;
                return Some((read.apps, read.problems));
            }
            Err(error) => error,
        };
        if self.had_file {
            tracing::error!(%error, "list of apps refused, the previous one stays in use");
            let problem = format!("{error}; the previous list of apps stays in use");
            self.front.board.set_problems("apps", vec![problem]);
            return None;
        }
        // The file is bootd's to write; until it is there, its source says the same.
        let given = variables.get("PORTAL_CONFIG").map(|text| text.trim());
        let text = given
            .filter(|text| !text.is_empty())
            .unwrap_or(DEFAULT_PORTAL_CONFIG);
        let (apps, errors) = portal_config::parse(text);
        let mut problems: Vec<_> = errors.iter().map(ToString::to_string).collect();
        problems.push(format!("{error}; PORTAL_CONFIG is used instead"));
        Some((apps, problems))
    }

    fn reconcile(&mut self, rules: &Rules, sites: Vec<Site>) {
        let wanted: Vec<_> = sites.iter().map(|site| site.listen).collect();
        self.ports.retain(|listen, port| {
            let keep = wanted.contains(listen);
            if !keep {
                tracing::info!(port = listen.get(), "no longer served");
                port.closing.cancel();
            }
            keep
        });
        for site in sites {
            let listen = site.listen;
            let localhost = rules.localhost.includes(site.upstream);
            let Some(target) = Target::new(site, localhost) else {
                continue;
            };
            match self.ports.get(&listen) {
                Some(port) => port.retarget(target),
                None => drop(self.ports.insert(listen, self.start(target))),
            }
        }
        let ports = self.ports.values().cloned().collect();
        self.front.board.set_ports(ports);
    }

    fn start(&self, target: Target) -> Arc<Port> {
        let stop = self.front.tasks.stop().token();
        let port = Arc::new(Port::new(target, stop.child_token()));
        let run = port.clone().run(self.front.clone(), self.settings.bind);
        self.front.tasks.spawn("port", tracing::Span::none(), run);
        port
    }
}

/// The files and, behind symbolic links, the files they lead to.
fn watched(settings: &Settings) -> Vec<PathBuf> {
    let named = [&settings.portal_yaml, &settings.environment_file];
    let mut paths: Vec<PathBuf> = named.into_iter().cloned().collect();
    for path in named {
        paths.extend(path.canonicalize().ok().filter(|real| real != path));
    }
    paths
}
