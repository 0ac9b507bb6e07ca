//! The init thread: signals, reaping, the supervisor, the end of the instance.
//!
//! One loop that waits for descriptors and deadlines. It never waits for anything else, runs no
//! asynchronous code, and other threads reach it only by [`Handle`], so that whatever happens to
//! them, PID 1 goes on reaping.

use std::{
    io,
    os::fd::AsFd as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        eventfd::{EfdFlags, EventFd},
        signal::{Signal, killpg},
    },
    unistd::Pid,
};

use crate::{
    board::{Board, Phase},
    keeper::{By, End, Keeper, Launch},
    shutdown::{Next, Shutdown},
    system::{Children, Request, Signals},
};

/// The init thread's own state.
#[derive(Debug)]
pub(crate) struct Init {
    signals: Signals,
    children: Arc<Children>,
    board: Board,
    keeper: Keeper,
    handle: Handle,
    calls: mpsc::Receiver<Call>,
    shutdown: Option<Shutdown>,
    /// Whether somebody outside has asked for the end.
    is_asked: bool,
    /// What bootd exits with.
    code: u8,
}

/// Reaches the init thread from others.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    calls: mpsc::Sender<Call>,
    wake: Arc<EventFd>,
    stopping: Arc<AtomicBool>,
    /// Process group of the boot shell, 0 if none runs.
    pub(crate) shell_group: Arc<AtomicI32>,
}

#[derive(Debug)]
enum Call {
    Launch(Launch, mpsc::Sender<Result<i32, String>>),
    Stop(String),
}

impl Handle {
    /// Has the supervisor started; answers with its process id or why it did not start.
    pub(crate) fn launch(&self, launch: Launch) -> Result<i32, String> {
        let (sender, answer) = mpsc::channel();
        self.call(Call::Launch(launch, sender));
        let gone = |_| "the init thread has ended".to_owned();
        answer.recv().map_err(gone)?
    }

    /// Asks for an ordered end of the instance.
    pub(crate) fn stop(&self, reason: String) {
        self.call(Call::Stop(reason));
    }

    /// Whether the instance is about to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn call(&self, call: Call) {
        let _ = self.calls.send(call);
        let _ = self.wake.write(1);
    }
}

impl Init {
    /// An init for these signals; the keeper has nothing to keep yet.
    pub(crate) fn new(
        signals: Signals,
        children: Arc<Children>,
        board: Board,
        supervisor: Vec<String>,
    ) -> io::Result<Self> {
        let (sender, calls) = mpsc::channel();
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let handle = Handle {
            calls: sender,
            wake: Arc::new(wake),
            stopping: Arc::default(),
            shell_group: Arc::default(),
        };
        Ok(Self {
            keeper: Keeper::new(supervisor, board.clone(), Arc::clone(&children)),
            signals,
            children,
            board,
            handle,
            calls,
            shutdown: None,
            is_asked: false,
            code: 0,
        })
    }

    /// A handle for other threads.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until the instance has ended; gives the exit code.
    pub(crate) fn run(mut self) -> u8 {
        loop {
            self.wait();
            for request in in_order(self.signals.take()) {
                match request {
                    Request::Reap => self.reap(),
                    Request::Stop(signal) => self.stop(signal),
                }
            }
            let _ = self.handle.wake.read();
            while let Ok(call) = self.calls.try_recv() {
                self.answer(call);
            }
            self.listen();
            let now = Instant::now();
            self.keeper.advance(now);
            if let Some(shutdown) = &mut self.shutdown
                && shutdown.advance(now, self.board.state().is_init) == Next::End
            {
                return self.code;
            }
        }
    }

    /// The reason of the next request to stop that has arrived and was not answered yet.
    #[cfg(test)]
    pub(crate) fn next_stop(&self) -> Option<String> {
        self.calls.try_iter().find_map(|call| match call {
            Call::Stop(reason) => Some(reason),
            Call::Launch(..) => None,
        })
    }

