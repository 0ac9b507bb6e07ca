//! `/api/v1/stream`: everything live over one WebSocket.
//!
//! The browser says what it wants with `{"sub": [topics], "log": {"source", "epoch", "after"}}`,
//! each message replacing the one before; `log` absent means none, `source` absent means all.
//! It gets `{"topic", "seq", "data"}` per change of a topic, and for logs
//! `{"topic": "log", "source", "epoch", "seq", "lines"}`; `{"topic": "beat"}` when nothing else was
//! sent for a while, because a page cannot see pings. There is no queue: a slow browser gets
//! the newest value when it has read the one before.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use super::{Desk, problem::Problem};
use crate::{
    hub::{Fact, Published, Topic},
    logs::Selection,
};

/// Opens the stream.
pub(crate) async fn open(
    State(desk): State<Desk>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade =
        upgrade.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    Ok(upgrade
        .max_message_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| async move {
            let facts = desk.facts.clone();
            let _ = facts.send(Fact::ViewerCame).await;
            Viewer::new(desk, socket).run().await;
            let _ = facts.send(Fact::ViewerLeft).await;
        }))
}

/// What the browser asks for.
#[derive(Debug, Default, Deserialize)]
struct Wish {
    #[serde(default)]
    sub: Vec<String>,
    #[serde(default)]
    log: Option<LogWish>,
}

#[derive(Debug, Deserialize)]
struct LogWish {
    #[serde(default)]
    source: Option<String>,
    /// Epoch of the portald whose sequence number `after` is.
    #[serde(default)]
    epoch: u64,
    #[serde(default)]
    after: u64,
}

/// One browser tab.
struct Viewer {
    desk: Desk,
    socket: WebSocket,
    /// Topics wanted, with the sequence number sent last.
    topics: BTreeMap<Topic, u64>,
    log: Option<LogView>,
    /// Whether something was sent since the last beat.
    spoke: bool,
}

struct LogView {
    selection: Selection,
    after: u64,
    /// Nothing was sent yet: an empty answer is an answer then.
    fresh: bool,
}

/// The connection is of no more use.
struct Gone;

impl Viewer {
    fn new(desk: Desk, socket: WebSocket) -> Self {
        Self {
            desk,
            socket,
            topics: BTreeMap::new(),
            log: None,
            spoke: false,
        }
    }

    async fn run(mut self) {
        let _ = self.serve().await;
        let _ = tokio::time::timeout(PATIENCE, self.socket.send(Message::Close(None))).await;
    }

    async fn serve(&mut self) -> Result<(), Gone> {
        let mut published = self.desk.published.clone();
        let mut logs = self.desk.logs.changes();
        let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beat = tokio::time::interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stop = self.desk.stop.clone();
        let mut logs_due: Option<Instant> = None;
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    let message = message.ok_or(Gone)?.map_err(|_| Gone)?;
                    if self.hear(message)? {
                        self.send_topics(&mut published).await?;
                        self.send_log().await?;
                    }
                }
                changed = published.changed() => {
                    changed.map_err(|_| Gone)?;
                    self.send_topics(&mut published).await?;
                }
                changed = logs.changed(), if self.log.is_some() && logs_due.is_none() => {
                    changed.map_err(|_| Gone)?;
                    // Lines are sent in groups: a progress bar is drawn ten times a second at most.
                    logs_due = Some(Instant::now() + LOG_PAUSE);
                }
                () = until(logs_due) => {
                    logs_due = None;
                    self.send_log().await?;
                }
                _ = ping.tick() => self.send(Message::Ping(bytes::Bytes::new())).await?,
                // A page that nobody looks at asks for nothing and is left to sleep.
                _ = beat.tick(), if !self.topics.is_empty() => {
                    if !std::mem::take(&mut self.spoke) {
                        self.send(Message::text(r#"{"topic":"beat"}"#)).await?;
                    }
                }
                () = stop.requested() => return Ok(()),
            }
        }
    }

    /// Whether the wish changed. A message that cannot be read costs only itself.
    fn hear(&mut self, message: Message) -> Result<bool, Gone> {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(Gone),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => return Ok(false),
        };
        let Ok(wish) = serde_json::from_str::<Wish>(&text) else {
            tracing::debug!("message of a viewer not understood");
            return Ok(false);
        };
        let wanted = wish.sub.iter().filter_map(|name| Topic::named(name));
        self.topics = wanted
            .map(|topic| (topic, self.topics.get(&topic).copied().unwrap_or(0)))
            .collect();
        self.log = wish.log.map(|log| LogView {
            selection: log.source.map_or(Selection::All, Selection::One),
            after: match log.epoch == self.desk.epoch.micros() {
                true => log.after,
                false => 0,
            },
            fresh: true,
        });
        Ok(true)
    }

    async fn send_topics(
        &mut self,
        published: &mut watch::Receiver<Published>,
    ) -> Result<(), Gone> {
        let mut due = Vec::new();
        {
            let published = published.borrow_and_update();
            for (topic, sent) in &mut self.topics {
                let frame = published.frame(*topic);
                if frame.seq > *sent {
                    *sent = frame.seq;
                    due.push((*topic, frame));
                }
            }
        }
        for (topic, frame) in due {
            let text = format!(
                r#"{{"topic":"{}","seq":{},"data":{}}}"#,
                topic.name(),
                frame.seq,
                frame.json
            );
            self.send(Message::text(text)).await?;
        }
        Ok(())
    }

    async fn send_log(&mut self) -> Result<(), Gone> {
        let Some(view) = &mut self.log else {
            return Ok(());
        };
        let batch = self.desk.logs.since(&view.selection, view.after);
        let nothing = batch.lines.is_empty() && !view.fresh;
        view.after = batch.seq;
        view.fresh = false;
        if nothing {
            return Ok(());
        }
        let source = match &view.selection {
            Selection::All => None,
            Selection::One(name) => Some(name),
        };
        let text = json!({
            "topic": "log",
            "source": source,
            "epoch": self.desk.epoch.micros(),
            "seq": batch.seq,
            "lines": batch.lines,
        });
        self.send(Message::text(text.to_string())).await
    }

    /// Sends, unless the browser has stopped reading for good.
    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        self.spoke |= matches!(message, Message::Text(_));
        match tokio::time::timeout(PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Proxies on the way close a silent connection after about 100 s.
const PING: Duration = Duration::from_secs(20);
/// The page gives a connection up after three silent ones.
const BEAT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);
const LOG_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_MESSAGE: usize = 16 << 10;
