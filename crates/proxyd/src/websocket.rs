//! An upgraded connection: bytes both ways until both sides are done.

use std::{future::Future, io, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf,
};

use crate::{connection::Connection, counters::Counters};

/// The half of a handshake that a client of HTTP/2 leaves out: it has no `Sec-WebSocket-Key`
/// (RFC 8441, section 5), and the app wants one.
#[derive(Debug)]
pub(crate) struct Key(String);

impl Key {
    /// Nothing if the kernel has no randomness.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(STANDARD.encode(bytes)))
    }

    /// Asks an app by `headers`.
    pub(crate) fn ask(&self, headers: &mut HeaderMap) {
        headers.remove(header::SEC_WEBSOCKET_ACCEPT);
        if let Ok(key) = HeaderValue::from_str(&self.0) {
            headers.insert(header::SEC_WEBSOCKET_KEY, key);
        }
        let version = HeaderValue::from_static("13");
        headers.insert(header::SEC_WEBSOCKET_VERSION, version);
    }

    /// Takes the app's proof out of `headers`; whether it is right (RFC 6455, section 4.2.2).
    pub(crate) fn is_answered(&self, headers: &mut HeaderMap) -> bool {
        let proof = Sha1::new().chain_update(&self.0).chain_update(GUID);
        let proof = STANDARD.encode(proof.finalize());
        headers
            .remove(header::SEC_WEBSOCKET_ACCEPT)
            .is_some_and(|given| given.as_bytes() == proof.as_bytes())
    }
}

/// Starts passing bytes as soon as both sides have switched protocols.
pub(crate) fn start(connection: &Arc<Connection>, client: OnUpgrade, app: OnUpgrade) {
    let open = Open::new(connection);
    let stop = connection.front.tasks.stop().clone();
    let task = async move {
        let open = open;
        let (client, app) = match tokio::try_join!(client, app) {
            Ok(both) => both,
            Err(error) => {
                tracing::debug!(%error, "websocket not established");
                return;
            }
        };
        // At shutdown there is nothing to finish: the client connects again by itself.
        tokio::select! {
            () = pass(client, app, &open.0.port.counters) => {}
            () = stop.requested() => {}
        }
    };
    let span = tracing::debug_span!("websocket", peer = %connection.peer.address);
    connection.front.tasks.spawn("websocket", span, task);
}

/// Passes bytes both ways. When one side has ended, the other may linger for a while.
async fn pass(client: Upgraded, app: Upgraded, counters: &Counters) {
    let (client_reads, client_writes) = tokio::io::split(TokioIo::new(client));
    let (app_reads, app_writes) = tokio::io::split(TokioIo::new(app));
    let up = copy(client_reads, app_writes, |bytes| counters.received(bytes));
    let down = copy(app_reads, client_writes, |bytes| counters.sent(bytes));
    either_then_linger(up, down).await;
}

async fn either_then_linger(
    up: impl Future<Output = io::Result<()>>,
    down: impl Future<Output = io::Result<()>>,
) {
    let mut up = std::pin::pin!(up);
    let mut down = std::pin::pin!(down);
    let (result, first) = tokio::select! {
        result = &mut up => (result, First::Up),
        result = &mut down => (result, First::Down),
    };
    if result.is_err() {
        return;
    }
    let rest = async {
        match first {
            First::Up => down.await,
            First::Down => up.await,
        }
    };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

/// The direction that ended first.
enum First {
    Up,
    Down,
}

/// Copies until the end of `from`, then tells `to` that no more will come.
async fn copy<T: AsyncRead + AsyncWrite>(
    mut from: ReadHalf<T>,
    mut to: WriteHalf<T>,
    passed: impl Fn(u64),
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
        to.flush().await?;
        passed(length as u64);
    }
}

/// Counts a WebSocket while it lives, and keeps what belongs to its connection.
struct Open(Arc<Connection>);

impl Open {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.port.counters.websocket_opened();
        connection.front.board.changed();
        Self(connection.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.port.counters.websocket_closed();
        self.0.front.board.changed();
    }
}

/// Small, because thousands of them may lie idle.
const BUFFER: usize = 4 * 1024;
const LINGER: Duration = Duration::from_secs(60);
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_of_rfc_6455_is_right_and_no_other() {
        let key = Key("dGhlIHNhbXBsZSBub25jZQ==".to_owned());
        let answered = |proof| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::SEC_WEBSOCKET_ACCEPT,
                HeaderValue::from_static(proof),
            );
            let answered = key.is_answered(&mut headers);
            assert!(headers.is_empty());
            answered
        };
        assert!(answered("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(!answered("S3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(!key.is_answered(&mut HeaderMap::new()));
    }
}
