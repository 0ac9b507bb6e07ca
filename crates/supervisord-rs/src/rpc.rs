//! The original's interface: XML-RPC, log tails and a page over HTTP.
//!
//! Handlers hold a [`Handle`](crate::driver::Handle) only; what they read is the latest snapshot.
//!
//! ```text
//! doors ─▶ http (connection ─ request ─ reply) ─▶ site ─┬▶ methods ─▶ driver
//!                                                       ├▶ follow (log tails)
//!                                                       └▶ web (the page)
//! ```

mod admission;
mod doors;
mod follow;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod http;
mod info;
mod logs;
mod methods;
mod names;
mod params;
mod programs;
mod server;
mod site;
mod system;
mod web;

pub(crate) use self::{follow::Following, info::describe, names::program_id, server::Servers};
