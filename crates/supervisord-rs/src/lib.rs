//! A drop-in Supervisor.

pub mod config;
pub mod ctl;
mod driver;
mod entry;
mod events;
mod fault;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod getopt;
mod logs;
mod memory;
mod options;
mod pid_file;
mod pidproxy;
mod process;
mod rpc;
mod service;
mod signals;
mod telemetry;
mod watch;
mod xmlrpc;

pub use entry::main;
pub use pidproxy::main as pidproxy;

/// What `echo_supervisord_conf` prints.
pub const SAMPLE_CONFIGURATION: &str = include_str!("sample.conf");

/// Variable in which bootd names the descriptor of its channel.
const BOOTD_FD: &str = "BERTH_BOOTD_FD";
/// The version whose behaviour this is; clients compare it.
const SUPERVISOR_VERSION: &str = "4.3.0";
