//! Where everything that is said goes: our own lines, and the output of programs.
//!
//! Nothing here may wait: a program must never be held up because somebody does not read.

mod capture;
mod clean;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod json;
mod main_log;
mod outlet;
mod read;
mod sink;
mod syslog;
mod tiers;

pub(crate) use self::{
    file::{Begin, Files, LogFile, Rotation, WIDE_PIPE},
    main_log::MainLog,
    outlet::{Outlet, Outlets, is_stdout},
    read::{Follower, Growth},
    sink::{Channel, Destinations, OutputEvent, Sink, SinkPlan, TargetPlan, shown},
    tiers::TierPlan,
};
