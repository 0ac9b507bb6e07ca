//! Waiting for a condition with a bound. The only place that sleeps.

use std::fmt::Display;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::anyhow;

/// Polls `probe` until it answers `Some` or `Ok`, and returns that answer.
///
/// # Errors
/// When the condition does not hold within `timeout`; the message names `what`, and the last
/// refusal of a probe that gives reasons.
pub fn wait_for<P: Probed>(
    what: &str,
    timeout: Duration,
    mut probe: impl FnMut() -> P,
) -> anyhow::Result<P::Answer> {
    let mut last = None;
    let answer = poll(timeout, || match probe().settle() {
        Ok(answer) => Some(answer),
        Err(reason) => {
            last = reason;
            None
        }
    });
    answer.ok_or_else(|| {
        let last = last
            .map(|reason| format!(", last: {reason}"))
            .unwrap_or_default();
        anyhow!("waited {timeout:?} in vain for {what}{last}")
    })
}

/// What a probe of [`wait_for`] may return.
pub trait Probed {
    /// What it is waited for.
    type Answer;

    /// The answer, or why there is none yet.
    ///
    /// # Errors
    /// When the condition does not hold yet.
    fn settle(self) -> Result<Self::Answer, Option<String>>;
}

impl<T> Probed for Option<T> {
    type Answer = T;

    fn settle(self) -> Result<T, Option<String>> {
        self.ok_or(None)
    }
}

impl<T, E: Display> Probed for Result<T, E> {
    type Answer = T;

    fn settle(self) -> Result<T, Option<String>> {
        // The alternate form of an anyhow error is its whole chain.
        self.map_err(|error| Some(format!("{error:#}")))
    }
}

/// A TCP port of the loopback interface that was free a moment ago.
///
/// Another process may take it first: prefer binding port 0 yourself where you can.
///
/// # Panics
/// When the host has no free port.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("the host has a free port")
        .port()
}

/// Like [`wait_for`], with `None` for a condition that never held.
pub(crate) fn poll<T>(timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    loop {
        // The clock is read before the probe, so that a probe always follows the deadline.
        let expired = started.elapsed() >= timeout;
        if let Some(answer) = probe() {
            return Some(answer);
        }
        if expired {
            return None;
        }
        nap(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "polling needs a pause, and this is the one place that polls"
)]
pub(crate) fn nap(pause: Duration) {
    std::thread::sleep(pause);
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_first_answer() {
        let mut calls = 0;
        let answer = wait_for("the third call", Duration::from_secs(5), || {
            calls += 1;
            (calls == 3).then_some(calls)
        });
        assert_eq!(answer.unwrap(), 3);
    }

    #[test]
    fn names_what_never_happened_and_why() {
        let brief = Duration::from_millis(5);
        let error = wait_for("a miracle", brief, || None::<()>).unwrap_err();
        assert_eq!(error.to_string(), "waited 5ms in vain for a miracle");
        let error = wait_for("a number", brief, || "x".parse::<u8>()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("last: invalid digit found in string"),
            "{error}"
        );
    }
}
