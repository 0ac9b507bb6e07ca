//! How full the disks are.
//!
//! A network file system whose server is away holds a look up for ever, so looks are made off the
//! runtime, one at a time per disk. A disk that does not answer is shown as such and costs one
//! thread.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nix::sys::statvfs::statvfs;
use serde::Serialize;
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Disk {
    pub(crate) path: String,
    pub(crate) total_bytes: u64,
    pub(crate) used_bytes: u64,
    /// Why the figures are not known; empty if they are.
    pub(crate) problem: String,
}

/// The container's own file system, and that of the workspace where it is another one.
#[derive(Debug)]
pub(super) struct Disks {
    own: Look,
    workspace: Look,
}

impl Disks {
    pub(super) fn new(workspace: PathBuf) -> Self {
        let path = workspace.clone();
        let root = || Path::new("/");
        Self {
            own: Look::new(root().to_owned(), move || Some(read(root()))),
            workspace: Look::new(workspace, move || {
                let own = device(root());
                device(&path)
                    .filter(|device| Some(*device) != own)
                    .map(|_| read(&path))
            }),
        }
    }

    pub(super) async fn look(&mut self) -> Vec<Disk> {
        let (own, workspace) = tokio::join!(self.own.take(), self.workspace.take());
        own.into_iter().chain(workspace).collect()
    }
}

/// Looks at one path.
struct Look {
    path: PathBuf,
    read: Arc<dyn Fn() -> Option<Disk> + Send + Sync>,
    under_way: Option<JoinHandle<Option<Disk>>>,
}

impl Look {
    fn new(path: PathBuf, read: impl Fn() -> Option<Disk> + Send + Sync + 'static) -> Self {
        Self {
            path,
            read: Arc::new(read),
            under_way: None,
        }
    }

    /// The figures, if they come in time. A look that takes longer goes on and is the next answer.
    async fn take(&mut self) -> Option<Disk> {
        let read = &self.read;
        let under_way = self.under_way.get_or_insert_with(|| {
            let read = read.clone();
            spawn_blocking(move || read())
        });
        match timeout(PATIENCE, under_way).await {
            Ok(disk) => {
                self.under_way = None;
                disk.ok().flatten()
            }
            Err(_) => Some(unreadable(&self.path, "it does not answer".to_owned())),
        }
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look")
            .field("path", &self.path)
            .field("under_way", &self.under_way.is_some())
            .finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Disk {
    let stat = match statvfs(path) {
        Ok(stat) => stat,
        Err(error) => return unreadable(path, error.desc().to_owned()),
    };
    let bytes = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
    let total_bytes = bytes(stat.blocks());
    Disk {
        path: path.display().to_string(),
        total_bytes,
        used_bytes: total_bytes.saturating_sub(bytes(stat.blocks_free())),
        problem: String::new(),
    }
}

fn unreadable(path: &Path, problem: String) -> Disk {
    Disk {
        path: path.display().to_string(),
        problem,
        ..Disk::default()
    }
}

fn device(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|meta| meta.dev())
}

const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    #[tokio::test]
    async fn the_root_has_figures_and_a_workspace_that_is_not_there_is_left_out() {
        let mut disks = Disks::new(PathBuf::from("/no/such/workspace"));
        let found = disks.look().await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].total_bytes > 0 && found[0].problem.is_empty());
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_is_asked_once_and_shown_as_such() {
        let (release, gate) = mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let count = asked.clone();
        let mut look = Look::new(PathBuf::from("/data"), move || {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let _ = gate.lock().unwrap().recv();
            Some(read(Path::new("/")))
        });
        for _ in 0..2 {
            let disk = look.take().await.unwrap();
            assert_eq!((disk.path.as_str(), disk.total_bytes), ("/data", 0));
            assert_eq!(disk.problem, "it does not answer");
        }
        assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 1);
        drop(release);
        assert!(look.take().await.unwrap().problem.is_empty());
    }
}
