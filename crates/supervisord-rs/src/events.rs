//! Events and the programs that listen to them.
//!
//! Pure: the driver says what happened and what listeners said, and asks what to write to whom.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod listener;
mod payload;
mod pool;

pub(crate) use self::{
    listener::{Heard, Listener, ListenerState},
    payload::{Change, Event},
    pool::{Overflow, Pools},
};
