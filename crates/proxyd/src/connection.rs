//! One client connection: first byte, TLS, HTTP.

use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use daemon::Tasks;
use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    account::Sample,
    authority::Authority,
    board::Board,
    body::Body,
    exchange,
    failures::Failures,
    feeds::Programs,
    framing::{Framing, Verdict},
    gate::{Gate, Transport},
    head,
    port::Port,
    responses,
    room::{Place, Room},
    tls::{H2, Tls},
    upstream::Upstreams,
};

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) gate: Gate,
    pub(crate) tls: Tls,
    pub(crate) upstreams: Upstreams,
    pub(crate) programs: watch::Receiver<Programs>,
    pub(crate) board: Board,
    pub(crate) sample: Sample,
    pub(crate) failures: Failures,
    pub(crate) room: Arc<Room>,
    /// How long a client may send nothing of a body that the app is waiting for.
    pub(crate) body_timeout: Duration,
    pub(crate) tasks: Tasks,
}

/// What the exchanges of one connection share.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) front: Arc<Front>,
    pub(crate) port: Arc<Port>,
    pub(crate) peer: Peer,
    /// Our own address, for clients that name none.
    pub(crate) local: String,
    pub(crate) transport: Transport,
    pub(crate) verdict: Verdict,
    /// Whether it comes through a tunnel, and what is before that is trusted.
    pub(crate) tunnelled: bool,
    /// Taken until the last of it is gone, a WebSocket included.
    pub(crate) _place: Option<Place>,
}

impl Connection {
    /// Its client sent a wrong credential.
    pub(crate) fn failed(&self) {
        self.port.counters.refused();
        let failures = &self.front.failures;
        failures.failed(self.peer.address, Instant::now());
    }

    /// How long its client has to wait before it may try a credential.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let failures = &self.front.failures;
        failures.wait(self.peer.address, Instant::now())
    }
}

/// The client's address, in the forms that every request needs.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// As in `X-Forwarded-For`.
    pub(crate) value: HeaderValue,
}

impl Peer {
    pub(crate) fn new(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let value = HeaderValue::try_from(address.to_string()).expect("an address is ASCII");
        Self { address, value }
    }
}

/// Serves a connection to its end. A panic in here costs this connection alone.
pub(crate) async fn serve(stream: TcpStream, place: Place, port: Arc<Port>, front: Arc<Front>) {
    guarded(open(stream, place, port, front)).await;
}

/// Tells how serving ended, also if it ended by a panic.
pub(crate) async fn guarded(serving: impl Future<Output = Result<(), String>>) {
    match AssertUnwindSafe(Box::pin(serving)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error, "connection ended early"),
        Err(_) => tracing::error!("connection ended by a bug of ours"),
    }
}

async fn open(
    stream: TcpStream,
    place: Place,
    port: Arc<Port>,
    front: Arc<Front>,
) -> Result<(), String> {
    tune(&stream);
    let local = stream
        .local_addr()
        .map_or_else(|_| String::new(), |local| local.to_string());
    let mut connection = Connection {
        peer: Peer::new(place.client),
        _place: Some(place),
        local,
        transport: Transport::Plain,
        verdict: Verdict::default(),
        tunnelled: false,
        port,
        front,
    };
    if !connection.front.tls.is_wanted() {
        return http1(stream, Arc::new(connection)).await;
    }
    // Nothing is owed to a client that has not asked for anything yet.
    let closing = connection.port.closing.clone();
    let Some(first) = closing.run_until_cancelled(first_byte(&stream)).await else {
        return Ok(());
    };
    match first? {
        Some(TLS_HANDSHAKE) => {
            let handshake = shake_hands(stream, &connection.front);
            let Some(stream) = closing.run_until_cancelled(handshake).await else {
                return Ok(());
            };
            let stream = stream?;
            connection.transport = Transport::Tls;
            let connection = Arc::new(connection);
            match stream.get_ref().1.alpn_protocol() {
                Some(H2) => http2(stream, connection).await,
                Some(_) | None => http1(stream, connection).await,
            }
        }
        Some(letter) if letter.is_ascii_alphabetic() => {
            send_to_https(stream, Arc::new(connection)).await
        }
        Some(_) | None => Ok(()),
    }
}

/// Looks at the first byte without taking it; nothing if the client went away.
async fn first_byte(stream: &TcpStream) -> Result<Option<u8>, String> {
    let mut byte = [0];
    let length = timeout(FIRST_BYTE, stream.peek(&mut byte))
        .await
        .map_err(|_| "the client sent nothing".to_owned())?
        .map_err(|error| error.to_string())?;
    Ok((length > 0).then_some(byte[0]))
}

async fn shake_hands(stream: TcpStream, front: &Front) -> Result<TlsStream<TcpStream>, String> {
    let acceptor = TlsAcceptor::from(certified(front).await?);
    timeout(HANDSHAKE, acceptor.accept(stream))
        .await
        .map_err(|_| "the TLS handshake took too long".to_owned())?
        .map_err(|error| format!("TLS handshake: {error}"))
}

/// The TLS settings, once there is a certificate.
async fn certified(front: &Front) -> Result<Arc<rustls::ServerConfig>, String> {
    let mut status = front.tls.status();
    let served = timeout(CERTIFICATE, status.wait_for(|status| status.served)).await;
    match served {
        Ok(Ok(_)) => Ok(front.tls.config()),
        Ok(Err(_)) | Err(_) => Err("no usable certificate".to_owned()),
    }
}

/// Serves HTTP/1.1 on a connection.
pub(crate) async fn http1<S>(stream: S, connection: Arc<Connection>) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = Scanned {
        framing: Framing::new(connection.verdict.clone()),
        stream,
    };
    let shared = connection.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let connection = shared.clone();
        async move { Ok::<_, Infallible>(exchange::answer(&connection, request).await) }
    });
    let serving = builder()
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    // An idle connection ends by the time that its next head may take.
    drive(serving, &connection, std::future::pending()).await
}

