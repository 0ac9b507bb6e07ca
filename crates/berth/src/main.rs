//! The `berth` command: what a person types over SSH to look after an instance.
//!
//! A thin client of the daemons' sockets. It holds no state, decides nothing that a daemon could
//! decide, and never reads a daemon's files.
//!
//! * [`cli`]: command line and printing;
//! * [`sockets`]: the daemons and how they are reached;
//! * [`commands`]: one module per command, each from snapshots to an [`Answer`](answer::Answer);
//! * [`table`], [`paint`], [`span`]: how things look.

mod answer;
mod cli;
mod commands;
mod paint;
mod sockets;
mod span;
mod table;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
