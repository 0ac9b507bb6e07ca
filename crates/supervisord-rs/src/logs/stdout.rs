//! Our standard output, behind a bounded queue.
//!
//! Whoever reads it may stop reading; then what does not fit is dropped and counted, and neither
//! a program nor the driver notices.

use std::{
    collections::VecDeque,
    io::{self, Write as _},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Clones write to one queue.
#[derive(Clone, Debug)]
pub(crate) struct Stdout {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    writing: bool,
}

impl Stdout {
    /// Starts the one thread that writes to standard output. A write may block for ever there.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("stdout".to_owned())
            .stack_size(128 << 10)
            .spawn(move || theirs.write_for_ever())?;
        Ok(Self { shared })
    }

    /// Queues `bytes`, or drops them where the queue is full.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut queue = self.shared.lock();
        if queue.bytes + bytes.len() > CAPACITY {
            queue.dropped += bytes.len() as u64;
            return;
        }
        queue.bytes += bytes.len();
        queue.chunks.push_back(bytes.to_vec());
        drop(queue);
        self.shared.changed.notify_all();
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
            queue = self
                .shared
                .changed
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Shared {
    fn write_for_ever(&self) {
        loop {
            let chunk = self.next();
            let mut out = io::stdout().lock();
            // Nobody is left to tell when our own output is gone.
            let _ = out.write_all(&chunk).and_then(|()| out.flush());
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut queue = self.lock();
        queue.writing = false;
        self.changed.notify_all();
        loop {
            if let Some(chunk) = queue.chunks.pop_front() {
                queue.bytes -= chunk.len();
                queue.writing = true;
                return chunk;
            }
            if queue.dropped > 0 {
                let text = format!(
                    "[{} bytes of output were dropped: stdout was not read]\n",
                    queue.dropped
                );
                queue.dropped = 0;
                queue.writing = true;
                return text.into_bytes();
            }
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

/// Bytes that wait for a slow reader.
const CAPACITY: usize = 2 << 20;
