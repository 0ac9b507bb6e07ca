//! What one exchange cost and how it went: counted on its port, and told in the access log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use http::{StatusCode, Version, request::Parts};

use crate::{connection::Connection, port::Port};

/// Which exchanges are told in the access log.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Every so many answers that are no failures; 0 tells none of them.
    every: u32,
    passed: AtomicU32,
}

/// A body that is being passed on. Its bytes are counted when it has ended, however it ends.
#[derive(Debug)]
pub(crate) struct Account {
    port: Arc<Port>,
    direction: Direction,
    bytes: u64,
    line: Option<Box<Line>>,
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    Received,
    Sent,
}

/// What the access log says of an exchange. No query: it may hold somebody's secret.
#[derive(Debug)]
struct Line {
    began: Instant,
    peer: String,
    method: String,
    path: String,
    version: Version,
    status: StatusCode,
    finished: bool,
}

impl Sample {
    pub(crate) fn every(every: u32) -> Self {
        Self {
            every,
            passed: AtomicU32::new(0),
        }
    }

    fn takes(&self, status: StatusCode) -> bool {
        if status.is_server_error() {
            return true;
        }
        let Some(last) = self.every.checked_sub(1) else {
            return false;
        };
        self.passed.fetch_add(1, Ordering::Relaxed) % self.every == last
    }
}

impl Account {
    /// Of a body that a client sends.
    pub(crate) fn received(port: &Arc<Port>) -> Self {
        Self {
            port: port.clone(),
            direction: Direction::Received,
            bytes: 0,
            line: None,
        }
    }

    /// Of an answer that began with `status`.
    pub(crate) fn sent(
        connection: &Connection,
        parts: &Parts,
        began: Instant,
        status: StatusCode,
    ) -> Self {
        let line = connection.front.sample.takes(status).then(|| {
            Box::new(Line {
                began,
                peer: connection.peer.address.to_string(),
                method: parts.method.to_string(),
                path: parts.uri.path().to_owned(),
                version: parts.version,
                status,
                finished: false,
            })
        });
        Self {
            port: connection.port.clone(),
            direction: Direction::Sent,
            bytes: 0,
            line,
        }
    }

    pub(crate) fn passed(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// The body came to its end.
    pub(crate) fn finished(&mut self) {
        if let Some(line) = &mut self.line {
            line.finished = true;
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        match self.direction {
            Direction::Received => self.port.counters.received(self.bytes),
            Direction::Sent => self.port.counters.sent(self.bytes),
        }
        let Some(line) = &self.line else { return };
        tracing::info!(
            target: "access",
            app = self.port.target().site.app,
            peer = line.peer,
            method = line.method,
            path = line.path,
            version = ?line.version,
            status = line.status.as_u16(),
            bytes = self.bytes,
            milliseconds = u64::try_from(line.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            cut = !line.finished,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_always_told_and_others_as_often_as_is_wanted() {
        let taken = |every| {
            let sample = Sample::every(every);
            let statuses = [200, 500, 200, 302, 502, 404, 200];
            let codes = statuses.map(|code| StatusCode::from_u16(code).unwrap());
            codes.map(|code| sample.takes(code))
        };
        let (yes, no) = (true, false);
        assert_eq!(taken(0), [no, yes, no, no, yes, no, no]);
        assert_eq!(taken(1), [yes; 7]);
        assert_eq!(taken(2), [no, yes, yes, no, yes, yes, no]);
    }
}