    fn wait(&self) {
        let now = Instant::now();
        let deadlines = [
            self.keeper.deadline(now),
            self.shutdown.as_ref().map(|s| s.deadline(now)),
        ];
        let timeout = match deadlines.into_iter().flatten().min() {
            Some(deadline) => {
                // Rounded up: a deadline must have passed when the loop looks at it.
                let rest = deadline.saturating_duration_since(now) + Duration::from_millis(1);
                PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        };
        let mut descriptors = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.handle.wake.as_fd(), PollFlags::POLLIN),
        ];
        descriptors.extend(self.keeper.channel().map(|(channel, has_mail)| {
            let mut flags = PollFlags::POLLIN;
            flags.set(PollFlags::POLLOUT, has_mail);
            PollFd::new(channel, flags)
        }));
        // An interrupted or failed wait costs one turn of the loop.
        let _ = poll(&mut descriptors, timeout);
    }

    fn reap(&mut self) {
        let reaped = self.children.reap();
        // What the supervisor said of its programs before they and it ended comes first.
        self.listen();
        if !reaped.orphans.is_empty() {
            let count = u64::try_from(reaped.orphans.len()).unwrap_or(u64::MAX);
            self.board.change(|state| state.orphans_reaped += count);
            self.keeper.reaped(&reaped.orphans);
        }
        if let Some(ending) = reaped.supervisor {
            let now = Instant::now();
            self.keeper.ended(ending, now);
            if let Some(shutdown) = &mut self.shutdown {
                tracing::info!(%ending, "supervisor ended");
                shutdown.supervisor_ended(now);
            }
        }
    }

    fn answer(&mut self, call: Call) {
        match call {
            Call::Launch(launch, answer) => {
                let result = if self.shutdown.is_some() {
                    Err("the instance stops".to_owned())
                } else {
                    self.keeper.launch(launch)
                };
                let _ = answer.send(result);
            }
            Call::Stop(reason) => self.stop(&reason),
        }
    }

    fn listen(&mut self) {
        if let Some(end) = self.keeper.listen(Instant::now()) {
            self.give_up(&end);
        }
    }

    /// The supervisor cannot go on without one of its programs.
    fn give_up(&mut self, end: &End) {
        let End { code, reason } = end;
        if self.shutdown.is_some() {
            tracing::info!(code, reason, "supervisor gives up while the instance stops");
            return;
        }
        self.code = *code;
        let text = format!("{reason}; the instance stops with exit code {code}");
        self.board.mistake("supervisor", text);
        self.begin_end(reason, By::Itself);
    }

    /// Begins the end, or hurries it.
    fn stop(&mut self, reason: &str) {
        let was_asked = std::mem::replace(&mut self.is_asked, true);
        match &mut self.shutdown {
            Some(shutdown) if was_asked => {
                tracing::warn!(reason, "asked again to stop; everything is killed");
                shutdown.hurry(Instant::now());
            }
            Some(_) => tracing::info!(reason, "asked to stop; the instance does already"),
            None => self.begin_end(reason, By::Us),
        }
    }

    fn begin_end(&mut self, reason: &str, by: By) {
        tracing::info!(reason, "instance stops");
        self.handle.stopping.store(true, Ordering::SeqCst);
        self.board.change(|state| state.phase = Phase::Stopping);
        let shell = self.handle.shell_group.load(Ordering::SeqCst);
        if shell > 0 {
            let _ = killpg(Pid::from_raw(shell), Signal::SIGTERM);
        }
        let supervisor = self.keeper.stop(by);
        self.shutdown = Some(Shutdown::begin(supervisor, Instant::now()));
    }
}

/// Children first: a stop must not signal a process that has ended, whose number may be somebody
/// else's by then.
fn in_order(mut requests: Vec<Request>) -> Vec<Request> {
    requests.sort_by_key(|request| match request {
        Request::Reap => 0,
        Request::Stop(_) => 1,
    });
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_children_are_collected_before_anybody_is_signalled() {
        let arrived = vec![
            Request::Stop("SIGINT"),
            Request::Stop("SIGTERM"),
            Request::Reap,
        ];
        let expected = [
            Request::Reap,
            Request::Stop("SIGINT"),
            Request::Stop("SIGTERM"),
        ];
        assert_eq!(in_order(arrived), expected);
    }
}
