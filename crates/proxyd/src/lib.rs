//! Authenticated HTTPS in front of every app.
//!
//! One listener per external port. Deciding is pure ([`route`], [`auth`], `head`, `framing`);
//! acting is the rest:
//!
//! ```text
//! accept -> first byte -> TLS -> hyper -> head::check -> auth::decide -> upstream | websocket
//!                 \-> 307 to https          \-> refused   \-> login, 401, 403   \-> not ready
//! ```
//!
//! A credential of ours never reaches an app, a log or a URL that proxyd emits. proxyd owns its
//! sessions and its counters, and nothing of any other daemon.

mod account;
pub mod auth;
mod authority;
mod board;
mod body;
mod compression;
mod connection;
mod cors;
mod counters;
mod environment;
mod exchange;
mod failures;
mod feeds;
mod files;
mod forward;
mod framing;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gate;
mod head;
mod metrics;
mod port;
mod preamble;
mod responses;
mod room;
pub mod route;
mod rules;
mod run;
mod service;
mod settings;
mod sites;
mod tls;
mod tunnelled;
mod upstream;
mod websocket;

pub use run::run;
pub use settings::Settings;
