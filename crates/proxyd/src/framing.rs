//! Watches the bytes of a connection for what hyper resolves silently. Pure.
//!
//! hyper lets `Transfer-Encoding` win over `Content-Length` and drops a `#fragment` of the target;
//! after parsing neither can be seen any more. Two servers that read such a request differently
//! are how requests are smuggled, so it is refused. This scanner looks at heads only: bodies of
//! known length are skipped by count, and after a chunked request it stops, because the exchange
//! closes the connection then.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// The scanner of one connection.
#[derive(Debug)]
pub(crate) struct Framing {
    state: State,
    line: [u8; LINE],
    /// Bytes of the current line, also those beyond the buffer.
    length: usize,
    request_line: bool,
    chunked: bool,
    content_length: Option<u64>,
    verdict: Verdict,
}

/// What the scanner found, shared with the exchanges of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict(Arc<AtomicU8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    Off,
}

impl Verdict {
    /// Whether a request of this connection is ambiguous.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.0.load(Ordering::Relaxed) == AMBIGUOUS
    }

    /// Ends scanning: what follows is not HTTP.
    pub(crate) fn switch_off(&self) {
        self.0.store(OFF, Ordering::Relaxed);
    }
}

impl Framing {
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self {
            state: State::Head,
            line: [0; LINE],
            length: 0,
            request_line: true,
            chunked: false,
            content_length: None,
            verdict,
        }
    }

    /// Takes the next bytes of the connection, in order.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        if self.verdict.0.load(Ordering::Relaxed) != CLEAR {
            return;
        }
        while !bytes.is_empty() {
            match self.state {
                State::Off => return,
                State::Body(left) => {
                    let here = usize::try_from(left).map_or(bytes.len(), |n| n.min(bytes.len()));
                    bytes = &bytes[here..];
                    let left = left - here as u64;
                    self.state = if left == 0 {
                        State::Head
                    } else {
                        State::Body(left)
                    };
                }
                State::Head => bytes = self.head(bytes),
            }
        }
    }

    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 1..]),
            None => (bytes, &bytes[bytes.len()..]),
        };
        if self.request_line && part.contains(&b'#') {
            self.refuse();
        }
        if let Some(free) = self.line.get_mut(self.length..) {
            let taken = part.len().min(free.len());
            free[..taken].copy_from_slice(&part[..taken]);
        }
        self.length = self.length.saturating_add(part.len());
        if end.is_some() {
            self.line_ended();
        }
        rest
    }

    fn line_ended(&mut self) {
        let seen = self.length.min(LINE);
        let line = self.line;
        let line = line[..seen].strip_suffix(b"\r").unwrap_or(&line[..seen]);
        let whole = self.length <= LINE;
        self.length = 0;
        if line.is_empty() {
            // Empty lines before a request line are skipped by hyper, too.
            if !self.request_line {
                self.head_ended();
            }
        } else if self.request_line {
            self.request_line = false;
        } else {
            self.header(line, whole);
        }
    }

    fn header(&mut self, line: &[u8], whole: bool) {
        let colon = line.iter().position(|byte| *byte == b':');
        let Some((name, value)) = colon.map(|at| (&line[..at], &line[at + 1..])) else {
            return;
        };
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(value).ok().map(str::trim);
            match value.and_then(|value| value.parse().ok()) {
                Some(length) if whole => self.content_length = Some(length),
                _ => self.refuse(),
            }
        }
    }

    fn head_ended(&mut self) {
        if self.chunked && self.content_length.is_some() {
            self.refuse();
        }
        self.state = match self.content_length.take() {
            _ if self.chunked => State::Off,
            None | Some(0) => State::Head,
            Some(length) => State::Body(length),
        };
        self.request_line = true;
    }

    fn refuse(&mut self) {
        self.state = State::Off;
        self.verdict.0.store(AMBIGUOUS, Ordering::Relaxed);
    }
}

/// Longest header line that matters here: a length with twenty digits and some blanks.
const LINE: usize = 64;

const CLEAR: u8 = 0;
const AMBIGUOUS: u8 = 1;
const OFF: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict must not depend on how the bytes were cut.
    fn ambiguous(text: &str) -> bool {
        let answers: Vec<bool> = [1, 3, 7, text.len().max(1)]
            .into_iter()
            .map(|size| {
                let verdict = Verdict::default();
                let mut framing = Framing::new(verdict.clone());
                for part in text.as_bytes().chunks(size) {
                    framing.feed(part);
                }
                verdict.is_ambiguous()
            })
            .collect();
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{text:?} {answers:?}"
        );
        answers[0]
    }

    #[test]
    fn a_length_beside_a_transfer_encoding_is_ambiguous_in_either_order() {
        assert!(ambiguous(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        assert!(ambiguous(
            "POST / HTTP/1.1\r\nTRANSFER-ENCODING:chunked\r\ncontent-length:3\r\n\r\n"
        ));
        assert!(ambiguous(
            "POST / HTTP/1.1\nTransfer-Encoding: x\nContent-Length: 3\n\n"
        ));
    }

    #[test]
    fn ordinary_requests_and_bodies_that_look_like_heads_are_not() {
        let body = "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n#";
        assert!(!ambiguous(&format!(
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
            body.len()
        )));
        assert!(!ambiguous(&format!(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{body}"
        )));
        assert!(!ambiguous(
            "GET / HTTP/1.1\r\nX-Long: #content-length: transfer-encoding\r\n\r\n"
        ));
    }

    #[test]
    fn the_second_request_of_a_connection_is_seen() {
        assert!(ambiguous(
            "\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nokPOST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        assert!(ambiguous(
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /a#b HTTP/1.1\r\n"
        ));
    }

    #[test]
    fn a_length_that_is_hidden_in_a_long_line_is_ambiguous() {
        let blanks = " ".repeat(80);
        assert!(ambiguous(&format!(
            "POST / HTTP/1.1\r\nContent-Length:{blanks}3\r\n"
        )));
    }

    #[test]
    fn nothing_is_scanned_after_the_switch_to_another_protocol() {
        let verdict = Verdict::default();
        let mut framing = Framing::new(verdict.clone());
        framing.feed(b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");
        verdict.switch_off();
        framing.feed(b"GET /a#b HTTP/1.1\r\n");
        assert!(!verdict.is_ambiguous());
    }
}
