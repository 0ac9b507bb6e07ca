//! The calling side.

use std::{io, path::Path, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, time};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Uri},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
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

/// Completes once the daemon behind `channel` no longer answers.
///
/// A daemon that hangs keeps its connections, so a stream of it is merely quiet. It is asked for its
/// health from time to time, and any answer will do, a refusal too: a daemon that has gone away ends
/// its streams by itself. Two questions in a row must stay unanswered, so that a container that was
/// paused in the midst of one is not taken for a hang when it goes on.
///
/// HTTP/2 pings would do the same, but gRPC servers of other make take frequent ones for an attack
/// and close the connection.
pub async fn silence(channel: Channel) {
    let mut health = HealthClient::new(channel);
    let mut unanswered = 0;
    while unanswered < 2 {
        if unanswered == 0 {
            time::sleep(BETWEEN_QUESTIONS).await;
        }
        let answer = health.check(HealthCheckRequest::default());
        match time::timeout(FOR_AN_ANSWER, answer).await {
            Ok(_) => unanswered = 0,
            Err(_) => unanswered += 1,
        }
    }
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

const BETWEEN_QUESTIONS: Duration = Duration::from_secs(10);
const FOR_AN_ANSWER: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Listener, Server};

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_hangs_is_noticed_though_its_connection_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hung.sock");
        let _hung = UnixListener::bind(&path).unwrap();
        let noticed = time::timeout(Duration::from_secs(20), silence(connect(&path)));
        assert_eq!(noticed.await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_is_quiet_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("quiet.sock");
        let listener = Listener::bind(&path).unwrap();
        let server = Server::new(&[]).serve(listener, CancellationToken::new());
        let watched = time::timeout(Duration::from_secs(300), silence(connect(&path)));
        tokio::select! {
            _ = server => panic!("the server ended"),
            heard = watched => assert!(heard.is_err(), "it was taken for hung"),
        }
    }
}
