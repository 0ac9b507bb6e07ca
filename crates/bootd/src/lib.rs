//! PID 1 of an instance.
//!
//! ```text
//! facts ──▶ plan ──▶ sequence (thread: steps, boot shell) ──▶ board ──▶ service (thread: gRPC)
//!                        │ launch                              ▲
//!                        ▼                                     │
//!                    init (main thread: signals, reaping, keeper, shutdown)
//! ```
//!
//! The main thread never runs asynchronous code and waits for nothing but its descriptors and
//! deadlines. No other thread can end it: what panics there costs a step or a connection.

mod board;
mod channel;
mod cli;
mod custody;
mod facts;
mod init;
mod keeper;
mod leftovers;
mod options;
mod plan;
mod run;
mod sequence;
mod service;
mod settings;
mod shell;
mod shutdown;
mod steps;
mod system;

pub use run::main;
pub use settings::Settings;