async fn http2<S>(stream: S, connection: Arc<Connection>) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let busy = Busy::default();
    let (shared, streams) = (connection.clone(), busy.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (connection, stream) = (shared.clone(), streams.begin());
        async move {
            let mut response = exchange::answer(&connection, request).await;
            response.body_mut().hold(stream);
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(HEADERS)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(PONG);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    drive(serving, &connection, busy.idle()).await
}

/// Serves a connection until it ends, its port is closed, or nobody has used it for long: then what
/// is in hand is finished.
async fn drive<C>(
    serving: C,
    connection: &Connection,
    unused: impl Future<Output = ()>,
) -> Result<(), String>
where
    C: Serving,
{
    let mut serving = pin!(serving);
    tokio::select! {
        result = serving.as_mut() => return result.map_err(|error| error.to_string()),
        () = connection.port.closing.cancelled() => {}
        () = unused => {}
    }
    serving.as_mut().finish();
    let stop = connection.front.tasks.stop();
    tokio::select! {
        result = serving => result.map_err(|error| error.to_string()),
        () = async { stop.requested().await; tokio::time::sleep(DRAIN).await } => {
            Err("cut at shutdown".to_owned())
        }
    }
}

/// A connection of either version.
trait Serving: Future<Output = hyper::Result<()>> {
    /// Takes no more requests, and ends when those in hand are answered.
    fn finish(self: Pin<&mut Self>);
}

impl<S, F> Serving for http1::UpgradeableConnection<TokioIo<S>, F>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: HttpService<Incoming, ResBody = Body>,
    F::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S, F> Serving for http2::Connection<TokioIo<S>, F, TokioExecutor>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: HttpService<Incoming, ResBody = Body>,
    F::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F::Future: Send + 'static,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// How many streams of an HTTP/2 connection are open.
#[derive(Clone, Debug, Default)]
struct Busy(watch::Sender<usize>);

/// An open stream.
#[derive(Debug)]
pub(crate) struct Stream(Busy);

impl Busy {
    fn begin(&self) -> Stream {
        self.0.send_modify(|open| *open += 1);
        Stream(self.clone())
    }

    /// Waits until there was no stream for a while.
    async fn idle(self) {
        let mut open = self.0.subscribe();
        loop {
            let none = open.wait_for(|open| *open == 0).await.map(drop);
            if none.is_err() || timeout(UNUSED, open.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open -= 1);
    }
}

/// Answers plain HTTP on a port of HTTPS. The redirect is a temporary one: HTTPS may be switched
/// off again, and browsers never forget a permanent one.
async fn send_to_https(stream: TcpStream, connection: Arc<Connection>) -> Result<(), String> {
    let closing = connection.port.closing.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let response = https_instead(&connection, &request);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let serving = builder()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        result = serving => result.map_err(|error| error.to_string()),
        () = closing.cancelled() => Ok(()),
    }
}

fn https_instead(connection: &Connection, request: &Request<Incoming>) -> Response<Body> {
    let status = connection.front.tls.status().borrow().clone();
    if !status.served {
        return responses::no_certificate(&status.reason);
    }
    let mut hosts = request.headers().get_all(http::header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().and_then(Authority::parse),
        _ => None,
    };
    let target = request.uri().path_and_query().map(|target| target.as_str());
    let (Some(host), Some(target)) = (host, target.filter(|target| target.starts_with('/'))) else {
        return responses::rejection(head::Rejection {
            status: StatusCode::BAD_REQUEST,
            reason: "this port speaks HTTPS",
        });
    };
    let outside = connection.port.target().site.outside.get();
    let location = format!("https://{}{target}", host.with_port(Some(outside)));
    let mut response = responses::redirect(StatusCode::TEMPORARY_REDIRECT, &location);
    responses::close(&mut response);
    response
}

pub(crate) fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(64 << 10)
        .max_header_size(64 << 10)
        .half_close(false);
    builder
}

fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = socket2::SockRef::from(stream);
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = socket.set_tcp_user_timeout(Some(STALL));
}

/// A stream whose received bytes pass the framing scanner.
#[derive(Debug)]
pub(crate) struct Scanned<S> {
    pub(crate) stream: S,
    pub(crate) framing: Framing,
}

impl<S: AsyncRead + Unpin> AsyncRead for Scanned<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if polled.is_ready() {
            this.framing.feed(&buffer.filled()[before..]);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Scanned<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
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
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// First byte of a TLS record that carries a handshake.
const TLS_HANDSHAKE: u8 = 0x16;
const FIRST_BYTE: Duration = Duration::from_secs(10);
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a TLS client may wait for the first certificate.
const CERTIFICATE: Duration = Duration::from_secs(5);
const HEADER: Duration = Duration::from_secs(30);
/// How long an HTTP/2 connection stays open without a stream.
const UNUSED: Duration = Duration::from_secs(120);
const PONG: Duration = Duration::from_secs(20);
/// What one upload may have in flight.
const STREAM_WINDOW: u32 = 1 << 20;
/// Many times that, so that uploads whose app does not read do not stop the others.
const CONNECTION_WINDOW: u32 = 16 << 20;
const STREAMS: u32 = 128;
const SEND_BUFFER: usize = 256 << 10;
const HEADERS: u32 = 64 << 10;
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long a client may take nothing of what is sent to it.
const STALL: Duration = Duration::from_secs(120);
/// How long requests in hand may take at shutdown. Part of the shutdown budget.
const DRAIN: Duration = Duration::from_secs(2);
