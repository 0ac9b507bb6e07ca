//! The life of one process: its output, its input, and its end.
//!
//! One task per process carries output to where it belongs and tells the driver when the process
//! has ended and all of its output is there.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
};
use supervisor_core::{Exit, Run};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use super::{
    Stdin, Told,
    pace::{PAUSE, Pace, Turn, USUAL},
    spawn::OurEnds,
};
use crate::{
    logs::{OutputEvent, Sink, WIDE_PIPE},
    watch::{Check, Verdict},
};

/// A process that was created and has not been forgotten.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    stdin: Option<Stdin>,
    sinks: Vec<SharedSink>,
}

/// What the driver is told about processes.
#[derive(Debug)]
pub(crate) enum Fact {
    /// It ended, and its output is where it belongs.
    Exited(Run, Exit),
    /// Its readiness probe succeeded.
    Ready(Run),
    /// It wrote something that is an event.
    Output(Run, OutputEvent),
    /// An event listener wrote this on its standard output.
    ListenerSaid(Run, Vec<u8>),
    /// bootd reaped a process that was taken over.
    Told(Told),
    /// It was found not to live.
    LivenessLost(Run, String),
    /// A command shall find out whether it lives.
    Check(Check),
    /// That command takes too long.
    EndCheck(i32),
    /// Whether it may start.
    Conditions(Run, Verdict),
}

/// What is to be done with the standard output of a process besides logging it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Nothing.
    Log,
    /// It is the protocol of an event listener.
    Protocol,
}

/// Everything the life of a process needs.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) run: Run,
    pub(crate) pid: i32,
    pub(crate) ends: OurEnds,
    pub(crate) end: oneshot::Receiver<Exit>,
    pub(crate) stdout: Sink,
    pub(crate) stderr: Sink,
    pub(crate) reading: Reading,
    pub(crate) facts: mpsc::Sender<Fact>,
}

type SharedSink = Arc<Mutex<Sink>>;

impl Process {
    /// Takes over a process. The future is its life and must be run to the end.
    ///
    /// # Errors
    /// When the descriptors cannot be watched.
    pub(crate) fn keep(
        life: Life,
    ) -> io::Result<(Self, impl Future<Output = ()> + Send + 'static)> {
        let Life {
            run,
            pid,
            ends,
            end,
            stdout,
            stderr,
            reading,
            facts,
        } = life;
        let stdin = ends.stdin.map(Stdin::open).transpose()?;
        let stdout = Arc::new(Mutex::new(stdout));
        let stderr = Arc::new(Mutex::new(stderr));
        let process = Self {
            pid,
            stdin: stdin.clone(),
            sinks: vec![Arc::clone(&stdout), Arc::clone(&stderr)],
        };
        let ended = CancellationToken::new();
        let pump = |fd: OwnedFd, sink: SharedSink, reading| -> io::Result<Pump> {
            Ok(Pump {
                pipe: watched(fd)?,
                sink,
                reading,
                run: run.clone(),
                facts: facts.clone(),
                ended: ended.clone(),
            })
        };
        let output = pump(ends.stdout, stdout, reading)?;
        let errors = ends.stderr.map(|fd| pump(fd, stderr, Reading::Log));
        let errors = errors.transpose()?;
        let ready = ends.notify.map(watched).transpose()?;
        // There is one such future per program, and a future has room for everything it may ever
        // hold, twice where it was moved: its parts are boxed, and so is what is rare.
        let output = Box::pin(output.run());
        let errors = errors.map(|errors| Box::pin(errors.run()));
        let written = stdin.clone().map(|stdin| Box::pin(stdin.carry()));
        let future = async move {
            let watch = async {
                // The reaper that is gone took the status with it.
                let exit = end.await.unwrap_or(LOST);
                ended.cancel();
                if let Some(stdin) = stdin {
                    stdin.close();
                }
                exit
            };
            let errors = async {
                if let Some(errors) = errors {
                    errors.await;
                }
            };
            let told = async {
                if let Some(pipe) = ready
                    && Box::pin(says_ready(&pipe, &ended)).await
                {
                    Box::pin(tell(&facts, Fact::Ready(run.clone()))).await;
                }
            };
            let written = async {
                if let Some(written) = written {
                    written.await;
                }
            };
            let (exit, (), (), (), ()) = tokio::join!(watch, output, errors, told, written);
            Box::pin(tell(&facts, Fact::Exited(run, exit))).await;
        };
        Ok((process, future))
    }

