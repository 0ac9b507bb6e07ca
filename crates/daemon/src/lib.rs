//! What every Berth daemon does the same way, so that each `main.rs` stays a few lines.
//!
//! * [`main`]: command line, settings, telemetry, runtime, signals, exit code, in that order;
//! * [`settings`]: defaults < file < environment < flags, with every mistake listed at once;
//! * [`Tasks`]: the only way to start a task, so that none is lost silently;
//! * [`Stop`]: the two-step request to end (asked, then pressed);
//! * [`Output`]: an output that never makes its writer wait;
//! * [`Epoch`]: the start of this daemon, carried by every snapshot.
//!
//! It knows nothing of any one daemon and nothing of gRPC.

mod entry;
mod epoch;
mod exit;
mod output;
pub mod settings;
mod stop;
mod tasks;
pub mod telemetry;

pub use entry::{About, Context, main, runtime};
pub use epoch::{Epoch, unix_micros};
pub use exit::Exit;
pub use output::{Dropped, Output};
pub use settings::Settings;
pub use stop::Stop;
pub use tasks::{Outcome, Tasks};
