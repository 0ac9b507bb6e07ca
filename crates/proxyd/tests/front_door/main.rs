//! The daemon in process: real sockets, real TLS, raw backends.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod backend;
mod client;
mod door;

mod conformance;
mod http2;
mod limits;
mod login;
mod malformed;
mod readiness;
mod requests;
mod rules;
mod state;
mod streaming;
mod tls;
mod tunnelled;
mod websocket;
