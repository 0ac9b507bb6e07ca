//! NVIDIA telemetry through NVML.
//!
//! ```text
//!   Source (NVML) ── sampler thread ──┐
//!        │ pulse                      ├── watch: newest Snapshot ── GpuService
//!        └────────── watchdog task ───┘
//! ```
//!
//! * [`Source`]: what is read; [`Nvml`] in the daemon, recorded samples in tests;
//! * the sampler owns the source and is the only thread that ever calls the driver;
//! * the watchdog notices a call that does not return;
//! * [`Snapshot`]: what is known, as values: no driver, mismatch and hung are states, not errors.
//!
//! A driver call can block for minutes, so none is ever made on the runtime or for a request.

mod nvml;
mod owner;
mod pulse;
mod run;
mod sampler;
mod service;
mod settings;
mod snapshot;
mod source;
mod watchdog;

pub use nvml::Nvml;
pub use pulse::{Observed, Pulse};
pub use run::{run, run_with};
pub use settings::Settings;
pub use snapshot::{Device, Process, Snapshot, State};
pub use source::{Driver, Failure, FailureKind, Identity, Reading, Source};
