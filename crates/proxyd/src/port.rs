//! One external port: its listener, and what happened there.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use http::HeaderValue;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::{self, Front},
    counters::Counters,
    route::Site,
};

/// A port and the app behind it, which may change while connections are open.
#[derive(Debug)]
pub(crate) struct Port {
    site: ArcSwap<Target>,
    listening: ArcSwap<Listening>,
    pub(crate) counters: Counters,
    /// Cancelled when the port is served no longer.
    pub(crate) closing: CancellationToken,
}

/// A site with what every request to it needs.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) site: Site,
    /// `host:port` of the app.
    pub(crate) inside: http::uri::Authority,
    /// What the app is told that it is asked on, which is the same unless `localhost` is wanted.
    pub(crate) told: http::uri::Authority,
    /// The same, as its `Host`.
    pub(crate) host: HeaderValue,
    /// Whether it is told an `Origin` even if the client sent none.
    pub(crate) always_origin: bool,
}

/// Whether the port could be bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listening {
    Starting,
    Yes,
    Failed(String),
}

impl Port {
    pub(crate) fn new(target: Target, closing: CancellationToken) -> Self {
        Self {
            site: ArcSwap::from_pointee(target),
            listening: ArcSwap::from_pointee(Listening::Starting),
            counters: Counters::default(),
            closing,
        }
    }

    pub(crate) fn target(&self) -> Arc<Target> {
        self.site.load_full()
    }

    /// Puts another app behind the port; the next request of every connection goes there.
    pub(crate) fn retarget(&self, target: Target) {
        self.site.store(Arc::new(target));
    }

    pub(crate) fn listening(&self) -> Arc<Listening> {
        self.listening.load_full()
    }

    /// Listens until the port is closed. A port that is taken is tried again: its owner may go.
    pub(crate) async fn run(self: Arc<Self>, front: Arc<Front>, bind: IpAddr) {
        let closing = self.closing.clone();
        tokio::select! {
            () = closing.cancelled() => {}
            () = self.listen(front, bind) => {}
        }
    }

    async fn listen(self: Arc<Self>, front: Arc<Front>, bind: IpAddr) {
        let address = SocketAddr::new(bind, self.target().site.listen.get());
        let mut pause = FIRST_RETRY;
        loop {
            let error = match TcpListener::bind(address).await {
                Ok(listener) => {
                    self.set(&front, Listening::Yes);
                    tracing::info!(%address, app = self.target().site.app, "listening");
                    accept_all(listener, &self, &front).await;
                    return;
                }
                Err(error) => explain(address, &error),
            };
            if *self.listening() != Listening::Failed(error.clone()) {
                let app = &self.target().site.app;
                tracing::error!(error, app, "app is not served; trying again");
                self.set(&front, Listening::Failed(error));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    fn set(&self, front: &Front, listening: Listening) {
        self.listening.store(Arc::new(listening));
        front.board.changed();
    }
}

impl Target {
    /// Nothing if the app's host cannot stand in a URL.
    pub(crate) fn new(site: Site, localhost: bool) -> Option<Self> {
        let host = if site.host.contains(':') && !site.host.starts_with('[') {
            format!("[{}]", site.host)
        } else {
            site.host.clone()
        };
        let inside: http::uri::Authority = format!("{host}:{}", site.upstream).parse().ok()?;
        let told = match localhost {
            true => format!("localhost:{}", site.upstream).parse().ok()?,
            false => inside.clone(),
        };
        Some(Self {
            host: HeaderValue::from_str(told.as_str()).ok()?,
            always_origin: localhost,
            site,
            inside,
            told,
        })
    }
}

async fn accept_all(listener: TcpListener, port: &Arc<Port>, front: &Arc<Front>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(stream, peer, port, front),
            // Mostly a lack of descriptors: a pause lets some come free and keeps the log short.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(stream: TcpStream, peer: SocketAddr, port: &Arc<Port>, front: &Arc<Front>) {
    let Some(place) = front.room.enter(peer.ip()) else {
        tracing::debug!(%peer, "no room for a connection");
        return front.board.counted();
    };
    let span = tracing::debug_span!("conn", %peer);
    let task = connection::serve(stream, place, port.clone(), front.clone());
    front.tasks.spawn("connection", span, task);
}

fn explain(address: SocketAddr, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AddrInUse {
        format!("port {} is taken by another program", address.port())
    } else {
        format!("failed to listen on {address}: {error}")
    }
}

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
