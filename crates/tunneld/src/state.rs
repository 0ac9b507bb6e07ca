//! What changes while tunneld runs, and who may look at it.

use std::{net::Ipv4Addr, sync::Arc};

use instance::{App, Port};
use tokio::sync::watch;

use crate::{
    facts::Facts,
    ways::{self, Ways},
};

/// Everything a snapshot is made from.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Grows with every change.
    pub(crate) generation: u64,
    facts: Arc<Facts>,
    /// Settings that were refused.
    settings: Arc<[String]>,
    changing: Changing,
}

/// The part that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changing {
    /// Apps of `portal.yaml`.
    pub(crate) apps: Vec<App>,
    /// What is wrong with `portal.yaml`.
    pub(crate) apps_problems: Vec<String>,
    /// The public address a visitor's browser has shown.
    pub(crate) public_ip: Option<Ipv4Addr>,
    /// Why the HTTP API is not served.
    pub(crate) http_problem: Option<String>,
}

/// The one holder of the state; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    state: Arc<watch::Sender<State>>,
}

impl Desk {
    pub(crate) fn new(facts: Facts, settings: Vec<String>) -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State {
                generation: 1,
                facts: Arc::new(facts),
                settings: settings.into(),
                changing: Changing::default(),
            })),
        }
    }

    /// The state at this moment.
    pub(crate) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// The state at once and after every change.
    pub(crate) fn follow(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Changes the state; readers hear of it only if it is another one afterwards.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Changing)) -> bool {
        self.state.send_if_modified(|state| {
            let before = state.changing.clone();
            change(&mut state.changing);
            let changed = before != state.changing;
            state.generation += u64::from(changed);
            changed
        })
    }
}

impl State {
    /// Apps of `portal.yaml`.
    pub(crate) fn app_count(&self) -> usize {
        self.changing.apps.len()
    }

    /// What is wrong with `portal.yaml`.
    pub(crate) fn app_problems(&self) -> &[String] {
        &self.changing.apps_problems
    }

    /// The ways to every app.
    pub(crate) fn ways(&self) -> Vec<Ways> {
        ways::to_all(&self.changing.apps, &self.facts, self.changing.public_ip)
    }

    /// The direct address of a port, without a path.
    pub(crate) fn direct(&self, port: Port) -> Result<String, String> {
        ways::direct(
            &self.changing.apps,
            port,
            &self.facts,
            self.changing.public_ip,
        )
    }

    /// Things a person may know and need not act on.
    pub(crate) fn notices(&self) -> &[String] {
        self.facts.notices()
    }

    /// What was refused, and what does not work because of it.
    pub(crate) fn problems(&self) -> Vec<String> {
        let settings = self.settings.iter();
        let changing = &self.changing;
        settings
            .chain(self.facts.problems())
            .chain(&changing.apps_problems)
            .chain(&changing.http_problem)
            .cloned()
            .collect()
    }

    /// What the absence of a relay means and what to do.
    pub(crate) fn relay_advice(&self) -> &'static str {
        if self.settings.iter().any(|line| line.starts_with("relay:")) {
            "A relay is set, but relay connections are not part of this version; the setting is ignored. Use the direct links or the ssh lines."
        } else {
            "No relay is configured, so there are no tunnels. Use the direct links; where a port is not mapped, use the ssh line and open the local address."
        }
    }
}
