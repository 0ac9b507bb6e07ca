//! Capture mode: text between two marks in a program's output is an event, and no log.
//!
//! Unlike the original, nothing is held back for longer than it could be the beginning of a mark,
//! and what is held back at the end of a run is logged.

use memchr::memmem;

/// Finds captured text in a stream.
#[derive(Debug)]
pub(crate) struct Capture {
    limit: usize,
    /// What may be the beginning of a mark.
    held: Vec<u8>,
    captured: Option<Vec<u8>>,
}

/// A piece of output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// For the log.
    Log(Vec<u8>),
    /// Captured; the newest bytes where there were too many.
    Communication(Vec<u8>),
}

impl Capture {
    /// Keeps at most `limit` bytes of a captured text.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            held: Vec::new(),
            captured: None,
        }
    }

    /// The pieces that `bytes` complete.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut data = std::mem::take(&mut self.held);
        data.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        let mut rest = data.as_slice();
        loop {
            let mark = match self.captured {
                Some(_) => END,
                None => BEGIN,
            };
            let Some(at) = memmem::find(rest, mark) else {
                break;
            };
            self.put(&rest[..at], &mut pieces);
            rest = &rest[at + mark.len()..];
            match self.captured.take() {
                Some(text) => pieces.push(Piece::Communication(text)),
                None => self.captured = Some(Vec::new()),
            }
        }
        let mark = match self.captured {
            Some(_) => END,
            None => BEGIN,
        };
        let held = beginning_at_end(rest, mark);
        self.put(&rest[..rest.len() - held], &mut pieces);
        self.held = rest[rest.len() - held..].to_vec();
        pieces
    }

    /// What was held back, at the end of a run.
    pub(crate) fn finish(&mut self) -> Vec<Piece> {
        let held = std::mem::take(&mut self.held);
        let mut pieces = Vec::new();
        self.put(&held, &mut pieces);
        pieces
    }

    fn put(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) {
        if bytes.is_empty() {
            return;
        }
        match &mut self.captured {
            Some(text) => {
                text.extend_from_slice(bytes);
                let excess = text.len().saturating_sub(self.limit);
                text.drain(..excess);
            }
            None => pieces.push(Piece::Log(bytes.to_vec())),
        }
    }
}

/// How many bytes at the end of `text` are the beginning of `mark`.
fn beginning_at_end(text: &[u8], mark: &[u8]) -> usize {
    let longest = text.len().min(mark.len() - 1);
    (1..=longest)
        .rev()
        .find(|size| text.ends_with(&mark[..*size]))
        .unwrap_or(0)
}

const BEGIN: &[u8] = b"<!--XSUPERVISOR:BEGIN-->";
const END: &[u8] = b"<!--XSUPERVISOR:END-->";

#[cfg(test)]
mod tests {
    use super::*;

    fn run(capture: &mut Capture, chunks: &[&[u8]]) -> (String, Vec<String>) {
        let mut log = Vec::new();
        let mut events = Vec::new();
        let mut sort = |pieces: Vec<Piece>| {
            for piece in pieces {
                match piece {
                    Piece::Log(text) => log.extend(text),
                    Piece::Communication(text) => events.push(String::from_utf8(text).unwrap()),
                }
            }
        };
        for chunk in chunks {
            sort(capture.take(chunk));
        }
        sort(capture.finish());
        (String::from_utf8(log).unwrap(), events)
    }

    #[test]
    fn marks_are_found_wherever_they_are_cut() {
        let text = b"before<!--XSUPERVISOR:BEGIN-->hello<!--XSUPERVISOR:END-->after <!--X";
        for at in 0..text.len() {
            let (log, events) = run(&mut Capture::new(100), &[&text[..at], &text[at..]]);
            assert_eq!(log, "beforeafter <!--X", "cut at {at}");
            assert_eq!(events, ["hello"], "cut at {at}");
        }
    }

    #[test]
    fn a_short_last_line_is_not_held_back() {
        let mut capture = Capture::new(100);
        assert_eq!(capture.take(b"ok\n"), [Piece::Log(b"ok\n".to_vec())]);
    }

    #[test]
    fn of_too_much_captured_text_the_newest_stays() {
        let text = b"<!--XSUPERVISOR:BEGIN-->0123456789<!--XSUPERVISOR:END-->";
        assert_eq!(run(&mut Capture::new(4), &[text]).1, ["6789"]);
    }
}
