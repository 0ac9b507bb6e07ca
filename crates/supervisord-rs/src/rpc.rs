//! The original's interface: XML-RPC and log tails over HTTP.
//!
//! Handlers hold a [`Handle`](crate::driver::Handle) only; what they read is the latest snapshot.

mod info;
mod logs;
mod methods;
mod names;
mod params;
mod server;
mod system;

pub(crate) use self::{
    info::describe,
    names::program_id,
    server::{Door, Server},
};
