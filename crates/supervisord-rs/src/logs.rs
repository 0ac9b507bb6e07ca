//! Where everything that is said goes: our own lines, and the output of programs.
//!
//! Nothing here may wait: a program must never be held up because somebody does not read.

mod clean;
mod file;
mod main_log;
mod read;
mod sink;
mod stdout;

pub(crate) use self::{
    file::{LogFile, Rotation},
    main_log::{MainLog, is_stdout},
    read::{Follower, Growth},
    sink::{Sink, SinkPlan},
    stdout::Stdout,
};
