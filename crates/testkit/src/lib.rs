//! Test tools: the sandbox, a scriptable child program, wait-for-condition.
//!
//! [`Sandbox`] boots the real stack at production paths and ports without changing the host. The
//! same machinery is the `berth-sandbox` program behind `make run`. Nothing here is ever part of
//! an instance: daemons use this crate as a dev-dependency only.

pub mod actor;
mod checkout;
mod namespaces;
mod sandbox;
pub mod tool;
mod wait;

pub use checkout::{Checkout, program, venv_program};
pub use sandbox::{Builder, Output, Sandbox};
pub use wait::{Probed, free_port, wait_for};
