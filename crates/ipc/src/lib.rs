//! gRPC over Unix sockets, the same way in every daemon.
//!
//! * [`Listener`]: binds a socket path so that stale files, modes and clean-up are right;
//! * [`Server`]: a gRPC server with reflection (v1 and v1alpha) and health;
//! * [`connect`]: a client channel that connects when first used and reconnects by itself;
//! * [`silence`]: notices a daemon that hangs behind an open connection;
//! * [`watch_stream`]: turns a `watch` value into a `Watch…` answer.
//!
//! The mode of the socket file is the gate: whoever may open it may call it. Peer credentials
//! would show only the primary group of a caller, so nothing is decided by them.

mod client;
mod listener;
mod server;
mod watch;

pub use client::{connect, describe, silence};
pub use listener::{BindError, Listener};
pub use server::{ServeError, Server, Wellness};
pub use watch::watch_stream;

/// Where the sockets of all daemons live.
pub const RUN_DIR: &str = "/run/berth";

/// Group whose members may use the sockets.
pub const GROUP: &str = "berth";
