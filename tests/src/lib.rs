//! Stories over the real stack.
//!
//! [`Instance`] boots release binaries and `ROOT/` in a sandbox and talks to them as people do:
//! curl and a browser from outside, `grpcurl` and stock `supervisorctl` from inside.

mod comfyui;
mod instance;
mod outside;

pub use instance::{DAEMONS, Instance, Options, SOON, grpcurl, service_of};
pub use outside::{Reply, browser, curl, ssh};
