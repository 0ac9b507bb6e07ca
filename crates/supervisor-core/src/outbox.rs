//! What was decided and not yet fetched.

use std::collections::VecDeque;

use crate::effect::{Announcement, Effect};

/// Effects in their order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) effects: VecDeque<Effect>,
    /// Whether a shutdown is under way: nothing starts any more.
    pub(crate) closing: bool,
}

impl Outbox {
    pub(crate) fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(crate) fn announce(&mut self, announcement: Announcement) {
        self.push(Effect::Announce(announcement));
    }
}
