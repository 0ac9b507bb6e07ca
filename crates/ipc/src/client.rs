//! The calling side.

use std::{io, path::Path};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Uri},
};
use tower::service_fn;

/// A channel to the daemon behind `path`.
///
/// Nothing is opened before the first call, and a broken connection is opened again by the next
/// one, so that a daemon may come and go without its neighbours noticing more than failed calls.
pub fn connect(path: &Path) -> Channel {
    let path = path.to_owned();
    // The authority never leaves this machine; "localhost" is what other gRPC clients send.
    Endpoint::from_static("http://localhost").connect_with_connector_lazy(service_fn(
        move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        },
    ))
}

/// Why a call failed, in words for a person: the innermost cause where the transport failed,
/// otherwise the daemon's own message.
pub fn describe(status: &Status) -> String {
    if status.code() != Code::Unavailable {
        return status.message().to_owned();
    }
    let mut cause: &dyn std::error::Error = status;
    while let Some(source) = cause.source() {
        cause = source;
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return explain(io);
        }
    }
    status.message().to_owned()
}

fn explain(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        "not running (no socket)".to_owned()
    } else if kind == io::ErrorKind::ConnectionRefused {
        "not running (stale socket)".to_owned()
    } else if kind == io::ErrorKind::PermissionDenied {
        "permission denied; only root and members of group berth may connect".to_owned()
    } else {
        error.to_string()
    }
}
