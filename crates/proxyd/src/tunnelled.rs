//! Visitors who come through a tunnel, over a socket that only tunneld may use.
//!
//! They pass the same wall as those who come to a port. Who they are and how they speak is told by
//! tunneld, so it must be tunneld that tells it.

use std::{io, sync::Arc, time::Duration};

use ipc::Listener;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

use crate::{
    connection::{self, Connection, Front, Peer},
    framing::Verdict,
    gate::Transport,
    port::Port,
    preamble::{self, HEAD, Preamble},
};

/// Serves every connection until the daemon stops.
pub(crate) async fn run(listener: Listener, front: Arc<Front>, uid: u32) {
    loop {
        match listener.accept().await {
            Ok(stream) => admit(stream, &front, uid),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a tunnelled connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(stream: UnixStream, front: &Arc<Front>, uid: u32) {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == uid => {}
        Ok(peer) => {
            let peer = peer.uid();
            return tracing::warn!(peer, uid, "refused: only tunneld may bring visitors");
        }
        Err(error) => return tracing::warn!(%error, "refused: who brings visitors is not known"),
    }
    let span = tracing::debug_span!("tunnelled");
    let task = connection::guarded(serve(stream, front.clone()));
    front.tasks.spawn("connection", span, task);
}

async fn serve(mut stream: UnixStream, front: Arc<Front>) -> Result<(), String> {
    let preamble = timeout(PREAMBLE, read(&mut stream))
        .await
        .map_err(|_| "the preamble took too long".to_owned())?
        .map_err(|error| {
            tracing::warn!(%error, "not understood: what tunneld says of a visitor");
            error.to_string()
        })?;
    let Some(port) = find(&front, &preamble.app) else {
        // Nobody can have asked for it: a tunnel is for an app that there is.
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(answer).await;
        return Err(format!("no app is named {:?}", preamble.app));
    };
    let connection = Connection {
        peer: Peer::new(preamble.client),
        local: String::new(),
        transport: match preamble.tls {
            true => Transport::Tls,
            false => Transport::Plain,
        },
        verdict: Verdict::default(),
        tunnelled: true,
        _place: None,
        port,
        front,
    };
    connection::http1(stream, Arc::new(connection)).await
}

async fn read(stream: &mut UnixStream) -> io::Result<Preamble> {
    let mut head = [0; HEAD];
    stream.read_exact(&mut head).await?;
    let length = preamble::length(&head).map_err(io::Error::other)?;
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    preamble::parse(&head, &rest).map_err(io::Error::other)
}

fn find(front: &Front, app: &str) -> Option<Arc<Port>> {
    let ports = front.board.ports();
    ports
        .iter()
        .find(|port| port.target().site.app == app)
        .cloned()
}

const PREAMBLE: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
