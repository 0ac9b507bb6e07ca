//! A program's standard input: what is written waits here until the program reads it.

use std::{
    collections::VecDeque,
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

use super::keeper::watched;

/// The end that others write to.
#[derive(Clone, Debug)]
pub(crate) struct Stdin {
    shared: Arc<Shared>,
}

/// What carries it to the program.
#[derive(Debug)]
pub(super) struct Writer {
    pipe: AsyncFd<OwnedFd>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: VecDeque<u8>,
    closed: bool,
}

impl Stdin {
    pub(super) fn open(fd: OwnedFd) -> io::Result<(Self, Writer)> {
        let shared = Arc::<Shared>::default();
        let writer = Writer {
            pipe: watched(fd)?,
            shared: Arc::clone(&shared),
        };
        Ok((Self { shared }, writer))
    }

    /// Queues `bytes`.
    ///
    /// # Errors
    /// `BrokenPipe` when the program has closed its end; `StorageFull` when it does not read.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut queue = self.shared.lock();
        if queue.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if queue.bytes.len() + bytes.len() > MOST {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "the program does not read its standard input",
            ));
        }
        queue.bytes.extend(bytes);
        drop(queue);
        self.shared.changed.notify_one();
        Ok(())
    }
}

impl Writer {
    /// Writes until the process ends or closes its end.
    pub(super) async fn run(self, ended: CancellationToken) {
        tokio::select! {
            () = ended.cancelled() => {}
            () = self.write_on() => {}
        }
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.bytes = VecDeque::new();
    }

    async fn write_on(&self) {
        loop {
            let piece = self.piece();
            if piece.is_empty() {
                // A program that closes its input while nobody writes is noticed when it is
                // hung up on.
                tokio::select! {
                    () = self.shared.changed.notified() => continue,
                    () = self.hung_up() => return,
                }
            }
            let written = self.pipe.async_io(Interest::WRITABLE, |pipe| {
                nix::unistd::write(pipe, &piece).map_err(io::Error::from)
            });
            match written.await {
                Ok(size) => drop(self.shared.lock().bytes.drain(..size)),
                Err(_) => return,
            }
        }
    }

    /// Waits until the program has closed its end. Whether there is room to write is not looked at:
    /// it must not be forgotten before a write has found none.
    async fn hung_up(&self) {
        let _ = self.pipe.ready(Interest::ERROR).await;
    }

    fn piece(&self) -> Vec<u8> {
        let queue = self.shared.lock();
        queue.bytes.iter().take(PIECE).copied().collect()
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that wait for a program to read.
const MOST: usize = 16 << 20;
const PIECE: usize = 64 << 10;
