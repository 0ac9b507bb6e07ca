//! When this daemon started.

use std::time::{SystemTime, UNIX_EPOCH};

/// Start of a daemon in microseconds since the Unix epoch.
///
/// Every snapshot carries it, so that a reader can tell a restart from a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// The present moment; call it once per daemon.
    pub fn now() -> Self {
        Self(unix_micros(SystemTime::now()))
    }

    /// The value as snapshots carry it.
    pub fn micros(self) -> u64 {
        self.0
    }
}

/// Microseconds since the Unix epoch; 0 for times before it.
pub fn unix_micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| {
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    })
}
