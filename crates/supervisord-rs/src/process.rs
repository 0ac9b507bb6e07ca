//! Processes: finding the program, creating it, its pipes, signals to it and its end.
//!
//! The only place of this crate with `unsafe`. Nobody else creates a process or waits for one.

mod background;
mod channel;
mod command;
mod custody;
mod descriptors;
mod escaped;
mod exec;
mod keeper;
mod limits;
mod pace;
mod reaper;
pub(crate) mod socket;
mod spawn;
mod stdin;
mod usage;

pub(crate) use self::{
    background::{Side, Starting, fork_away},
    command::{CommandError, resolve},
    custody::{Custody, Held, Told},
    descriptors::prepare,
    escaped::kill_marked,
    keeper::{Fact, Life, Process, Reading},
    limits::{FileLimit, raise_file_limit, raise_process_limit},
    reaper::{Orphan, Reaper, since_boot},
    spawn::{
        Blueprint, ChildEnds, Errors, Identity, Input, OurEnds, Setup, Terminal, pipes, spawn,
    },
    stdin::Stdin,
    usage::{Usage, by_group},
};
