//! Time that all of us missed, our programs with us, because we were frozen or stopped. Pure.

use std::time::{Duration, Instant};

/// When we were last seen at work.
///
/// We look at every single step. Many of them together may take long on a busy machine, and that is
/// no pause: our programs ran meanwhile, and so did the time until the container is killed.
#[derive(Debug)]
pub(super) struct Awake(Instant);

impl Awake {
    pub(super) fn new(now: Instant) -> Self {
        Self(now)
    }

    /// Takes note of the end of a step; gives what of it can only have been a pause.
    pub(super) fn step(&mut self, now: Instant) -> Option<Duration> {
        let last = std::mem::replace(&mut self.0, now);
        missed(last, now)
    }

    /// Takes note of the end of something that may well take long.
    pub(super) fn rest(&mut self, now: Instant) {
        self.0 = now;
    }
}

/// How much too late it is for something that was due, if that can only mean a pause.
pub(super) fn missed(due: Instant, now: Instant) -> Option<Duration> {
    Some(now.saturating_duration_since(due)).filter(|late| *late > FROZEN)
}

/// Being later than this means that we were frozen.
const FROZEN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_slow_steps_are_no_pause_and_one_that_hangs_is() {
        let mut now = Instant::now();
        let mut awake = Awake::new(now);
        for _ in 0..200 {
            now += Duration::from_millis(20);
            assert_eq!(awake.step(now), None);
        }
        let pause = Duration::from_secs(4);
        now += pause;
        assert_eq!(awake.step(now), Some(pause));
        assert_eq!(awake.step(now), None);
    }

    #[test]
    fn what_may_take_long_is_no_pause() {
        let begin = Instant::now();
        let mut awake = Awake::new(begin);
        let now = begin + Duration::from_secs(4);
        awake.rest(now);
        assert_eq!(awake.step(now + Duration::from_millis(1)), None);
    }
}
