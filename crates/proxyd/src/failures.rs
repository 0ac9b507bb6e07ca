//! Wrong credentials by client: a few are anybody's mistakes, more are somebody guessing.
//!
//! A client that has used up its mistakes has to wait before it may try again. Sessions are not
//! tried: they were signed by us, so that nobody who is logged in is locked out by a neighbour
//! behind the same address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// What is known of everybody's mistakes.
#[derive(Debug)]
pub(crate) struct Failures {
    mistakes: DefaultKeyedRateLimiter<IpAddr>,
    waiting: Mutex<HashMap<IpAddr, Instant>>,
    /// Whether anybody waits, so that in general nothing is locked.
    any: AtomicBool,
}

impl Failures {
    pub(crate) fn new() -> Self {
        let quota = Quota::with_period(EVERY).expect("a period that is not zero");
        Self {
            mistakes: RateLimiter::keyed(quota.allow_burst(AT_ONCE)),
            waiting: Mutex::default(),
            any: AtomicBool::new(false),
        }
    }

    /// Takes note of a wrong credential.
    pub(crate) fn failed(&self, client: IpAddr, now: Instant) {
        let client = household(client);
        if self.mistakes.check_key(&client).is_ok() {
            if self.mistakes.len() > MOST_CLIENTS {
                self.mistakes.retain_recent();
            }
            return;
        }
        tracing::warn!(%client, "too many wrong credentials");
        let mut waiting = self.waiting();
        waiting.retain(|_, until| *until > now);
        // Whoever has that many addresses is not kept from guessing by this.
        if waiting.len() < MOST_CLIENTS {
            waiting.insert(client, now + PAUSE);
        }
        self.any.store(true, Ordering::Relaxed);
    }

    /// How long a client has to wait before it may try a credential.
    pub(crate) fn wait(&self, client: IpAddr, now: Instant) -> Option<Duration> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut waiting = self.waiting();
        let until = *waiting.get(&household(client))?;
        let left = until.checked_duration_since(now);
        if left.is_none() {
            waiting.remove(&household(client));
            self.any.store(!waiting.is_empty(), Ordering::Relaxed);
        }
        left
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client has as many addresses of IPv6 as it likes, within one network of 64 bits.
pub(crate) fn household(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Mistakes that may be made one after the other.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// One more may be made every so often.
const EVERY: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_secs(30);
const MOST_CLIENTS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_guesses_waits_and_nobody_else_does() {
        let failures = Failures::new();
        let now = Instant::now();
        let one: IpAddr = "10.0.0.1".parse().unwrap();
        for _ in 0..AT_ONCE.get() {
            failures.failed(one, now);
            assert_eq!(failures.wait(one, now), None);
        }
        failures.failed(one, now);
        assert_eq!(failures.wait(one, now), Some(PAUSE));
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(failures.wait(mapped, now), Some(PAUSE));
        assert_eq!(failures.wait("10.0.0.2".parse().unwrap(), now), None);
        assert_eq!(failures.wait(one, now + PAUSE + EVERY), None);
        assert!(!failures.any.load(Ordering::Relaxed));
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let failures = Failures::new();
        let now = Instant::now();
        for number in 0..=AT_ONCE.get() {
            let client = format!("2001:db8::{number:x}").parse().unwrap();
            failures.failed(client, now);
        }
        let other = "2001:db8::ffff".parse().unwrap();
        assert!(failures.wait(other, now).is_some());
        let elsewhere = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(failures.wait(elsewhere, now), None);
    }
}
