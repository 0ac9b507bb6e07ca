//! The state that proxyd publishes: collected from its owners, compared, numbered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};

use crate::{
    connection::Front,
    counters::Counts,
    feeds::Programs,
    port::{Listening, Port},
    route::Site,
    tls::Status,
};

/// Where the parts of the state are found.
#[derive(Debug, Default)]
pub(crate) struct Board {
    ports: ArcSwap<Vec<Arc<Port>>>,
    problems: Mutex<BTreeMap<&'static str, Vec<String>>>,
    changed: Notify,
    counted: Notify,
}

/// The state at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) routes: Vec<RouteView>,
    pub(crate) tls: Status,
    pub(crate) auth: bool,
    pub(crate) problems: Vec<String>,
    /// Connections there was no room for.
    pub(crate) refused: u64,
}

/// One port at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteView {
    pub(crate) site: Site,
    pub(crate) listening: Listening,
    pub(crate) counts: Counts,
}

/// A view with its number.
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    pub(crate) generation: u64,
    pub(crate) view: Arc<View>,
}

impl Board {
    /// Something other than a counter changed.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    /// A counter changed.
    pub(crate) fn counted(&self) {
        self.counted.notify_one();
    }

    pub(crate) fn set_ports(&self, ports: Vec<Arc<Port>>) {
        self.ports.store(Arc::new(ports));
        self.changed();
    }

    pub(crate) fn ports(&self) -> Arc<Vec<Arc<Port>>> {
        self.ports.load_full()
    }

    /// Replaces the problems that `source` reported before.
    pub(crate) fn set_problems(&self, source: &'static str, problems: Vec<String>) {
        let mut all = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(source, problems);
        drop(all);
        self.changed();
    }

    fn problems(&self) -> Vec<String> {
        let all = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().flatten().cloned().collect()
    }
}

/// Publishes every change at once, and counters at most once a second. Idle, it never wakes.
pub(crate) async fn publish(front: &Front, views: watch::Sender<Numbered>) {
    let mut tls = front.tls.status();
    let mut programs = front.programs.clone();
    loop {
        let view = view(front);
        views.send_if_modified(|current| {
            let differs = *current.view != view;
            if differs {
                *current = Numbered {
                    generation: current.generation + 1,
                    view: Arc::new(view),
                };
            }
            differs
        });
        let mut counters_may_wait = false;
        tokio::select! {
            () = front.board.changed.notified() => {}
            _ = tls.changed() => {}
            _ = programs.changed() => {}
            () = front.board.counted.notified() => counters_may_wait = true,
        }
        if counters_may_wait {
            tokio::select! {
                () = front.board.changed.notified() => {}
                () = tokio::time::sleep(COUNTERS) => {}
            }
        }
    }
}

/// The present state.
pub(crate) fn view(front: &Front) -> View {
    let route = |port: &Arc<Port>| RouteView {
        site: port.target().site.clone(),
        listening: (*port.listening()).clone(),
        counts: port.counters.counts(),
    };
    let mut problems = front.board.problems();
    let tls = front.tls.status().borrow().clone();
    if front.tls.is_wanted() && !tls.reason.is_empty() {
        problems.push(format!("HTTPS: {}", tls.reason));
    }
    if *front.programs.borrow() == Programs::Missing {
        problems.push(
            "supervisord does not answer; pages of apps that are not ready cannot say why"
                .to_owned(),
        );
    }
    View {
        routes: front.board.ports.load().iter().map(route).collect(),
        tls,
        auth: front.gate.rules().access.auth,
        problems,
        refused: front.room.refused(),
    }
}

/// A busy proxy publishes its counters this often: often enough for a page, and nearly free.
const COUNTERS: Duration = Duration::from_secs(1);
