//! The tasks of a daemon.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use crate::Stop;

/// Starts tasks and waits for them at the end.
///
/// A task that panics asks the whole daemon to stop: a daemon without one of its parts would look
/// alive and do half its work, and its supervisor can only help if it ends.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: Stop,
    names: Arc<Mutex<BTreeMap<u64, &'static str>>>,
    next: Arc<std::sync::atomic::AtomicU64>,
}

/// How the tasks ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "abandoned tasks change the exit code"]
pub enum Outcome {
    /// Every task ended by itself.
    Drained,
    /// These were still running when the grace period was over or cut short.
    Abandoned(Vec<&'static str>),
}

impl Tasks {
    /// No tasks yet; `stop` is requested if one of them panics.
    pub fn new(stop: Stop) -> Self {
        Self {
            tracker: TaskTracker::new(),
            stop,
            names: Arc::default(),
            next: Arc::default(),
        }
    }

    /// The stop these tasks listen to.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Starts a task; `name` says what it is in logs and in [`Outcome::Abandoned`].
    pub fn spawn<F>(&self, name: &'static str, span: Span, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.names().insert(id, name);
        let ended = Ended {
            tasks: self.clone(),
            id,
            name,
            finished: false,
        };
        let tracked = self.tracker.track_future(
            async move {
                let mut ended = ended;
                task.await;
                ended.finished = true;
            }
            .instrument(span),
        );
        #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
        drop(tokio::spawn(tracked));
    }

    /// Waits for every task to end, at most `grace` and not once the stop is pressed. The stop must
    /// have been requested.
    pub async fn shut_down(&self, grace: Duration) -> Outcome {
        self.tracker.close();
        tokio::select! {
            biased;
            () = self.tracker.wait() => return Outcome::Drained,
            () = self.stop.pressed() => {}
            () = tokio::time::sleep(grace) => {}
        }
        let left: Vec<_> = self.names().values().copied().collect();
        tracing::error!(tasks = ?left, "tasks did not end in time");
        Outcome::Abandoned(left)
    }

    fn names(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, &'static str>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("running", &self.tracker.len())
            .finish_non_exhaustive()
    }
}

/// Notices the end of a task, also by panic.
struct Ended {
    tasks: Tasks,
    id: u64,
    name: &'static str,
    finished: bool,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.tasks.names().remove(&self.id);
        if !self.finished && std::thread::panicking() {
            tracing::error!(task = self.name, "task panicked; the daemon stops");
            self.tasks.stop.request();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panicking_task_asks_the_daemon_to_stop() {
        let stop = Stop::new();
        let tasks = Tasks::new(stop.clone());
        tasks.spawn("doomed", Span::none(), async { panic!("on purpose") });
        stop.requested().await;
        assert_eq!(
            tasks.shut_down(Duration::from_secs(5)).await,
            Outcome::Drained
        );
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_a_stuck_task_after_the_grace_period() {
        let tasks = Tasks::new(Stop::new());
        tasks.spawn("stuck", Span::none(), std::future::pending());
        tasks.spawn("quick", Span::none(), async {});
        let outcome = tasks.shut_down(Duration::from_secs(5)).await;
        assert_eq!(outcome, Outcome::Abandoned(vec!["stuck"]));
    }

    #[tokio::test(start_paused = true)]
    async fn pressing_cuts_the_grace_period_short_and_asking_again_does_not() {
        let stop = Stop::new();
        let tasks = Tasks::new(stop.clone());
        tasks.spawn("stuck", Span::none(), std::future::pending());
        stop.request();
        stop.request();
        let grace = Duration::from_secs(5);
        let shutting_down = tasks.shut_down(grace);
        tokio::pin!(shutting_down);
        let early = tokio::time::timeout(grace / 2, &mut shutting_down).await;
        assert!(early.is_err(), "{early:?}");
        stop.press();
        let outcome = tokio::time::timeout(Duration::ZERO, shutting_down).await;
        assert_eq!(outcome, Ok(Outcome::Abandoned(vec!["stuck"])));
    }
}
