//! The protocol between us and one event listener.
//!
//! ```text
//! Acknowledged ── READY ──▶ Ready ── an event ──▶ Busy ── RESULT ──▶ Acknowledged
//!       └──────────────── anything unexpected ─────┴──────▶ Unknown, for good
//! ```

use super::pool::Queued;

/// Where a listener stands, and what it has said so far.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    state: ListenerState,
    said: Vec<u8>,
    /// The event it is busy with.
    event: Option<Queued>,
    /// Length of the result that is being read.
    expected: Option<usize>,
}

/// Where a listener stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListenerState {
    /// It has not said that it wants an event.
    #[default]
    Acknowledged,
    /// It wants an event.
    Ready,
    /// It has one.
    Busy,
    /// It said what nobody expected.
    Unknown,
}

/// What follows from what a listener said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It changed its state.
    Became(ListenerState, ListenerState),
    /// It has dealt with its event.
    Processed(Queued),
    /// It wants somebody else to have its event.
    Rejected(Queued),
    /// Its result could not be understood; the event goes to somebody else.
    BadResult(Queued, String),
}

impl ListenerState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Ready => "READY",
            Self::Busy => "BUSY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl Listener {
    pub(crate) fn is_ready(&self) -> bool {
        self.state == ListenerState::Ready
    }

    /// Gives it an event to be busy with.
    pub(crate) fn give(&mut self, event: Queued) {
        self.state = ListenerState::Busy;
        self.event = Some(event);
    }

    /// Takes back the event it is busy with, when it has ended.
    pub(crate) fn take_back(&mut self) -> Option<Queued> {
        self.event.take()
    }

    /// Takes in what it wrote on its standard output.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Vec<Heard> {
        self.said.extend_from_slice(bytes);
        let mut heard = Vec::new();
        while !self.said.is_empty() && self.step(&mut heard) {}
        heard
    }

    /// Understands one piece of what was said; whether there may be more.
    fn step(&mut self, heard: &mut Vec<Heard>) -> bool {
        match self.state {
            ListenerState::Unknown => {
                self.said.clear();
                false
            }
            ListenerState::Acknowledged => {
                if self.said.len() < READY.len() {
                    return false;
                }
                if self.said.starts_with(READY) {
                    self.said.drain(..READY.len());
                    self.become_state(ListenerState::Ready, heard);
                } else {
                    self.give_up(heard);
                }
                self.event = None;
                true
            }
            // It was not asked anything.
            ListenerState::Ready => {
                self.give_up(heard);
                self.event = None;
                false
            }
            ListenerState::Busy => match self.expected {
                None => self.result_line(heard),
                Some(length) => self.result(length, heard),
            },
        }
    }

    fn result_line(&mut self, heard: &mut Vec<Heard>) -> bool {
        let mut beginning = self.said.iter().take(LONGEST_LINE + 1);
        let Some(end) = beginning.position(|byte| *byte == b'\n') else {
            // A line that long is none.
            if self.said.len() > LONGEST_LINE {
                self.said.truncate(LONGEST_LINE);
                self.refuse(heard);
            }
            return false;
        };
        let line: Vec<u8> = self.said.drain(..=end).take(end).collect();
        // The original looks at what follows the first seven characters, whatever they are.
        let length = line
            .get(RESULT.len()..)
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| digits.trim().parse::<usize>().ok());
        match length {
            Some(length) if length <= LONGEST_RESULT => {
                self.expected = Some(length);
                if length == 0 {
                    return self.result(0, heard);
                }
                true
            }
            Some(_) | None => {
                self.said = line;
                self.refuse(heard);
                false
            }
        }
    }

    fn result(&mut self, length: usize, heard: &mut Vec<Heard>) -> bool {
        if self.said.len() < length {
            return false;
        }
        let result: Vec<u8> = self.said.drain(..length).collect();
        self.expected = None;
        if let Some(event) = self.event.take() {
            heard.push(match result == b"OK" {
                true => Heard::Processed(event),
                false => Heard::Rejected(event),
            });
        }
        self.become_state(ListenerState::Acknowledged, heard);
        true
    }

    fn refuse(&mut self, heard: &mut Vec<Heard>) {
        if let Some(event) = self.event.take() {
            let line = String::from_utf8_lossy(&self.said).into_owned();
            heard.push(Heard::BadResult(event, line));
        }
        self.give_up(heard);
    }

    fn give_up(&mut self, heard: &mut Vec<Heard>) {
        self.said.clear();
        self.become_state(ListenerState::Unknown, heard);
    }

    fn become_state(&mut self, state: ListenerState, heard: &mut Vec<Heard>) {
        heard.push(Heard::Became(self.state, state));
        self.state = state;
    }
}

const READY: &[u8] = b"READY\n";
const RESULT: &[u8] = b"RESULT ";
const LONGEST_LINE: usize = 4096;
const LONGEST_RESULT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::EventType, events::Event};
    use ListenerState::{Acknowledged, Busy, Ready, Unknown};

    fn event() -> Queued {
        Queued::new(Event::own(EventType::Tick5), 3, 4)
    }

    fn busy() -> Listener {
        let mut listener = Listener::default();
        assert_eq!(
            listener.hear(b"READY\n"),
            [Heard::Became(Acknowledged, Ready)]
        );
        listener.give(event());
        listener
    }

    #[test]
    fn a_result_is_understood_wherever_it_is_cut() {
        let said = b"RESULT 2\nOKREADY\n";
        for at in 0..said.len() {
            let mut listener = busy();
            let mut heard = listener.hear(&said[..at]);
            heard.extend(listener.hear(&said[at..]));
            assert_eq!(
                heard,
                [
                    Heard::Processed(event()),
                    Heard::Became(Busy, Acknowledged),
                    Heard::Became(Acknowledged, Ready)
                ]
            );
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_wherever_it_is_cut() {
        let said = format!("RESULT {}\n", "9".repeat(5000));
        let whole = busy().hear(said.as_bytes());
        assert!(matches!(&whole[0], Heard::BadResult(_, line) if line.len() == LONGEST_LINE));
        for size in [1, 1000, 4097] {
            let mut listener = busy();
            let pieces = said.as_bytes().chunks(size);
            let heard: Vec<_> = pieces.flat_map(|piece| listener.hear(piece)).collect();
            assert_eq!(heard, whole, "{size}");
        }
    }

    #[test]
    fn anything_but_ok_is_a_rejection() {
        let mut listener = busy();
        let heard = listener.hear(b"RESULT 4\nFAIL");
        assert_eq!(heard[0], Heard::Rejected(event()));
    }

    #[test]
    fn who_speaks_out_of_turn_is_not_listened_to_again() {
        let mut listener = Listener::default();
        assert_eq!(
            listener.hear(b"hello there\n"),
            [Heard::Became(Acknowledged, Unknown)]
        );
        assert_eq!(listener.hear(b"READY\n"), []);
        let mut listener = Listener::default();
        listener.hear(b"READY\n");
        assert_eq!(listener.hear(b"x"), [Heard::Became(Ready, Unknown)]);
        let mut listener = busy();
        let heard = listener.hear(b"RESULT many\n");
        assert_eq!(
            heard[0],
            Heard::BadResult(event(), "RESULT many".to_owned())
        );
        assert_eq!(heard[1], Heard::Became(Busy, Unknown));
    }
}
