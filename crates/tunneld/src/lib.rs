//! Ways from outside to the apps of an instance.
//!
//! Without a relay there are two: the direct address of a mapped port, and a port forwarding
//! through SSH. This crate works them out for every app of `portal.yaml` and serves them as
//! `berth.tunnel.v1` and as the HTTP API that templates call.
//!
//! ```text
//!   portal.yaml ── apps ──┐
//!   environment ── Facts ─┼── ways (pure) ── TunnelService, HTTP API
//!   /set-public-ip ───────┘
//! ```
//!
//! No credential ever becomes part of an address.

mod apps;
mod facts;
mod http_api;
mod run;
mod service;
mod settings;
mod state;
mod ways;

pub use run::run;
pub use settings::Settings;
