//! The one owner of what portald knows: takes facts, derives events, publishes topics.
//!
//! Readers clone the published value and never wait for this task.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use daemon::{Epoch, Stop, unix_micros};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::{
    events::History,
    feeds::Command,
    memory::Memory,
    neighbours::{Daemon, Said},
    system::System,
    view::{self, Severity},
    world::{AppList, Feed, LogSource, World},
};

/// Something that is so, in the past tense.
#[derive(Debug)]
pub(crate) enum Fact {
    Said {
        daemon: Daemon,
        said: Said,
    },
    Lost {
        daemon: Daemon,
        problem: String,
    },
    Apps(AppList),
    System(System),
    Logs(Vec<LogSource>),
    /// Somebody pressed a button, and this is what came of it.
    Asked {
        command: Command,
        program: String,
        refused: Option<String>,
    },
    ViewerCame,
    ViewerLeft,
}

/// What a browser can subscribe to, besides single logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Instance,
    Apps,
    Services,
    System,
    Gpu,
    Boot,
    Tunnels,
    Events,
    Logs,
}

impl Topic {
    pub(crate) const ALL: [Self; 9] = [
        Self::Instance,
        Self::Apps,
        Self::Services,
        Self::System,
        Self::Gpu,
        Self::Boot,
        Self::Tunnels,
        Self::Events,
        Self::Logs,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Apps => "apps",
            Self::Services => "services",
            Self::System => "system",
            Self::Gpu => "gpu",
            Self::Boot => "boot",
            Self::Tunnels => "tunnels",
            Self::Events => "events",
            Self::Logs => "logs",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

/// One value of one topic.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Grows with every change of the topic, from 1; 0 before the first value.
    pub(crate) seq: u64,
    /// The value as JSON.
    pub(crate) json: Arc<str>,
}

/// What portald tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) generation: u64,
    pub(crate) viewers: u32,
    pub(crate) feeds: BTreeMap<Daemon, Feed>,
    pub(crate) problems: Vec<String>,
}

/// Everything that readers see. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// The state behind the topics, for the compatible HTTP API.
    pub(crate) world: Arc<World>,
    frames: BTreeMap<Topic, Frame>,
}

impl Published {
    pub(crate) fn frame(&self, topic: Topic) -> Frame {
        self.frames.get(&topic).cloned().unwrap_or_else(|| Frame {
            seq: 0,
            json: Arc::from("null"),
        })
    }
}

/// The task's state.
#[derive(Debug)]
pub(crate) struct Hub {
    world: Arc<World>,
    history: History,
    memory: Memory,
    epoch: Epoch,
    published: watch::Sender<Published>,
    standing: watch::Sender<Standing>,
}

impl Hub {
    /// A hub that knows nothing yet but its own past.
    pub(crate) fn new(
        world: World,
        memory: Memory,
        epoch: Epoch,
    ) -> (Self, watch::Receiver<Published>, watch::Receiver<Standing>) {
        let mut history = memory.load();
        let now = unix_micros(SystemTime::now());
        let refused = world.refused_settings.iter().map(|p| (None, p.clone()));
        history.complaints("portald", now, refused);
        let world = Arc::new(world);
        let (published, receiver) = watch::channel(Published {
            world: Arc::clone(&world),
            frames: BTreeMap::new(),
        });
        let (standing, standing_receiver) = watch::channel(Standing::default());
        let mut hub = Self {
            world,
            history,
            memory,
            epoch,
            published,
            standing,
        };
        hub.publish(0);
        (hub, receiver, standing_receiver)
    }

    /// Takes facts until told to stop.
    pub(crate) async fn run(mut self, mut facts: mpsc::Receiver<Fact>, stop: Stop) {
        loop {
            let fact = tokio::select! {
                fact = facts.recv() => fact,
                () = stop.requested() => None,
            };
            let Some(fact) = fact else { break };
            let mut viewers = self.take(fact);
            // Facts come in bursts (every neighbour at the start): publish once per burst.
            while let Ok(fact) = facts.try_recv() {
                viewers += self.take(fact);
            }
            self.publish(viewers);
            self.memory.save(&self.history);
        }
        // What was asked for in the last moment is often the reason of this end.
        while let Ok(fact) = facts.try_recv() {
            self.take(fact);
        }
        self.memory.flush(&self.history).await;
    }

    /// Applies one fact; returns the change in the number of viewers.
    fn take(&mut self, fact: Fact) -> i32 {
        let now = unix_micros(SystemTime::now());
        let world = Arc::make_mut(&mut self.world);
        match fact {
            Fact::Said { daemon, said } => {
                self.history.said(daemon, &said, now);
                world.said(daemon, said);
            }
            Fact::Lost { daemon, problem } => {
                if world.is_connected(daemon) {
                    tracing::warn!(daemon = daemon.name(), problem, "neighbour lost");
                } else if world
                    .feeds
                    .get(&daemon)
                    .is_some_and(|f| f.problem.is_empty())
                {
                    tracing::warn!(daemon = daemon.name(), problem, "neighbour missing");
                }
                self.history.lost(daemon, &problem, now);
                world.lost(daemon, problem, now);
            }
            Fact::Apps(apps) => {
                let complaints = apps.problems.iter().map(|p| (None, p.clone()));
                self.history.complaints("portal.yaml", now, complaints);
                world.apps = apps;
            }
            Fact::System(system) => world.system = Some(system),
            Fact::Logs(logs) => world.logs = logs,
            Fact::Asked {
                command,
                program,
                refused,
            } => {
                let (severity, text) = match refused {
                    None => (
                        Severity::Info,
                        format!("{} asked for on this page", command.name()),
                    ),
                    Some(why) => (
                        Severity::Warning,
                        format!("{} refused: {why}", command.name()),
                    ),
                };
                self.history.note(now, severity, &program, &text);
            }
            Fact::ViewerCame => return 1,
            Fact::ViewerLeft => return -1,
        }
        0
    }

    /// Renders every topic and publishes those that changed.
    fn publish(&mut self, viewers: i32) {
        let world = &self.world;
        let mut rendered = Vec::with_capacity(Topic::ALL.len());
        for topic in Topic::ALL {
            let json = match topic {
                Topic::Instance => json(&view::instance(world, self.epoch.micros())),
                Topic::Apps => json(&view::apps(world)),
                Topic::Services => json(&view::services(world)),
                Topic::System => json(&world.system),
                Topic::Gpu => json(&view::gpu(world)),
                Topic::Boot => json(&view::boot(world)),
                Topic::Tunnels => json(&view::tunnels(world)),
                Topic::Events => json(&view::events(self.history.newest())),
                Topic::Logs => json(&view::logs(world)),
            };
            rendered.push((topic, json));
        }
        self.published.send_if_modified(|published| {
            let mut changed = false;
            published.world = Arc::clone(world);
            for (topic, json) in rendered {
                let frame = published.frames.entry(topic).or_insert_with(|| Frame {
                    seq: 0,
                    json: Arc::from(""),
                });
                if *frame.json != *json {
                    frame.seq += 1;
                    frame.json = Arc::from(json);
                    changed = true;
                }
            }
            changed
        });
        self.standing.send_if_modified(|standing| {
            let mut now = Standing {
                generation: standing.generation,
                viewers: standing.viewers.saturating_add_signed(viewers),
                feeds: world.feeds.clone(),
                problems: world.refused_input().cloned().collect(),
            };
            let changed = now != *standing;
            now.generation += u64::from(changed);
            *standing = now;
            changed
        });
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("view types have string keys and no failing parts")
}
