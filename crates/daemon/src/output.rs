//! An output that never makes its writer wait for whoever reads it.
//!
//! A reader may stop reading: a held terminal, a pipe that nobody empties. A thread of its own
//! writes; what it has not written yet waits in a bounded queue, and what does not fit is dropped,
//! counted, and told as soon as somebody reads again.
//!
//! Not the writer of `tracing-appender`: its queue is bounded by lines and not by bytes, it does
//! not say in the log that lines are missing, and its end may take more than a second, which the
//! shutdown budget of PID 1 does not have.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

/// A handle to the queue; its clones share one. The thread ends with the last of them.
#[derive(Clone, Debug)]
pub struct Output {
    end: Arc<End>,
}

/// What did not reach the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many writes; for logs, lines.
    pub writes: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// The side of those who write.
#[derive(Debug)]
struct End {
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
    dropped: Dropped,
    /// The thread is at a write.
    writing: bool,
    /// Somebody has waited in vain since the last write ended.
    stalled: bool,
    closed: bool,
}

impl Output {
    /// Starts the thread; `note` is the text that stands for what was dropped.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start(
        name: &str,
        sink: impl Write + Send + 'static,
        note: fn(Dropped) -> String,
    ) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name(name.to_owned())
            .stack_size(128 << 10)
            .spawn(move || theirs.empty_into(sink, note))?;
        let end = Arc::new(End { shared });
        Ok(Self { end })
    }

    /// Queues `bytes`, or drops them where the queue is full.
    pub fn put(&self, bytes: &[u8]) {
        self.shared().put(self.shared().lock(), bytes);
    }

    /// Like [`Self::put`], but gives a reader that is merely slow this long to make room. One that
    /// has not read for that long is not waited for again until it reads.
    pub fn put_patiently(&self, bytes: &[u8], patience: Duration) {
        let shared = self.shared();
        let mut queue = shared.lock();
        if !queue.takes(bytes) && !queue.stalled {
            queue = shared.wait_while(queue, patience, |queue| !queue.takes(bytes));
            queue.stalled = !queue.takes(bytes);
        }
        shared.put(queue, bytes);
    }

    /// Waits until everything is written, at most `patience`.
    pub fn flush(&self, patience: Duration) {
        let shared = self.shared();
        let queue = shared.lock();
        drop(shared.wait_while(queue, patience, |queue| !queue.is_idle()));
    }

    fn shared(&self) -> &Shared {
        &self.end.shared
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Every write succeeds at once.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn takes(&self, bytes: &[u8]) -> bool {
        self.bytes + bytes.len() <= CAPACITY
    }

    fn is_idle(&self) -> bool {
        !self.writing && self.chunks.is_empty() && self.dropped == Dropped::default()
    }
}

impl Shared {
    fn put(&self, mut queue: MutexGuard<'_, Queue>, bytes: &[u8]) {
        if !queue.takes(bytes) {
            queue.dropped.writes += 1;
            queue.dropped.bytes += bytes.len() as u64;
            return;
        }
        queue.bytes += bytes.len();
        queue.chunks.push_back(bytes.to_vec());
        drop(queue);
        self.changed.notify_all();
    }

    fn empty_into(&self, mut sink: impl Write, note: fn(Dropped) -> String) {
        while let Some(chunk) = self.next(note) {
            // Nobody is left to tell when this output is gone.
            let _ = sink.write_all(&chunk).and_then(|()| sink.flush());
        }
    }

    /// What to write next; nothing once all is written and every handle is gone.
    fn next(&self, note: fn(Dropped) -> String) -> Option<Vec<u8>> {
        let mut queue = self.lock();
        (queue.writing, queue.stalled) = (false, false);
        loop {
            // Those who wait for room or for the end look again.
            self.changed.notify_all();
            if let Some(chunk) = queue.chunks.pop_front() {
                queue.bytes -= chunk.len();
                queue.writing = true;
                return Some(chunk);
            }
            if queue.dropped != Dropped::default() {
                let dropped = std::mem::take(&mut queue.dropped);
                queue.writing = true;
                return Some(note(dropped).into_bytes());
            }
            if queue.closed {
                return None;
            }
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wait_while<'a>(
        &self,
        mut queue: MutexGuard<'a, Queue>,
        patience: Duration,
        holds: impl Fn(&Queue) -> bool,
    ) -> MutexGuard<'a, Queue> {
        let until = Instant::now() + patience;
        while holds(&queue) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = self
                .changed
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        queue
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that wait for a slow reader: a few thousand lines.
const CAPACITY: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn note(dropped: Dropped) -> String {
        format!("dropped {} {}\n", dropped.writes, dropped.bytes)
    }

    const LINE: &[u8] = b"0123456789 0123456789 0123456789 0123456789 0123456789 012345678\n";

    #[test]
    fn a_reader_that_stopped_holds_nobody_and_learns_what_it_missed() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::start("test", writer, note).unwrap();
        let written = 3 * CAPACITY / LINE.len();
        for _ in 0..written {
            output.put(LINE);
        }
        output.flush(Duration::from_millis(1));
        drop(output);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let last = text.lines().last().unwrap();
        let mut numbers = last.strip_prefix("dropped ").unwrap().split(' ');
        let dropped: usize = numbers.next().unwrap().parse().unwrap();
        assert!(dropped > written / 3, "{dropped} of {written}");
        assert_eq!(text.lines().count() - 1 + dropped, written);
        let bytes: usize = numbers.next().unwrap().parse().unwrap();
        assert_eq!(bytes, dropped * LINE.len());
    }

    #[test]
    fn a_flush_waits_for_what_was_put() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::start("test", writer, note).unwrap();
        output.put(b"hello\n");
        output.flush(Duration::from_secs(60));
        let mut buffer = [0_u8; 64];
        assert_eq!(reader.read(&mut buffer).unwrap(), 6);
    }

    #[test]
    fn a_slow_reader_that_is_waited_for_misses_nothing() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::start("test", writer, note).unwrap();
        let written = 3 * CAPACITY / LINE.len();
        let reading = thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        for _ in 0..written {
            output.put_patiently(LINE, Duration::from_secs(60));
        }
        drop(output);
        assert_eq!(reading.join().unwrap().lines().count(), written);
    }

    #[test]
    fn a_reader_that_stopped_is_waited_for_once() {
        let (_reader, writer) = io::pipe().unwrap();
        let output = Output::start("test", writer, note).unwrap();
        // With a wait for each of them this would take hours.
        for _ in 0..3 * CAPACITY / LINE.len() {
            output.put_patiently(LINE, Duration::from_millis(50));
        }
        assert!(output.shared().lock().stalled);
    }
}
