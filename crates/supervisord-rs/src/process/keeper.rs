//! The life of one process: its output, signals to it, and its end.
//!
//! One task per process owns the `Child`. Signals go through it, so none is sent after the process
//! was reaped and its number could belong to somebody else.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
};

use nix::{errno::Errno, sys::signal::Signal, unistd::Pid};
use supervisor_core::{Exit, Run, Scope};
use tokio::{net::unix::pipe, process::Child, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::spawn::Created;
use crate::logs::Sink;

/// A process that was created and has not been forgotten.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    stdin: pipe::Sender,
    orders: mpsc::UnboundedSender<Order>,
    sinks: Vec<Arc<Mutex<Sink>>>,
}

/// A signal to be delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) number: i32,
    pub(crate) scope: Scope,
}

/// What the driver is told about processes.
#[derive(Debug)]
pub(crate) enum Fact {
    /// It ended, and its output is where it belongs.
    Exited(Run, Exit),
    /// A signal could not be delivered.
    SignalFailed(Run, Errno),
    /// Its probe succeeded.
    Ready(Run),
}

impl Process {
    /// Takes over a created process. The future is its life and must be run to the end.
    pub(crate) fn keep(
        created: Created,
        run: Run,
        stdout: Sink,
        stderr: Sink,
        facts: mpsc::Sender<Fact>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (orders, received) = mpsc::unbounded_channel();
        let stdout = Arc::new(Mutex::new(stdout));
        let stderr = Arc::new(Mutex::new(stderr));
        let process = Self {
            pid: created.pid,
            stdin: created.stdin,
            orders,
            sinks: vec![Arc::clone(&stdout), Arc::clone(&stderr)],
        };
        let life = live(
            Life {
                run,
                child: created.child,
                pid: Pid::from_raw(created.pid),
                orders: received,
                facts,
            },
            (created.stdout, stdout),
            created.stderr.map(|pipe| (pipe, stderr)),
        );
        (process, life)
    }

    /// Has a signal delivered; a process that has just ended gets none.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// Writes to its standard input what fits.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = &rest[self.stdin.try_write(rest)?..];
        }
        Ok(())
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
}

struct Life {
    run: Run,
    child: Child,
    pid: Pid,
    orders: mpsc::UnboundedReceiver<Order>,
    facts: mpsc::Sender<Fact>,
}

type Stream = (pipe::Receiver, Arc<Mutex<Sink>>);

async fn live(mut life: Life, stdout: Stream, stderr: Option<Stream>) {
    let ended = CancellationToken::new();
    let watch = async {
        let status = wait(&mut life).await;
        ended.cancel();
        status
    };
    let errors = async {
        if let Some(stderr) = stderr {
            pump(stderr, &ended).await;
        }
    };
    let (status, (), ()) = tokio::join!(watch, pump(stdout, &ended), errors);
    // Only a driver that has itself ended does not listen.
    let _ = life.facts.send(Fact::Exited(life.run, status)).await;
}

async fn wait(life: &mut Life) -> Exit {
    loop {
        tokio::select! {
            biased;
            status = life.child.wait() => return status.map_or(LOST, exit),
            Some(order) = life.orders.recv() => {
                if let Err(errno) = deliver(life.pid, order) {
                    let fact = Fact::SignalFailed(life.run.clone(), errno);
                    let _ = life.facts.send(fact).await;
                }
            }
        }
    }
}

fn deliver(pid: Pid, order: Order) -> Result<(), Errno> {
    let Ok(signal) = Signal::try_from(order.number) else {
        return Ok(());
    };
    let result = match order.scope {
        Scope::Leader => nix::sys::signal::kill(pid, signal),
        Scope::Group => nix::sys::signal::killpg(pid, signal),
    };
    match result {
        // It has ended by itself; that will be told in a moment.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Carries output to its sink until the pipe ends, or the process has and the pipe is empty: a
/// descendant may hold the pipe for ever.
async fn pump((pipe, sink): Stream, ended: &CancellationToken) {
    let open = loop {
        tokio::select! {
            biased;
            () = ended.cancelled() => break true,
            ready = pipe.readable() => {
                if ready.is_err() || carry(&pipe, &sink, AT_ONCE) == Carried::End {
                    break false;
                }
            }
        }
        tokio::task::yield_now().await;
    };
    if open {
        carry(&pipe, &sink, AT_END);
    }
    lock(&sink).finish();
}

#[derive(PartialEq, Eq)]
enum Carried {
    Some,
    End,
}

fn carry(pipe: &pipe::Receiver, sink: &Mutex<Sink>, reads: usize) -> Carried {
    let mut buffer = [0u8; 16 << 10];
    for _ in 0..reads {
        match pipe.try_read(&mut buffer) {
            Ok(0) => return Carried::End,
            Ok(size) => lock(sink).write(&buffer[..size]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Carried::Some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Carried::End,
        }
    }
    Carried::Some
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(number)) => Exit::Signal {
            number,
            dumped: status.core_dumped(),
        },
        (None, None) => LOST,
    }
}

fn lock(sink: &Mutex<Sink>) -> std::sync::MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody else took the exit status; nothing is known but that it ended.
const LOST: Exit = Exit::Code(-1);
/// Reads before other tasks get their turn.
const AT_ONCE: usize = 16;
/// Reads after the process has ended: more than the largest pipe holds.
const AT_END: usize = 128;
