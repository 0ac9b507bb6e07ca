//! Processes: finding the program, creating it, its pipes, signals to it and its end.
//!
//! The only place of this crate with `unsafe`. Nobody else creates a process or waits for one, and
//! nothing here waits for a process it did not create: whoever reaps orphans is somebody else.

mod channel;
mod command;
mod descriptors;
mod keeper;
mod spawn;

pub(crate) use self::{
    channel::Channel,
    command::{CommandError, resolve},
    descriptors::{prepare, raise_file_limit},
    keeper::{Fact, Order, Process},
    spawn::{Blueprint, spawn},
};
