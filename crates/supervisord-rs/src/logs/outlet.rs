//! Outputs that somebody else may stop reading: our own standard output and error, FIFOs, terminals.
//!
//! Each has a bounded queue and one thread, because a write may block there for ever, and so may
//! opening a FIFO. What does not fit is dropped and counted; neither a program nor the driver
//! notices.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// All outputs in use; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Outlets {
    stdout: Outlet,
    others: Arc<Mutex<BTreeMap<PathBuf, Outlet>>>,
}

/// One output; clones write to one queue.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Dropped since the reader was last told.
    untold: u64,
    writing: bool,
    /// The thread that writes waits for something to write. Waking nobody costs as much as waking.
    is_idle: bool,
    /// Who waits until everything is written.
    flushing: usize,
}

/// What an outlet writes to.
#[derive(Debug)]
enum Target {
    Stdout,
    Stderr,
    Path(PathBuf),
}

/// Which of the two limits of a queue applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// Output of programs.
    Shared,
    /// Our own lines, which other programs match on: a flood of output must not cost them.
    Reserved,
}

impl Outlets {
    /// Starts the outlet of our standard output.
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self {
            stdout: Outlet::start(Target::Stdout)?,
            others: Arc::default(),
        })
    }

    pub(crate) fn stdout(&self) -> &Outlet {
        &self.stdout
    }

    /// The outlet for a path that is no plain file; `None` for one that is, or shall become one.
    pub(crate) fn find(&self, path: &Path) -> io::Result<Option<Outlet>> {
        let target = match standard(path) {
            Some(target) => target,
            None => match fs::metadata(path) {
                Ok(meta) if meta.is_file() => return Ok(None),
                Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
                Ok(meta) if meta.file_type().is_socket() => {
                    return Err(io::Error::other("a socket is not a log file"));
                }
                Ok(meta) => same_as_ours(&meta).unwrap_or_else(|| Target::Path(path.to_owned())),
                Err(_) => return Ok(None),
            },
        };
        match target {
            Target::Stdout => Ok(Some(self.stdout.clone())),
            Target::Stderr => self.other(Path::new("/dev/stderr"), Target::Stderr),
            Target::Path(path) => self.other(&path, Target::Path(path.clone())),
        }
    }

    /// Bytes of output that were dropped because nobody read them.
    pub(crate) fn dropped(&self) -> u64 {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.values().map(Outlet::dropped).sum::<u64>() + self.stdout.dropped()
    }

    fn other(&self, path: &Path, target: Target) -> io::Result<Option<Outlet>> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outlet) = others.get(path) {
            return Ok(Some(outlet.clone()));
        }
        let outlet = Outlet::start(target)?;
        others.insert(path.to_owned(), outlet.clone());
        Ok(Some(outlet))
    }
}

impl Outlet {
    fn start(target: Target) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("outlet".to_owned())
            .stack_size(128 << 10)
            .spawn(move || theirs.write_for_ever(&target))?;
        Ok(Self { shared })
    }

    /// Queues output of a program, or drops it where the queue is full.
    pub(crate) fn write(&self, bytes: &[u8]) {
        self.put(bytes, Claim::Shared);
    }

    /// Queues a line of our own.
    pub(crate) fn write_own(&self, line: &[u8]) {
        self.put(line, Claim::Reserved);
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything is written, at most `patience`.
    pub(crate) fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut queue = self.shared.lock();
        while queue.writing || !queue.chunks.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue.flushing += 1;
            queue = self
                .shared
                .changed
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            queue.flushing -= 1;
        }
    }

    fn put(&self, bytes: &[u8], claim: Claim) {
        if bytes.is_empty() {
            return;
        }
        let limit = match claim {
            Claim::Shared => CAPACITY,
            Claim::Reserved => CAPACITY + RESERVE,
        };
        let mut queue = self.shared.lock();
        if queue.bytes + bytes.len() > limit {
            let lost = bytes.len() as u64;
            queue.untold += lost;
            self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
            return;
        }
        queue.bytes += bytes.len();
        queue.chunks.push_back(bytes.to_vec());
        let is_idle = std::mem::take(&mut queue.is_idle);
        drop(queue);
        if is_idle {
            self.shared.changed.notify_all();
        }
    }
}

