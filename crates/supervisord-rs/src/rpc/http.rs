//! HTTP/1, byte for byte as the original speaks it.
//!
//! The original's server is a small one with habits of its own: which requests it refuses and how,
//! which headers it sends and in which order, when it closes. Clients have grown around them, so
//! they are kept here rather than bent out of a general server.
//!
//! What is pure is in [`request`] and [`reply`]; [`connection`] moves bytes.

mod connection;
mod reply;
mod request;

pub(super) use self::{
    connection::{Answer, Served, attend},
    reply::{Body, Reply, http_date},
    request::{Request, query_pairs, unquote},
};
