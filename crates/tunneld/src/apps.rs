//! Keeps the apps of `portal.yaml`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use daemon::Stop;
use instance::portal_yaml::{self, Read, ReadError};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use crate::state::Desk;

/// Reads the file once. What is wrong with it becomes a notice.
pub(crate) fn read(path: &Path, desk: &Desk) {
    let Read { apps, problems } = match portal_yaml::read(path) {
        Ok(read) => read,
        Err(error) => Read {
            apps: Vec::new(),
            problems: vec![explain(&error)],
        },
    };
    let changed = desk.change(|state| {
        state.apps = apps;
        state.apps_problems = problems;
    });
    if changed {
        let state = desk.state();
        tracing::info!(apps = state.app_count(), "apps read");
        for problem in state.app_problems() {
            tracing::warn!(problem, "apps file");
        }
    }
}

/// Reads the file again whenever it changes, until `stop`.
pub(crate) async fn follow(path: PathBuf, desk: Desk, stop: Stop) {
    let touched = Arc::new(Notify::new());
    let watcher = watch(&path, touched.clone());
    // Without a watcher the file is looked at from time to time; with one, hardly ever, in case
    // a file system does not report changes made elsewhere.
    let pause = if watcher.is_ok() { RARELY } else { OFTEN };
    if let Err(error) = &watcher {
        tracing::warn!(%error, path = %path.display(), "cannot watch the file; it is read every few seconds");
    }
    loop {
        tokio::select! {
            () = stop.requested() => return,
            () = touched.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
        read(&path, &desk);
    }
}

/// Watches the directories of the file and, where it is a link, of its target: the file itself is
/// replaced by renaming.
fn watch(path: &Path, touched: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let names: Vec<PathBuf> = [Some(path.to_owned()), path.canonicalize().ok()]
        .into_iter()
        .flatten()
        .collect();
    let ours: Vec<_> = names
        .iter()
        .filter_map(|name| name.file_name().map(ToOwned::to_owned))
        .collect();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // A lost event is a reason to look, too.
        let concerns = event.map_or(true, |event| {
            !event.kind.is_access()
                && event.paths.iter().any(|path| {
                    path.file_name()
                        .is_none_or(|name| ours.iter().any(|n| n == name))
                })
        });
        if concerns {
            touched.notify_one();
        }
    })?;
    for dir in names.iter().filter_map(|name| name.parent()) {
        watcher.watch(dir, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

fn explain(error: &ReadError) -> String {
    match error {
        ReadError::Absent { path } => format!(
            "{} does not exist, so no apps are known; bootd writes it from PORTAL_CONFIG",
            path.display()
        ),
        ReadError::Io { source, .. } => format!("{error}: {source}"),
        ReadError::Malformed { .. } => format!("{error}; no apps are known until it is corrected"),
    }
}

const OFTEN: Duration = Duration::from_secs(5);
const RARELY: Duration = Duration::from_secs(300);
