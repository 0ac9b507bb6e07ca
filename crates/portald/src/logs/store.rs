//! The newest lines of every log, by source and as one stream.
//!
//! Ids are given over all sources in the order of arrival, so that the merged view is a merge by
//! id. Every change of a line carries a sequence number; a reader asks for what changed after the
//! last number it knows, and so a slow one costs no memory and sees the newest state of each line.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::sync::watch;

use super::{row::Row, screen::Screen};

/// All logs. Clones share one store; the lock is held for short computations only.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    inner: Arc<Mutex<Inner>>,
    changed: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Inner {
    sources: BTreeMap<Arc<str>, Source>,
    last_id: u64,
    seq: u64,
}

#[derive(Debug)]
struct Source {
    screen: Screen,
    ring: Ring,
}

/// The newest lines of one source.
#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Line>,
    bytes: usize,
    /// Lines of this source so far; a gap in the numbers tells a reader what it missed.
    count: u64,
}

#[derive(Debug)]
struct Line {
    id: u64,
    number: u64,
    seq: u64,
    unix_ms: Option<u64>,
    row: Row,
}

/// Which logs a reader wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    One(String),
}

/// Lines for one reader, oldest first. A line that the reader has is replaced by its id.
#[derive(Debug, Serialize)]
pub(crate) struct Batch {
    /// To be given with the next question.
    pub(crate) seq: u64,
    pub(crate) lines: Vec<OutLine>,
}

/// One line as the page reads it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct OutLine {
    id: u64,
    /// Number within its source, from 1 where portald began to read.
    n: u64,
    src: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<u64>,
    t: String,
    /// Runs of style: length in UTF-16 units and names of classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    r: Vec<(u32, String)>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::default(),
            changed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// The sequence number after every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Takes output of `source` over. `unix_ms` is when it arrived, none for what was there before.
    pub(super) fn feed(&self, source: &Arc<str>, bytes: &[u8], unix_ms: Option<u64>) {
        let seq = {
            let mut inner = self.lock();
            inner.feed(source, bytes, unix_ms);
            inner.seq
        };
        self.changed.send_replace(seq);
    }

    /// Drops a source and its lines.
    pub(super) fn forget(&self, source: &str) {
        self.lock().sources.remove(source);
    }

    /// What changed after `after`; 0 asks for the newest lines there are.
    pub(crate) fn since(&self, selection: &Selection, after: u64) -> Batch {
        self.lock().since(selection, after)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn feed(&mut self, name: &Arc<str>, bytes: &[u8], unix_ms: Option<u64>) {
        self.seq += 1;
        let (seq, last_id) = (self.seq, &mut self.last_id);
        let source = self
            .sources
            .entry(Arc::clone(name))
            .or_insert_with(|| Source {
                screen: Screen::new(),
                ring: Ring::default(),
            });
        // In pieces, so that a burst does not pile up finished rows beside the ring.
        for piece in bytes.chunks(PIECE) {
            source.screen.feed(piece);
            let mut finished = source.screen.take_finished();
            for row in finished.iter_mut().chain(source.screen.live()) {
                source.ring.take(row, seq, last_id, unix_ms);
            }
        }
    }

    fn since(&self, selection: &Selection, after: u64) -> Batch {
        let mut found: Vec<(&Arc<str>, &Line)> = Vec::new();
        for (name, source) in &self.sources {
            let wanted = match selection {
                Selection::All => true,
                Selection::One(one) => **one == **name,
            };
            if wanted {
                found.extend(source.ring.changed_after(after).map(|line| (name, line)));
            }
        }
        found.sort_unstable_by_key(|(_, line)| line.id);
        let surplus = found.len().saturating_sub(BATCH);
        Batch {
            seq: self.seq,
            lines: found
                .into_iter()
                .skip(surplus)
                .map(|(name, line)| line.out(name))
                .collect(),
        }
    }
}

impl Ring {
    fn take(&mut self, row: &mut Row, seq: u64, last_id: &mut u64, unix_ms: Option<u64>) {
        match row.id {
            Some(_) if !row.changed => {}
            Some(id) => {
                row.changed = false;
                let known = self.lines.iter_mut().rev().find(|line| line.id == id);
                if let Some(line) = known {
                    self.bytes = self.bytes + row.text().len() - line.row.text().len();
                    line.row = row.clone();
                    line.seq = seq;
                }
            }
            None => {
                *last_id += 1;
                self.count += 1;
                row.id = Some(*last_id);
                row.changed = false;
                self.bytes += row.text().len();
                self.lines.push_back(Line {
                    id: *last_id,
                    number: self.count,
                    seq,
                    unix_ms,
                    row: row.clone(),
                });
                self.evict();
            }
        }
    }

    fn evict(&mut self) {
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(line) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= line.row.text().len();
        }
    }

    /// Changed lines stand near the end: settled ones keep the order of their numbers, and only
    /// the rows of the screen's window can change again.
    fn changed_after(&self, after: u64) -> impl Iterator<Item = &Line> {
        let mut settled = 0;
        self.lines
            .iter()
            .rev()
            .take_while(move |line| {
                settled = if line.seq > after { 0 } else { settled + 1 };
                settled <= super::screen::WINDOW
            })
            .filter(move |line| line.seq > after)
    }
}

impl Line {
    fn out(&self, source: &str) -> OutLine {
        OutLine {
            id: self.id,
            n: self.number,
            src: source.to_owned(),
            ts: self.unix_ms,
            t: self.row.text().to_owned(),
            r: self
                .row
                .runs()
                .iter()
                .map(|run| (run.length, run.style.classes()))
                .collect(),
        }
    }
}

/// Lines kept per source.
const LINES: usize = 5_000;
/// Bytes of text kept per source.
const BYTES: usize = 2 << 20;
/// Lines of one answer.
const BATCH: usize = 5_000;
const PIECE: usize = 16 << 10;

#[cfg(test)]
mod tests;
