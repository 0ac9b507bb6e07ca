//! Waiting for a condition with a bound. The only place that sleeps.

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Polls `probe` until it answers `Some`, and returns that answer.
///
/// # Panics
/// When the condition does not hold within `timeout`; the message names `what`.
#[track_caller]
pub fn wait_for<T>(what: &str, timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    match poll(timeout, &mut probe) {
        Some(answer) => answer,
        None => panic!("waited {timeout:?} in vain for {what}"),
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
        assert_eq!(answer, 3);
    }

    #[test]
    #[should_panic(expected = "in vain for a miracle")]
    fn names_what_never_happened() {
        wait_for("a miracle", Duration::from_millis(5), || None::<()>);
    }
}
