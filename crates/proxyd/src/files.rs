//! Notices that files changed: by inotify on their directories, and by looking now and then,
//! because inotify sees nothing through some mounts and behind symbolic links.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tokio::sync::Notify;

/// A watch on a few files.
#[derive(Debug)]
pub(crate) struct Files {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Mark>>,
    touched: Arc<Notify>,
    /// Dropping it ends the notifications.
    _watcher: Option<RecommendedWatcher>,
}

/// What tells two states of a file apart without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Files {
    /// Watches `paths` from their present state on.
    pub(crate) fn watch(paths: Vec<PathBuf>) -> Self {
        let touched = Arc::new(Notify::new());
        Self {
            seen: marks(&paths),
            _watcher: watcher(&paths, &touched),
            paths,
            touched,
        }
    }

    /// Waits until one of the files differs from what it was at the last call.
    pub(crate) async fn changed(&mut self) {
        loop {
            tokio::select! {
                () = self.touched.notified() => tokio::time::sleep(SETTLE).await,
                () = tokio::time::sleep(POLL) => {}
            }
            let marks = marks(&self.paths);
            if marks != self.seen {
                self.seen = marks;
                return;
            }
        }
    }
}

fn marks(paths: &[PathBuf]) -> Vec<Option<Mark>> {
    let mark = |path: &PathBuf| {
        let meta = fs::metadata(path).ok()?;
        Some(Mark {
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
        })
    };
    paths.iter().map(mark).collect()
}

fn watcher(paths: &[PathBuf], touched: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let names: Vec<_> = paths
        .iter()
        .filter_map(|path| path.file_name().map(ToOwned::to_owned))
        .collect();
    let notify = touched.clone();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let ours = event.is_ok_and(|event| {
            let named = |path: &PathBuf| names.iter().any(|name| path.ends_with(name));
            is_change(event.kind) && event.paths.iter().any(named)
        });
        if ours {
            notify.notify_one();
        }
    });
    let mut watcher = watcher
        .inspect_err(|error| tracing::warn!(%error, "no file notifications, files are polled"))
        .ok()?;
    let mut directories: Vec<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    directories.sort_unstable();
    directories.dedup();
    for directory in directories {
        if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
            tracing::warn!(%error, ?directory, "no notifications here, files are polled");
        }
    }
    Some(watcher)
}

/// Our own reading must not count, or it would wake us for ever.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
        EventKind::Any | EventKind::Other => false,
    }
}

/// A writer touches its file several times; one look after it is enough.
const SETTLE: Duration = Duration::from_millis(50);
const POLL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_appears_changes_or_goes_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut files = Files::watch(vec![path.clone()]);
        fs::write(&path, "1").unwrap();
        files.changed().await;
        fs::write(dir.path().join("b"), "22").unwrap();
        fs::rename(dir.path().join("b"), &path).unwrap();
        files.changed().await;
        fs::remove_file(&path).unwrap();
        files.changed().await;
    }
}
