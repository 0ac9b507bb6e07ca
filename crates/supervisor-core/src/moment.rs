//! Moments that lie ahead.

use std::time::{Duration, Instant};

/// The moment that long after another. A configuration may name any number of seconds; what lies
/// beyond a lifetime is cut, so that no sum leaves the range of the clock.
pub(crate) fn later(at: Instant, wait: Duration) -> Instant {
    at + wait.min(LIFETIME)
}

const LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
