//! The history on disk, so that a restart of portald loses nothing of it.
//!
//! A lost or damaged file costs the history and nothing else.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use daemon::Tasks;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

use crate::events::History;

/// Where the history is kept, and the task that writes it.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    last: Option<History>,
    pending: watch::Sender<Vec<u8>>,
    finished: oneshot::Receiver<()>,
}

/// The file. The version stands first, so that a later format can tell.
#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    history: History,
}

impl Memory {
    /// Opens the memory in `dir`; writing is done off the hub's task.
    pub(crate) fn open(dir: &Path, tasks: &Tasks) -> Self {
        let path = dir.join("history.json");
        let (pending, receiver) = watch::channel(Vec::new());
        let (done, finished) = oneshot::channel();
        let to = path.clone();
        tasks.spawn("memory", tracing::info_span!("memory"), async move {
            write_behind(to, receiver).await;
            // Nobody waits if the hub has panicked.
            let _ = done.send(());
        });
        Self {
            path,
            last: None,
            pending,
            finished,
        }
    }

    /// The history as it was saved last; an empty one if there is none.
    pub(crate) fn load(&self) -> History {
        let Ok(bytes) = fs::read(&self.path) else {
            return History::default();
        };
        match serde_json::from_slice::<File>(&bytes) {
            Ok(file) if file.version == VERSION => file.history,
            Ok(_) => History::default(),
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "history is damaged; a fresh one is begun");
                History::default()
            }
        }
    }

    /// Has the history written, if it changed. Returns at once.
    pub(crate) fn save(&mut self, history: &History) {
        if self.last.as_ref() == Some(history) {
            return;
        }
        self.last = Some(history.clone());
        self.pending.send_replace(encode(history));
    }

    /// Has the history written for the last time and waits until it is.
    pub(crate) async fn flush(mut self, history: &History) {
        self.save(history);
        // The writer ends when it has written what was pending.
        drop(self.pending);
        let _ = self.finished.await;
    }
}

fn encode(history: &History) -> Vec<u8> {
    let file = File {
        version: VERSION,
        history: history.clone(),
    };
    serde_json::to_vec(&file).expect("the history has string keys and no failing parts")
}

/// Writes the newest pending value until the hub goes away; nobody else writes the file.
async fn write_behind(path: PathBuf, mut pending: watch::Receiver<Vec<u8>>) {
    while pending.changed().await.is_ok() {
        let bytes = pending.borrow_and_update().clone();
        let to = path.clone();
        let written = tokio::task::spawn_blocking(move || write(&to, &bytes)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(path = %path.display(), %error, "history not written");
        }
    }
}

/// Temp file, fsync, rename: a reader sees the old content or the whole of the new.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
    }
    let temporary = path.with_extension("json.tmp");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use daemon::{Outcome, Stop};

    use super::*;
    use crate::view::Severity;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_last_word_is_on_disk_however_fast_it_follows_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        for round in 0..50 {
            let tasks = Tasks::new(Stop::new());
            let mut memory = Memory::open(dir.path(), &tasks);
            let mut history = memory.load();
            history.note(round, Severity::Info, "a", "saved");
            memory.save(&history);
            history.note(round, Severity::Info, "a", "flushed");
            memory.flush(&history).await;
            let outcome = tasks.shut_down(std::time::Duration::from_secs(5)).await;
            assert_eq!(outcome, Outcome::Drained);
            let read = Memory::open(dir.path(), &tasks).load();
            assert_eq!(read, history);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
