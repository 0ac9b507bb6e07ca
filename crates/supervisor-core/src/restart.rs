//! How long a program waits before it is started again unasked.

use std::time::Duration;

/// The pause before the n-th restart in a row: `delay` × `factor`ⁿ⁻¹, at most `max`, give or take
/// `jitter`.
///
/// The default is the original's behaviour: no pause, apart from the brake on crash loops. With a
/// `delay` the pauses between failed starts follow the same rule instead of growing by a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartPolicy {
    /// The first pause; zero for none at all.
    pub delay: Duration,
    /// How much longer each pause is than the one before; at least 1.
    pub factor: f64,
    /// No pause is longer, apart from its jitter.
    pub max: Duration,
    /// The largest part of a pause that is added or taken away, from 0 to 1.
    pub jitter: f64,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            factor: 1.0,
            max: Duration::from_secs(300),
            jitter: 0.0,
        }
    }
}