    /// Takes over a process whose output cannot be carried, to hear of its end. The future is its
    /// life and must be run to the end.
    pub(crate) fn mute(
        run: Run,
        pid: i32,
        end: oneshot::Receiver<Exit>,
        facts: mpsc::Sender<Fact>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let process = Self {
            pid,
            stdin: None,
            sinks: Vec::new(),
        };
        let life = async move {
            let exit = end.await.unwrap_or(LOST);
            // Only a driver that has itself ended does not listen.
            let _ = facts.send(Fact::Exited(run, exit)).await;
        };
        (process, life)
    }

    /// Writes to its standard input, in order, without waiting for the program to read.
    ///
    /// # Errors
    /// `BrokenPipe` when there is no standard input any more.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.stdin {
            Some(stdin) => stdin.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Opens its logs again.
    pub(crate) fn reopen_logs(&self) {
        for sink in &self.sinks {
            lock(sink).reopen();
        }
    }

    /// Empties its logs.
    pub(crate) fn clear_logs(&self) -> io::Result<()> {
        self.sinks.iter().try_for_each(|sink| lock(sink).clear())
    }

    /// Bytes of its output that could not be written.
    pub(crate) fn lost_output(&self) -> u64 {
        self.sinks.iter().map(|sink| lock(sink).lost()).sum()
    }
}

/// Carries one output to its sink.
struct Pump {
    pipe: AsyncFd<OwnedFd>,
    sink: SharedSink,
    reading: Reading,
    run: Run,
    facts: mpsc::Sender<Fact>,
    ended: CancellationToken,
}

/// What one move found.
enum Moved {
    /// So many bytes, and they are where they belong.
    Some(usize),
    Bytes(Vec<u8>, Vec<OutputEvent>),
    End,
}

impl Pump {
    /// Runs until the pipe ends, or the process has and the pipe is empty: a descendant may hold
    /// the pipe for ever.
    async fn run(self) {
        let mut buffer = Vec::new();
        let mut pace = Pace::new(capacity(self.pipe.get_ref()));
        loop {
            let moved = tokio::select! {
                biased;
                () = self.ended.cancelled() => break,
                ready = self.pipe.readable() => match ready {
                    Ok(mut guard) => match guard.try_io(|pipe| self.carry(pipe.get_ref(), &mut buffer)) {
                        Ok(moved) => moved.unwrap_or(Moved::End),
                        Err(_) => continue,
                    },
                    Err(_) => Moved::End,
                },
            };
            match moved {
                Moved::Some(size) => Box::pin(self.keep_pace(&mut pace, size)).await,
                Moved::Bytes(bytes, events) => Box::pin(self.tell(bytes, events)).await,
                Moved::End => return self.finish().await,
            }
            tokio::task::yield_now().await;
        }
        for _ in 0..AT_END {
            match self.carry(self.pipe.get_ref(), &mut buffer) {
                Ok(Moved::Some(_)) => {}
                Ok(Moved::Bytes(bytes, events)) => Box::pin(self.tell(bytes, events)).await,
                Ok(Moved::End) | Err(_) => break,
            }
        }
        self.finish().await;
    }

