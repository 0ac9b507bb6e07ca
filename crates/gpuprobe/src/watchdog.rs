//! Notices a driver call that does not return.
//!
//! A container can be frozen for hours, and then every call looks hours old. So the time a call
//! has taken is added up from the watchdog's own looks, and a gap between two looks counts as two
//! ticks at most.

use std::time::{Duration, Instant};

use daemon::Stop;
use tokio::time::MissedTickBehavior;

use crate::{Observed, sampler::Sampler, settings::Pace};

/// Looks at the sampler's calls until `stop`.
pub(crate) async fn run(sampler: Sampler, pace: Pace, stop: Stop) {
    let mut watchdog = Watchdog::new(pace.hang_after, Instant::now());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.requested() => return,
            _ = ticks.tick() => {}
        }
        let observed = sampler.pulse().observe();
        if let Some(hang) = watchdog.look(observed, Instant::now()) {
            sampler.publish_hung(observed, hang);
        }
    }
}

/// How long the present call has been under way, as far as anybody was awake to see it.
#[derive(Debug)]
struct Watchdog {
    limit: Duration,
    calls: u64,
    waited: Duration,
    last: Instant,
}

impl Watchdog {
    fn new(limit: Duration, now: Instant) -> Self {
        Self {
            limit,
            calls: 0,
            waited: Duration::ZERO,
            last: now,
        }
    }

    /// How long a call has been under way, if that is too long.
    fn look(&mut self, observed: Observed, now: Instant) -> Option<Duration> {
        let passed = now.duration_since(self.last).min(TICK * 2);
        self.last = now;
        if observed.call.is_none() || observed.calls != self.calls {
            self.calls = observed.calls;
            self.waited = Duration::ZERO;
            return None;
        }
        self.waited += passed;
        let limit = if observed.opening {
            self.limit * OPENING
        } else {
            self.limit
        };
        (self.waited >= limit).then_some(self.waited)
    }
}

const TICK: Duration = Duration::from_secs(1);

/// Opening the driver may take this many times longer than another call.
const OPENING: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn call(calls: u64, opening: bool) -> Observed {
        Observed {
            calls,
            call: Some("nvmlX"),
            opening,
        }
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_call_hangs_when_it_outlasts_the_limit_and_recovers_with_the_next() {
        let start = Instant::now();
        let mut dog = Watchdog::new(seconds(3), start);
        assert_eq!(dog.look(call(1, false), start), None);
        assert_eq!(dog.look(call(1, false), start + seconds(1)), None);
        assert_eq!(dog.look(call(1, false), start + seconds(2)), None);
        assert_eq!(
            dog.look(call(1, false), start + seconds(3)),
            Some(seconds(3))
        );
        assert_eq!(dog.look(call(2, false), start + seconds(4)), None);
    }

    #[test]
    fn many_short_calls_do_not_add_up() {
        let start = Instant::now();
        let mut dog = Watchdog::new(seconds(3), start);
        for second in 0..60 {
            let now = start + seconds(second);
            assert_eq!(dog.look(call(second, false), now), None);
        }
    }

    #[test]
    fn a_frozen_container_is_not_a_hung_driver() {
        let start = Instant::now();
        let mut dog = Watchdog::new(seconds(5), start);
        assert_eq!(dog.look(call(1, false), start), None);
        assert_eq!(dog.look(call(1, false), start + seconds(36_000)), None);
        assert_eq!(dog.look(call(2, false), start + seconds(36_001)), None);
    }

    #[test]
    fn opening_the_driver_may_take_longer() {
        let start = Instant::now();
        let mut dog = Watchdog::new(seconds(3), start);
        let hung: Vec<_> = (0..=31)
            .filter(|second| dog.look(call(1, true), start + seconds(*second)).is_some())
            .collect();
        assert_eq!(hung, [30, 31]);
    }
}