impl Shared {
    fn write_for_ever(&self, target: &Target) {
        let mut file = None;
        loop {
            let chunk = self.next();
            let done = match target {
                Target::Stdout => put_all(io::stdout().as_fd(), &chunk),
                Target::Stderr => put_all(io::stderr().as_fd(), &chunk),
                Target::Path(path) => put_in(&mut file, path, &chunk),
            };
            if done.is_err() {
                // A FIFO whose reader has gone gets another one when it is opened again.
                file = None;
                let lost = chunk.len() as u64;
                self.dropped.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut queue = self.lock();
        queue.writing = false;
        if queue.flushing > 0 {
            self.changed.notify_all();
        }
        loop {
            if let Some(chunk) = queue.chunks.pop_front() {
                queue.bytes -= chunk.len();
                queue.writing = true;
                return chunk;
            }
            if queue.untold > 0 {
                let lost = queue.untold;
                queue.untold = 0;
                queue.writing = true;
                return format!("[{lost} bytes of output were dropped: nobody read them]\n").into();
            }
            queue.is_idle = true;
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a path is our own standard output by one of its names.
pub(crate) fn is_stdout(path: &Path) -> bool {
    matches!(standard(path), Some(Target::Stdout))
}

fn standard(path: &Path) -> Option<Target> {
    let named = |names: [&str; 3]| names.iter().any(|name| path == Path::new(name));
    if named(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
        Some(Target::Stdout)
    } else if named(["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"]) {
        Some(Target::Stderr)
    } else {
        None
    }
}

/// The pipe or terminal that is our own output by another name, such as `/proc/1/fd/1`.
fn same_as_ours(meta: &fs::Metadata) -> Option<Target> {
    let is = |fd: BorrowedFd<'_>| {
        nix::sys::stat::fstat(fd).is_ok_and(|own| {
            (own.st_dev, own.st_ino, own.st_rdev) == (meta.dev(), meta.ino(), meta.rdev())
        })
    };
    if is(io::stdout().as_fd()) {
        Some(Target::Stdout)
    } else if is(io::stderr().as_fd()) {
        Some(Target::Stderr)
    } else {
        None
    }
}

fn put_in(file: &mut Option<File>, path: &Path, chunk: &[u8]) -> io::Result<()> {
    if file.is_none() {
        *file = Some(OpenOptions::new().append(true).open(path)?);
    }
    match file {
        Some(file) => file.write_all(chunk),
        None => Ok(()),
    }
}

/// Writes past the buffers of the standard library, which other threads would have to share.
fn put_all(fd: BorrowedFd<'_>, mut chunk: &[u8]) -> io::Result<()> {
    while !chunk.is_empty() {
        match nix::unistd::write(fd, chunk) {
            Ok(size) => chunk = &chunk[size..],
            Err(nix::errno::Errno::EINTR) => {}
            // Somebody made our output non-blocking; that is no reason to lose any of it.
            Err(nix::errno::Errno::EAGAIN) => wait_writable(fd),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn wait_writable(fd: BorrowedFd<'_>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let _ = poll(
        &mut [PollFd::new(fd, PollFlags::POLLOUT)],
        PollTimeout::NONE,
    );
}

/// Bytes of output that wait for a slow reader.
const CAPACITY: usize = 2 << 20;
/// What is kept beyond that for our own lines.
const RESERVE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_fifo_without_a_reader_costs_its_output_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let outlets = Outlets::start().unwrap();
        let outlet = outlets.find(&path).unwrap().unwrap();
        outlet.write(b"first\n");
        outlet.write(&vec![b'x'; CAPACITY + 1]);
        outlet.write_own(b"own\n");
        assert!(outlets.dropped() > 0);
        let mut reader = File::open(&path).unwrap();
        let mut text = [0; 6];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"first\n");
        let mut own = [0; 4];
        reader.read_exact(&mut own).unwrap();
        assert_eq!(&own, b"own\n");
    }

    #[test]
    fn plain_files_have_no_outlet_and_directories_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let outlets = Outlets::start().unwrap();
        assert!(outlets.find(&dir.path().join("new")).unwrap().is_none());
        assert!(outlets.find(dir.path()).is_err());
        assert!(outlets.find(Path::new("/dev/fd/1")).unwrap().is_some());
    }
}
