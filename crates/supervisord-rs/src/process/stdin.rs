//! A program's standard input. What does not fit into the pipe waits here until the program reads.

use std::{
    collections::VecDeque,
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::errno::Errno;
use tokio::{io::Interest, sync::Notify};

use super::keeper::{unblocked, watched};

/// The end that others write to.
#[derive(Clone, Debug)]
pub(crate) struct Stdin {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pipe: OwnedFd,
    queue: Mutex<Queue>,
    /// Something waits, or nobody reads any more.
    changed: Notify,
}

/// What waits. Hardly ever anything does, so that nothing watches the pipe until then.
#[derive(Debug, Default)]
struct Queue {
    bytes: VecDeque<u8>,
    closed: bool,
}

impl Stdin {
    pub(super) fn open(pipe: OwnedFd) -> io::Result<Self> {
        let shared = Shared {
            pipe: unblocked(pipe)?,
            queue: Mutex::default(),
            changed: Notify::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Writes `bytes`, now or as soon as the program has read what is before them.
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
        let now = match queue.bytes.is_empty() {
            true => self.shared.put(bytes)?,
            false => 0,
        };
        let rest = &bytes[now..];
        if !rest.is_empty() {
            queue.bytes.extend(rest);
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// The process has ended.
    pub(super) fn close(&self) {
        self.shared.close();
    }

    /// Writes what waits, until the process ends or closes its end.
    pub(super) async fn carry(self) {
        while !self.shared.lock().closed {
            self.shared.changed.notified().await;
            // The end of a process is news, too, and nothing waits for it then.
            if !self.shared.lock().bytes.is_empty() && Box::pin(self.shared.empty()).await.is_err()
            {
                self.close();
            }
        }
    }
}

impl Shared {
    /// Writes what the pipe has room for.
    fn put(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match nix::unistd::write(&self.pipe, &bytes[written..]) {
                Ok(size) => written += size,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(written)
    }

    /// Writes until nothing waits any more.
    async fn empty(&self) -> io::Result<()> {
        let pipe = watched(self.pipe.try_clone()?)?;
        loop {
            let piece = self.piece();
            if piece.is_empty() {
                return Ok(());
            }
            let written = pipe.async_io(Interest::WRITABLE, |pipe| {
                nix::unistd::write(pipe, &piece).map_err(io::Error::from)
            });
            tokio::select! {
                written = written => self.written(written?),
                // There is more, or nobody reads it.
                () = self.changed.notified() => {}
            }
        }
    }

    fn written(&self, size: usize) {
        let bytes = &mut self.lock().bytes;
        // Nothing waits any more if the process has ended meanwhile.
        bytes.drain(..size.min(bytes.len()));
    }

    fn piece(&self) -> Vec<u8> {
        let queue = self.lock();
        queue.bytes.iter().take(PIECE).copied().collect()
    }

    fn close(&self) {
        *self.lock() = Queue {
            closed: true,
            ..Queue::default()
        };
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that wait for a program to read.
const MOST: usize = 16 << 20;
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::{io::Read as _, pin::pin, time::Duration};

    use super::*;

    /// More than a pipe holds.
    const MUCH: usize = 1 << 20;

    fn pipe() -> (io::PipeReader, Stdin) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, Stdin::open(writer.into()).unwrap())
    }

    #[tokio::test]
    async fn what_does_not_fit_into_the_pipe_is_written_when_it_is_read_and_in_order() {
        let (mut reader, stdin) = pipe();
        let text: Vec<u8> = (0..=250).cycle().take(MUCH).collect();
        let (first, second) = text.split_at(MUCH / 3);
        let use_it = async {
            stdin.write(first).unwrap();
            stdin.write(second).unwrap();
            let read = tokio::task::spawn_blocking(move || {
                let mut read = vec![0; MUCH];
                reader.read_exact(&mut read).map(|()| (reader, read))
            });
            let (mut reader, read) = read.await.unwrap().unwrap();
            assert!(read == text);
            // Then it is written at once again.
            stdin.write(b"x").unwrap();
            let mut last = [0];
            reader.read_exact(&mut last).unwrap();
            assert_eq!(last, *b"x");
            stdin.close();
        };
        tokio::join!(stdin.clone().carry(), use_it);
    }

    #[tokio::test]
    async fn the_carrier_ends_with_the_process_though_much_waits() {
        let (_reader, stdin) = pipe();
        let mut carrier = pin!(stdin.clone().carry());
        stdin.write(&vec![0; MUCH]).unwrap();
        let waits = tokio::time::timeout(Duration::from_millis(10), &mut carrier);
        assert!(waits.await.is_err());
        stdin.close();
        carrier.await;
        let error = stdin.write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_program_that_closes_its_end_or_does_not_read_is_an_error() {
        let (reader, stdin) = pipe();
        stdin.write(&vec![0; MOST]).unwrap();
        let error = stdin.write(&vec![0; MOST]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        drop(reader);
        stdin.clone().carry().await;
        let error = stdin.write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);

        let (reader, stdin) = pipe();
        drop(reader);
        let error = stdin.write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
