//! Connections to the apps, kept for reuse.

use std::{
    error::Error as _,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Extensions, Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{
        self, Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use crate::body::{Body, Stalled};

type Connecting = Pin<Box<dyn Future<Output = io::Result<TokioIo<Link>>> + Send>>;
type Connector = tower::util::ServiceFn<fn(Uri) -> Connecting>;

/// The pool of connections to the apps.
#[derive(Clone, Debug)]
pub(crate) struct Upstreams {
    client: Client<Connector, Body>,
}

/// Why an app gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing listens there.
    Refused,
    /// The connection could not be made in time.
    TimedOut,
    /// The connection broke before the answer, or the answer was not HTTP.
    Broken,
    /// The client did not send its request to the end.
    Stalled,
}

/// Whether a request may be sent a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    Never,
    /// It is idempotent and has no body.
    Once,
}

impl Upstreams {
    pub(crate) fn new() -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(32)
            .http1_max_buf_size(64 * 1024)
            .set_host(false)
            .build(tower::service_fn(connect as fn(Uri) -> Connecting));
        Self { client }
    }

    /// Sends a request. `build` makes it, and makes it again where it may be repeated because an
    /// idle connection turned out to be dead.
    pub(crate) async fn send(
        &self,
        repeat: Repeat,
        mut build: impl FnMut() -> Request<Body>,
    ) -> Result<Response<Incoming>, Failure> {
        let error = match self.client.request(build()).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        if repeat == Repeat::Never || !was_dead(&error) {
            return Err(failure(&error));
        }
        self.client
            .request(build())
            .await
            .map_err(|error| failure(&error))
    }
}

fn failure(error: &legacy::Error) -> Failure {
    tracing::debug!(?error, "no answer from the app");
    if !error.is_connect() {
        return match is_stall(error) {
            true => Failure::Stalled,
            false => Failure::Broken,
        };
    }
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => Failure::TimedOut,
        _ => Failure::Refused,
    }
}

fn is_stall(error: &legacy::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<Stalled>()) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether an idle connection had died before it brought a byte of the answer.
fn was_dead(error: &legacy::Error) -> bool {
    let mut extras = Extensions::new();
    if let Some(info) = error.connect_info() {
        info.get_extras(&mut extras);
    }
    extras
        .get::<Turn>()
        .is_some_and(|turn| turn.0.load(Ordering::Relaxed) == ASKED_AGAIN)
}

fn connect(uri: Uri) -> Connecting {
    Box::pin(async move {
        let connecting = open(uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
        let stream = timeout(CONNECT, connecting)
            .await
            .map_err(io::Error::from)??;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(Link {
            stream,
            turn: Turn::new(),
        }))
    })
}

/// Apps listen on one of the loopback addresses; "localhost" needs no resolver to find it.
async fn open(host: &str, port: u16) -> io::Result<TcpStream> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if !host.eq_ignore_ascii_case("localhost") {
        return TcpStream::connect((host, port)).await;
    }
    match TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
        Ok(stream) => Ok(stream),
        Err(error) => TcpStream::connect(SocketAddr::from((Ipv6Addr::LOCALHOST, port)))
            .await
            .map_err(|_| error),
    }
}

/// What happened on a connection last. It begins with [`ASKED`].
#[derive(Clone, Debug)]
struct Turn(Arc<AtomicU8>);

/// The first request was written, or nothing was.
const ASKED: u8 = 0;
/// Something has come back.
const ANSWERED: u8 = 1;
/// Another request was written, and nothing has come back.
const ASKED_AGAIN: u8 = 2;

/// A connection that remembers what happened on it last.
#[derive(Debug)]
struct Link {
    stream: TcpStream,
    turn: Turn,
}

impl Turn {
    fn new() -> Self {
        Self(Arc::new(AtomicU8::new(ASKED)))
    }

    fn written(&self) {
        let (from, to, order) = (ANSWERED, ASKED_AGAIN, Ordering::Relaxed);
        let _ = self.0.compare_exchange(from, to, order, order);
    }

    fn read(&self) {
        self.0.store(ANSWERED, Ordering::Relaxed);
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.turn.clone())
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.turn.read();
        }
        polled
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.turn.written();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.turn.written();
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

const CONNECT: Duration = Duration::from_secs(5);
/// Below the keep-alive of common servers (uvicorn and node: 5 s), so that we close first.
const IDLE: Duration = Duration::from_secs(4);
