//! What happened on one port since start.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use http::StatusCode;

/// The counters of one port. Nobody waits for anybody.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    classes: [AtomicU64; CLASSES.len()],
    unauthorized: AtomicU64,
    websockets: AtomicU32,
    received: AtomicU64,
    sent: AtomicU64,
    latency: [AtomicU64; LATENCIES.len() + 1],
    latency_sum: AtomicU64,
    tried: AtomicBool,
    reached: AtomicBool,
}

/// A copy of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Answers by the classes of [`CLASSES`].
    pub(crate) classes: [u64; CLASSES.len()],
    /// Requests refused for lack of a credential.
    pub(crate) unauthorized: u64,
    /// WebSockets that are open.
    pub(crate) websockets: u32,
    /// Bytes of request bodies, and of WebSockets towards the app.
    pub(crate) received: u64,
    /// Bytes of answers' bodies, and of WebSockets towards the client.
    pub(crate) sent: u64,
    /// Answers by the time until their head, in the buckets of [`LATENCIES`]; the last one is for
    /// those that took longer.
    pub(crate) latency: [u64; LATENCIES.len() + 1],
    /// The sum of these times.
    pub(crate) latency_sum: Duration,
    /// Whether the last request reached the app; nothing before the first.
    pub(crate) reached: Option<bool>,
}

impl Counters {
    /// The head of an answer was ready so long after its request.
    pub(crate) fn answered(&self, status: StatusCode, after: Duration) {
        // An upgraded connection is counted as a success, like the page that asked for it.
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        add(&self.classes[class], 1);
        let bucket = LATENCIES.partition_point(|limit| *limit < after);
        add(&self.latency[bucket], 1);
        let micros = after.as_micros().try_into().unwrap_or(u64::MAX);
        add(&self.latency_sum, micros);
    }

    pub(crate) fn refused(&self) {
        add(&self.unauthorized, 1);
    }

    pub(crate) fn received(&self, bytes: u64) {
        add(&self.received, bytes);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        add(&self.sent, bytes);
    }

    pub(crate) fn websocket_opened(&self) {
        self.websockets.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn websocket_closed(&self) {
        self.websockets.fetch_sub(1, Ordering::Relaxed);
    }

    /// Remembers whether the app answered; true if that differs from the last time.
    pub(crate) fn reached(&self, reached: bool) -> bool {
        let first = !self.tried.swap(true, Ordering::Relaxed);
        self.reached.swap(reached, Ordering::Relaxed) != reached || first
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            classes: self.classes.each_ref().map(get),
            unauthorized: get(&self.unauthorized),
            websockets: self.websockets.load(Ordering::Relaxed),
            received: get(&self.received),
            sent: get(&self.sent),
            latency: self.latency.each_ref().map(get),
            latency_sum: Duration::from_micros(get(&self.latency_sum)),
            reached: self
                .tried
                .load(Ordering::Relaxed)
                .then(|| self.reached.load(Ordering::Relaxed)),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Classes of status codes, of 200 to 500 and upwards.
pub(crate) const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// Upper limits of the buckets of times.
pub(crate) const LATENCIES: [Duration; 12] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_first_bucket_that_holds_it() {
        let counters = Counters::default();
        for micros in [0, 1000, 1001, 30_000_000, 30_000_001] {
            counters.answered(StatusCode::OK, Duration::from_micros(micros));
        }
        let counts = counters.counts();
        assert_eq!(counts.latency[..2], [2, 1]);
        assert_eq!(counts.latency[11..], [1, 1]);
        assert_eq!(counts.latency_sum, Duration::from_micros(60_002_002));
        assert_eq!(counts.classes, [5, 0, 0, 0]);
    }
}
