//! Follows the log files of a directory: appends, renames, truncation.
//!
//! Reads and never writes: the files belong to the supervisor. Large files are read from near
//! their end, and always in small pieces, so that no file keeps the page from answering.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use daemon::unix_micros;
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::store::Store;
use crate::{hub::Fact, world::LogSource};

/// Follows `dir` for ever.
pub(crate) async fn follow(dir: PathBuf, store: Store, facts: mpsc::Sender<Fact>) {
    let (wake, mut woken) = mpsc::channel(1);
    let mut watcher = None;
    let mut files: BTreeMap<PathBuf, Tail> = BTreeMap::new();
    let mut told = Vec::new();
    loop {
        if watcher.is_none() {
            watcher = watch(&dir, wake.clone());
        }
        for path in log_files(&dir) {
            if files.len() < SOURCES && !files.contains_key(&path) {
                files.insert(path.clone(), Tail::new(path));
            }
        }
        for tail in files.values_mut() {
            tail.catch_up(&store).await;
        }
        let now = Instant::now();
        files.retain(|_, tail| {
            let stays = !tail.is_gone(now);
            if !stays {
                store.forget(&tail.name);
            }
            stays
        });
        let sources = sources(&files);
        if sources != told {
            told.clone_from(&sources);
            if facts.send(Fact::Logs(sources)).await.is_err() {
                return;
            }
        }
        // The slow look covers a directory that appears later, and a full inotify queue.
        let woke = tokio::time::timeout(SLOW_LOOK, woken.recv()).await;
        if woke.is_ok() {
            // A program that writes line by line must not cause one pass per line.
            tokio::time::sleep(GATHER).await;
            let _ = woken.try_recv();
        } else if !dir.exists() {
            watcher = None;
        }
    }
}

fn watch(dir: &Path, wake: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own reading also makes events.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = wake.try_send(());
        }
    })
    .ok()?;
    watcher.watch(dir, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

fn log_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .filter_map(|path| {
            let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
            Some((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), path))
        })
        .collect();
    // The merged view begins with whole files, the one written last at the end.
    paths.sort();
    paths.into_iter().map(|(_, path)| path).collect()
}

fn sources(files: &BTreeMap<PathBuf, Tail>) -> Vec<LogSource> {
    files
        .values()
        .map(|tail| LogSource {
            name: tail.name.to_string(),
            path: tail.path.display().to_string(),
        })
        .collect()
}

/// One file and how far it is read.
#[derive(Debug)]
struct Tail {
    path: PathBuf,
    name: Arc<str>,
    open: Option<Open>,
    /// Whether this file has been read before; what stands in it then is history without time.
    started: bool,
    /// Since when there is no file of this name.
    absent: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    file: File,
    inode: u64,
    offset: u64,
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        let name = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self {
            path,
            name: Arc::from(name),
            open: None,
            started: false,
            absent: None,
        }
    }

    async fn catch_up(&mut self, store: &Store) {
        let inode = fs::metadata(&self.path).ok().map(|meta| meta.ino());
        // Renamed away: what was written before the rename comes first.
        if self
            .open
            .as_ref()
            .is_some_and(|open| Some(open.inode) != inode)
        {
            self.read_rest(store).await;
            self.open = None;
        }
        if self.open.is_none() {
            self.open = Open::at(&self.path, self.started).ok();
        }
        self.read_rest(store).await;
        self.started = true;
    }

    /// Whether the file has been away for longer than a rotation takes.
    fn is_gone(&mut self, now: Instant) -> bool {
        if self.path.exists() {
            self.absent = None;
            return false;
        }
        let since = *self.absent.get_or_insert(now);
        now.duration_since(since) >= GONE
    }

    async fn read_rest(&mut self, store: &Store) {
        let Some(open) = &mut self.open else { return };
        let Ok(length) = open.file.metadata().map(|meta| meta.len()) else {
            return;
        };
        if length < open.offset {
            // Truncated in place: what stands there was written since.
            open.offset = 0;
        }
        let arrived = self.started.then(|| unix_micros(SystemTime::now()) / 1000);
        if length - open.offset > TOO_FAR {
            let skipped = length - open.offset - HISTORY;
            open.offset += skipped;
            let note = format!(
                "\x1b[0m\n[{} MiB were written too fast to show; they are in {}]\n",
                skipped >> 20,
                self.path.display()
            );
            store.feed(&self.name, note.as_bytes(), arrived);
        }
        if open.offset == length {
            return;
        }
        let mut buffer = vec![0; PIECE];
        // What is written while this reads is for the next pass, so that a flood of one file
        // cannot starve the others.
        while open.offset < length {
            match open.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    let piece = buffer.get(..count).unwrap_or_default();
                    store.feed(&self.name, piece, arrived);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Open {
    /// Opens a file near its end, at the beginning of a line; a successor of a known file is read
    /// from its beginning.
    fn at(path: &Path, successor: bool) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let meta = file.metadata()?;
        let mut offset = 0;
        if !successor && meta.len() > HISTORY {
            offset = meta.len() - HISTORY;
            file.seek(SeekFrom::Start(offset))?;
            let mut start = vec![0; PIECE];
            let count = file.read(&mut start)?;
            let line_end = start.iter().take(count).position(|byte| *byte == b'\n');
            offset += line_end.map_or(0, |at| u64::try_from(at + 1).unwrap_or(0));
        }
        Ok(Self {
            file,
            inode: meta.ino(),
            offset,
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.seek(SeekFrom::Start(self.offset))?;
        let count = self.file.read(buffer)?;
        self.offset += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

/// Read of a file that was there before us.
const HISTORY: u64 = 256 << 10;
/// Behind by more than this, the reader jumps to the end.
const TOO_FAR: u64 = 4 << 20;
const PIECE: usize = 64 << 10;
/// Files beyond this many are not followed.
const SOURCES: usize = 64;
const GONE: Duration = Duration::from_secs(60);
const GATHER: Duration = Duration::from_millis(50);
const SLOW_LOOK: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
