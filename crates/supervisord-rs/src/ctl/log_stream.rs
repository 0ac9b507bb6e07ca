//! A log that is being followed, as it comes in.

use std::{
    io::{Read as _, Write},
    os::fd::{AsFd, BorrowedFd},
};

use super::{
    client::{Client, Stream},
    raised::Raised,
};

/// An answer of the server that has no end.
#[derive(Debug)]
pub(super) struct LogStream {
    stream: Stream,
    state: State,
    /// What was received and not understood yet.
    input: Vec<u8>,
}

/// What is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Size,
    Chunk(usize),
    /// The line end after a chunk.
    ChunkEnd,
    /// Everything, up to the end of the connection.
    Plain,
    Ended,
}

/// Whether more can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum More {
    Expected,
    Never,
}

/// Why there is no log.
#[derive(Debug)]
pub(super) enum NoLog {
    Status(u16),
    Raised(Raised),
}

impl LogStream {
    /// Asks for a log.
    pub(super) fn open(client: &Client, path: &str) -> Result<Self, Raised> {
        Ok(Self {
            stream: client.ask_for_log(path)?,
            state: State::Head,
            input: Vec::new(),
        })
    }

    /// Receives once and copies what came of the log to `out`.
    pub(super) fn receive(&mut self, out: &mut impl Write) -> Result<More, NoLog> {
        let mut piece = [0; 16 << 10];
        let received = self.stream.read(&mut piece);
        let received = received.map_err(|error| NoLog::Raised(error.into()))?;
        if received == 0 {
            return Ok(More::Never);
        }
        self.input.extend_from_slice(&piece[..received]);
        let mut text = Vec::new();
        while self.step(&mut text)? {}
        // Somebody who closed our output wants no more of it.
        let written = out.write_all(&text).and_then(|()| out.flush());
        match (written, self.state) {
            (Err(_), _) | (_, State::Ended) => Ok(More::Never),
            (Ok(()), _) => Ok(More::Expected),
        }
    }

    /// Understands one thing more; false if it has not come in yet.
    fn step(&mut self, text: &mut Vec<u8>) -> Result<bool, NoLog> {
        match self.state {
            State::Head => {
                let Some(end) = position(&self.input, b"\r\n\r\n") else {
                    return Ok(false);
                };
                let head: Vec<_> = self.input.drain(..end + 4).collect();
                self.state = self.head(&String::from_utf8_lossy(&head))?;
            }
            State::Size => {
                let Some(end) = position(&self.input, b"\r\n") else {
                    return Ok(false);
                };
                let line: Vec<_> = self.input.drain(..end + 2).collect();
                let line = String::from_utf8_lossy(&line);
                let digits = line.split(';').next().unwrap_or("").trim();
                self.state = match usize::from_str_radix(digits, 16) {
                    Ok(0) | Err(_) => State::Ended,
                    Ok(size) => State::Chunk(size),
                };
            }
            State::Chunk(left) => {
                let taken = left.min(self.input.len());
                text.extend(self.input.drain(..taken));
                self.state = match left - taken {
                    0 => State::ChunkEnd,
                    left => State::Chunk(left),
                };
                return Ok(self.state == State::ChunkEnd);
            }
            State::ChunkEnd => {
                if self.input.len() < 2 {
                    return Ok(false);
                }
                self.input.drain(..2);
                self.state = State::Size;
            }
            State::Plain => {
                text.append(&mut self.input);
                return Ok(false);
            }
            State::Ended => return Ok(false),
        }
        Ok(true)
    }

    fn head(&self, head: &str) -> Result<State, NoLog> {
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        match status.and_then(|status| status.parse().ok()) {
            Some(200) => {}
            Some(status) => return Err(NoLog::Status(status)),
            None => {
                let line = head.lines().next().unwrap_or("").to_owned();
                return Err(NoLog::Raised(Raised::BadStatus(line)));
            }
        }
        let chunked = lines.any(|line| {
            let header = line.split_once(':');
            header.is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("transfer-encoding") && value.trim() == "chunked"
            })
        });
        Ok(match chunked {
            true => State::Size,
            false => State::Plain,
        })
    }
}

impl AsFd for LogStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn position(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn chunks_are_put_together_however_they_are_cut() {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                       3\r\nabc\r\n10\r\n0123456789\r\nxyz\n\r\n1\r\n!\r\n0\r\n\r\n";
        for size in 1..answer.len() {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            let mut log = LogStream {
                stream: Stream::Unix(theirs),
                state: State::Head,
                input: Vec::new(),
            };
            let mut text = Vec::new();
            let mut last = More::Expected;
            for piece in answer.chunks(size) {
                assert_eq!(last, More::Expected);
                ours.write_all(piece).unwrap();
                last = log.receive(&mut text).unwrap();
                if last == More::Never {
                    break;
                }
            }
            assert_eq!(last, More::Never);
            assert_eq!(text, b"abc0123456789\r\nxyz\n!", "{size}");
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_status() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut log = LogStream {
            stream: Stream::Unix(theirs),
            state: State::Head,
            input: Vec::new(),
        };
        ours.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
        let refused = log.receive(&mut Vec::new());
        assert!(matches!(refused, Err(NoLog::Status(404))));
    }
}