    /// Makes turns worth their cost, which is the same however much they move.
    async fn keep_pace(&self, pace: &mut Pace, moved: usize) {
        match pace.after(moved, Instant::now()) {
            Turn::Next => {}
            Turn::Wider => {
                let size = FcntlArg::F_SETPIPE_SZ(WIDE_PIPE.try_into().unwrap_or(i32::MAX));
                // Where there is no more room for it, all goes on as it was.
                let _ = fcntl(self.pipe.get_ref(), size);
            }
            Turn::Later => {
                tokio::select! {
                    () = self.ended.cancelled() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }

    /// Tells the driver what it wants to know.
    async fn tell(&self, bytes: Vec<u8>, events: Vec<OutputEvent>) {
        self.pass_on(events).await;
        if self.reading == Reading::Protocol {
            tell(&self.facts, Fact::ListenerSaid(self.run.clone(), bytes)).await;
        }
    }

    async fn finish(&self) {
        let events = lock(&self.sink).finish();
        if !events.is_empty() {
            Box::pin(self.pass_on(events)).await;
        }
    }

    async fn pass_on(&self, events: Vec<OutputEvent>) {
        for event in events {
            tell(&self.facts, Fact::Output(self.run.clone(), event)).await;
        }
    }

    /// Moves what there is, once.
    fn carry(&self, pipe: &OwnedFd, buffer: &mut Vec<u8>) -> io::Result<Moved> {
        let mut sink = lock(&self.sink);
        if self.reading == Reading::Log && sink.can_take() {
            match sink.take_from(pipe.as_fd()) {
                Ok(0) => return Ok(Moved::End),
                Ok(size) => return Ok(Moved::Some(size)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // A terminal, or a file system that cannot: it is read and written instead.
                Err(_) => {}
            }
        }
        buffer.resize(PIECE, 0);
        let size = loop {
            match nix::unistd::read(pipe, buffer) {
                Err(Errno::EINTR) => {}
                // The last holder of a terminal's other side is gone.
                Err(Errno::EIO) => break 0,
                result => break result?,
            }
        };
        if size == 0 {
            return Ok(Moved::End);
        }
        let bytes = &buffer[..size];
        let events = sink.write(bytes);
        let kept = match self.reading {
            Reading::Log => Vec::new(),
            Reading::Protocol => bytes.to_vec(),
        };
        Ok(Moved::Bytes(kept, events))
    }
}

/// How much a pipe has room for; a terminal, which is no pipe, is never left alone anyway.
fn capacity(pipe: &OwnedFd) -> usize {
    let size = fcntl(pipe, FcntlArg::F_GETPIPE_SZ).ok();
    size.and_then(|size| size.try_into().ok()).unwrap_or(USUAL)
}

/// Tells the driver. Only one that has itself ended does not listen.
async fn tell(facts: &mpsc::Sender<Fact>, fact: Fact) {
    let _ = facts.send(fact).await;
}

/// Whether a program wrote a line end on its notification descriptor before it closed it.
async fn says_ready(pipe: &AsyncFd<OwnedFd>, ended: &CancellationToken) -> bool {
    loop {
        let read = pipe.async_io(Interest::READABLE, |pipe| {
            let mut buffer = [0; 512];
            let size = nix::unistd::read(pipe, &mut buffer)?;
            Ok((size, buffer[..size].contains(&b'\n')))
        });
        let found = tokio::select! {
            () = ended.cancelled() => return false,
            found = read => found,
        };
        match found {
            Ok((_, true)) => return true,
            Ok((0, _)) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// Makes a descriptor of ours one that nobody waits on.
pub(super) fn unblocked(fd: OwnedFd) -> io::Result<OwnedFd> {
    let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(fd)
}

/// Makes a descriptor of ours one that the runtime watches.
pub(super) fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = unblocked(fd)?;
    debug_assert!(
        fd.as_raw_fd() > 2,
        "our own standard descriptors are not a program's"
    );
    #[expect(unsafe_code, reason = "the runtime keeps the number of the descriptor")]
    // SAFETY: the registration owns the descriptor and closes it only when it is dropped.
    let watched = unsafe { AsyncFd::register(fd) };
    watched.map_err(io::Error::from)
}

fn lock(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody else took the exit status; nothing is known but that it ended.
const LOST: Exit = Exit::Code(-1);
/// Bytes that are read at once, as in the original.
const PIECE: usize = 128 << 10;
/// Moves after the process has ended: more than the largest pipe holds.
const AT_END: usize = 128;
