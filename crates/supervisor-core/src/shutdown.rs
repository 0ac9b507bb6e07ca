//! The order of a shutdown: which groups stop together, and until when.

use std::time::{Duration, Instant};

/// A shutdown under way.
#[derive(Debug)]
pub(crate) struct Shutdown {
    /// When everything that is left is killed.
    pub(crate) deadline: Instant,
    /// Priorities still to be stopped, ascending: the last one is next.
    pub(crate) waiting: Vec<i64>,
    /// When the next priority is stopped even if the present one has not ended.
    pub(crate) next_at: Instant,
    /// When the world is told again what is being waited for.
    pub(crate) report_at: Instant,
    /// Whether the end was announced.
    pub(crate) drained: bool,
}

impl Shutdown {
    pub(crate) fn new(mut priorities: Vec<i64>, now: Instant) -> Self {
        priorities.sort_unstable();
        priorities.dedup();
        Self {
            deadline: now + crate::SHUTDOWN_BUDGET,
            waiting: priorities,
            next_at: now,
            report_at: now,
            drained: false,
        }
    }

    /// Takes the next priority to stop and says until when it has: an equal share of what is left,
    /// so that one stubborn group does not cost the ones below it their chance to end well.
    pub(crate) fn next(&mut self, now: Instant) -> Option<(i64, Instant)> {
        let priority = self.waiting.pop()?;
        let shares = u32::try_from(self.waiting.len() + 1).unwrap_or(u32::MAX);
        let left = self.deadline.saturating_duration_since(now);
        self.next_at = now + left / shares;
        Some((priority, self.next_at))
    }

    /// When processes that survive even a kill are left behind.
    pub(crate) fn abandon_at(&self) -> Instant {
        self.deadline + ABANDON_AFTER
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if self.drained {
            return None;
        }
        let next = match self.waiting.is_empty() {
            true => self.abandon_at(),
            false => self.next_at,
        };
        Some(next.min(self.report_at))
    }
}

/// How often the world is told what a shutdown waits for.
pub(crate) const REPORT_EVERY: Duration = Duration::from_secs(3);
/// A killed process that has not ended by then is stuck in the kernel.
const ABANDON_AFTER: Duration = Duration::from_millis(700);
