//! The thread that asks the driver.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::{oneshot, watch};

use crate::{Driver, Failure, Observed, Process, Pulse, Snapshot, Source, State, settings::Pace};

/// A handle on the sampler thread; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
struct Shared {
    snapshots: watch::Sender<Arc<Snapshot>>,
    pulse: Pulse,
    watchers: AtomicUsize,
}

/// While it lives, samples are taken at the watched pace.
#[derive(Debug)]
pub(crate) struct Watching(Arc<Shared>);

#[derive(Clone, Copy, Debug)]
enum Command {
    /// Somebody began to watch.
    Wake,
    Stop,
}

impl Sampler {
    /// Starts the thread; `ended` is told when it has left the driver.
    pub(crate) fn start<S: Source>(
        pace: Pace,
        make: impl FnOnce() -> S + Send + 'static,
        ended: oneshot::Sender<()>,
    ) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel();
        let shared = Arc::new(Shared {
            snapshots: watch::Sender::new(Arc::new(Snapshot::starting())),
            pulse: Pulse::default(),
            watchers: AtomicUsize::new(0),
        });
        let thread_shared = shared.clone();
        thread::Builder::new()
            .name("sampler".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                Thread::new(make(), pace, thread_shared).run(&inbox);
                // Nobody listens if the daemon left without waiting.
                let _ = ended.send(());
            })?;
        Ok(Self { shared, commands })
    }

    /// The newest snapshot and all that follow.
    pub(crate) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.shared.snapshots.subscribe()
    }

    /// Asks for the watched pace while the answer lives.
    pub(crate) fn watching(&self) -> Watching {
        self.shared.watchers.fetch_add(1, Ordering::Relaxed);
        // A thread that has ended has no pace to change.
        let _ = self.commands.send(Command::Wake);
        Watching(self.shared.clone())
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.shared.pulse
    }

    /// Says that the call seen in `observed` hangs, unless it has returned since.
    pub(crate) fn publish_hung(&self, observed: Observed, hang: Duration) {
        let call = observed.call.unwrap_or_default();
        let changed = self.shared.snapshots.send_if_modified(|current| {
            // The thread publishes only between calls, so what it says is never overwritten.
            if self.shared.pulse.observe() != observed
                || matches!(current.state, State::Hung { .. })
            {
                return false;
            }
            let mut hung = current.hung(call, hang.as_secs());
            hung.generation = current.generation + 1;
            *current = Arc::new(hung);
            true
        });
        if changed {
            tracing::error!(call, "a driver call does not return");
        }
    }

    /// Asks the thread to end.
    pub(crate) fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What lives on the thread.
struct Thread<S> {
    source: S,
    pace: Pace,
    shared: Arc<Shared>,
    phase: Phase,
    /// Failures in a row.
    failures: u32,
}

enum Phase {
    /// The driver is opened again at `retry`.
    Closed {
        retry: Instant,
    },
    Open(Open),
}

struct Open {
    driver: Driver,
    processes: Vec<Vec<Process>>,
    processes_read: Option<Instant>,
    sampled: Option<Instant>,
}

impl<S: Source> Thread<S> {
    fn new(source: S, pace: Pace, shared: Arc<Shared>) -> Self {
        Self {
            source,
            pace,
            shared,
            phase: Phase::Closed {
                retry: Instant::now(),
            },
            failures: 0,
        }
    }

    fn run(mut self, inbox: &mpsc::Receiver<Command>) {
        loop {
            let now = Instant::now();
            let due = self.due(now);
            if due <= now {
                self.turn(now);
                continue;
            }
            match inbox.recv_timeout(due - now) {
                Ok(Command::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.source.close(&self.shared.pulse);
    }

    /// When the driver is asked next. A tick that was missed is not made up for.
    fn due(&self, now: Instant) -> Instant {
        let interval = if self.shared.watchers.load(Ordering::Relaxed) > 0 {
            self.pace.watched
        } else {
            self.pace.idle
        };
        match &self.phase {
            Phase::Closed { retry } => *retry,
            Phase::Open(open) => open.sampled.map_or(now, |sampled| sampled + interval),
        }
    }

    fn turn(&mut self, now: Instant) {
        let result = match &mut self.phase {
            Phase::Closed { .. } => self.open(),
            Phase::Open(_) => self.sample(now),
        };
        if let Err(failure) = result {
            self.fail(failure);
        }
    }

    fn open(&mut self) -> Result<(), Failure> {
        let driver = self.source.open(&self.shared.pulse)?;
        tracing::info!(
            version = driver.version,
            cuda = driver.cuda,
            "driver opened"
        );
        self.phase = Phase::Open(Open {
            driver,
            processes: Vec::new(),
            processes_read: None,
            sampled: None,
        });
        Ok(())
    }

    fn sample(&mut self, now: Instant) -> Result<(), Failure> {
        let Phase::Open(open) = &mut self.phase else {
            return Ok(());
        };
        let readings = self.source.read(&self.shared.pulse)?;
        let old = |read: Instant| now.duration_since(read) >= PROCESSES_EVERY;
        if open.processes_read.is_none_or(old) {
            open.processes = self.source.processes(&self.shared.pulse);
            open.processes_read = Some(now);
        }
        open.sampled = Some(now);
        let snapshot = Snapshot::sampled(
            open.driver.clone(),
            readings,
            open.processes.clone(),
            daemon::unix_micros(SystemTime::now()),
        );
        let lost = matches!(snapshot.state, State::AllLost { .. });
        publish(&self.shared, snapshot.clone());
        if lost {
            self.close_for_now(snapshot);
        } else {
            self.failures = 0;
        }
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        let failed = Snapshot::failed(failure.clone());
        if publish(&self.shared, failed.clone()) {
            tracing::info!(kind = ?failure.kind, text = failure.text, "no GPU readings");
        }
        self.close_for_now(failed);
    }

    /// Closes the driver until a later try; `known` is what is known until then.
    fn close_for_now(&mut self, known: Snapshot) {
        self.source.close(&self.shared.pulse);
        // Closing can take so long that the watchdog has called it a hang.
        publish(&self.shared, known);
        let pause = if self.failures == 0 {
            FIRST_RETRY
        } else {
            LATER_RETRY
        };
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Closed {
            retry: Instant::now() + pause,
        };
    }
}

/// Publishes unless nothing has changed; says whether it did.
fn publish(shared: &Shared, mut snapshot: Snapshot) -> bool {
    shared.snapshots.send_if_modified(|current| {
        if !snapshot.differs(current) {
            return false;
        }
        snapshot.generation = current.generation + 1;
        *current = Arc::new(snapshot.clone());
        true
    })
}

/// A stopped daemon waits this long for the thread; less than the grace of its tasks.
pub(crate) const PARTING: Duration = Duration::from_secs(2);

const PROCESSES_EVERY: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_secs(10);
const LATER_RETRY: Duration = Duration::from_secs(60);
const STACK: usize = 1 << 20;
