//! The list of apps: reads `portal.yaml` and reads it again when it changes.
//!
//! Never writes it; bootd and the user do.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use instance::portal_yaml;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::{hub::Fact, world::AppList};

/// Follows the file for ever.
pub(crate) async fn follow(path: PathBuf, facts: mpsc::Sender<Fact>) {
    let (wake, mut woken) = mpsc::channel(1);
    let mut watcher = None;
    let mut last = None;
    loop {
        // A watch can fail (no directory yet, no inotify left): try again with every turn.
        if watcher.is_none() {
            watcher = watch(&path, wake.clone());
        }
        let list = read(&path);
        if last.as_ref() != Some(&list) {
            last = Some(list.clone());
            if facts.send(Fact::Apps(list)).await.is_err() {
                return;
            }
        }
        // The slow look covers what inotify cannot see, such as a symlink's other end.
        let _ = tokio::time::timeout(SLOW_LOOK, woken.recv()).await;
    }
}

/// Wakes the reader when something happens in the file's directory: the file itself is replaced
/// by rename, so a watch on it would follow the old one.
fn watch(path: &Path, wake: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let name = path.file_name()?.to_owned();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let ours = event.is_ok_and(|event| {
            !event.kind.is_access()
                && event
                    .paths
                    .iter()
                    .any(|p| p.file_name() == Some(name.as_os_str()))
        });
        if ours {
            let _ = wake.try_send(());
        }
    })
    .ok()?;
    watcher
        .watch(path.parent()?, RecursiveMode::NonRecursive)
        .ok()?;
    Some(watcher)
}

fn read(path: &Path) -> AppList {
    match portal_yaml::read(path) {
        Ok(read) => AppList {
            apps: read.apps,
            problems: read.problems,
            missing: None,
        },
        Err(error) => AppList {
            missing: Some(error.to_string()),
            ..AppList::default()
        },
    }
}

const SLOW_LOOK: Duration = Duration::from_secs(10);
