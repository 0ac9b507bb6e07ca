//! What must hold of anything a listener says; see [`crate::fuzzing`].

use super::{
    Event, Heard, Listener,
    listener::ListenerState::{self, Ready},
    pool::Queued,
};
use crate::{config::EventType, fuzzing::cut};

/// What a listener says in turns, each ended by a zero byte; in between it gets an event if it is
/// ready for one. It means the same wherever a turn is cut, and no event is lost.
pub fn listener(data: &[u8]) {
    let Some((said, _)) = cut(data) else {
        return;
    };
    let seed = data[0];
    let mut whole = Conversation::default();
    let mut pieces = Conversation::default();
    for turn in said.split(|byte| *byte == 0) {
        whole.hear(turn);
        let turn = [&[seed], turn].concat();
        for piece in cut(&turn).into_iter().flat_map(|(_, pieces)| pieces) {
            pieces.hear(piece);
        }
        assert_eq!(pieces.heard, whole.heard);
        whole.answer();
        pieces.answer();
    }
    whole.end();
}

#[derive(Debug, Default)]
struct Conversation {
    listener: Listener,
    heard: Vec<Heard>,
    given: u64,
}

impl Conversation {
    fn hear(&mut self, bytes: &[u8]) {
        self.heard.extend(self.listener.hear(bytes));
    }

    fn answer(&mut self) {
        if self.listener.is_ready() {
            let event = Event::tick(EventType::Tick5, self.given);
            self.listener
                .give(Queued::new(event, self.given, self.given));
            self.given += 1;
        }
    }

    /// Every event was dealt with, given back or is still held, and states follow each other.
    fn end(mut self) {
        let (mut dealt, mut state) = (0, ListenerState::default());
        for heard in &self.heard {
            match heard {
                Heard::Became(from, to) => {
                    let given = (state, *from) == (Ready, ListenerState::Busy);
                    assert!(state == *from || given, "{heard:?}");
                    state = *to;
                }
                Heard::Processed(event) | Heard::Rejected(event) | Heard::BadResult(event, _) => {
                    assert_eq!(event.serial, dealt);
                    dealt += 1;
                }
            }
        }
        let held = u64::from(self.listener.take_back().is_some());
        assert_eq!(dealt + held, self.given);
    }
}
