//! HTTP, as far as the original has it.

use std::{
    convert::Infallible, fs, io, os::unix::fs::PermissionsExt as _, path::Path, time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use daemon::Tasks;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::mpsc,
};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tracing::{info_span, warn};

use super::{logs::Channel, methods::Methods};
use crate::{
    config::{Credentials, InetServer, UnixServer},
    driver::Handle,
    logs::{Follower, Growth, MainLog},
    xmlrpc::{read_call, write_fault, write_response},
};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What serves the connections of one listener.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    methods: Methods,
    credentials: Option<Credentials>,
    tasks: Tasks,
}

/// Where connections come in.
#[derive(Debug)]
pub(crate) enum Door {
    Unix {
        listener: UnixListener,
        _file: SocketFile,
    },
    Inet(TcpListener),
}

/// The file of a socket, removed on drop.
#[derive(Debug)]
pub(crate) struct SocketFile(std::path::PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Door {
    /// Binds the socket of `[unix_http_server]`.
    pub(crate) fn unix(config: &UnixServer) -> io::Result<Self> {
        let path = &config.file;
        if fs::symlink_metadata(path).is_ok() {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "Another program is already listening on a port that one of our HTTP servers \
                     is configured to use. Shut this program down first before starting \
                     supervisord.",
                ));
            }
            fs::remove_file(path)?;
        }
        // Bound beside its place and moved there, so that nobody meets it with wrong modes.
        let aside = path.with_extension(format!("{}", std::process::id()));
        let listener = UnixListener::bind(&aside)?;
        let placed = dress(&aside, config).and_then(|()| fs::rename(&aside, path));
        placed.inspect_err(|_| {
            let _ = fs::remove_file(&aside);
        })?;
        Ok(Self::Unix {
            listener,
            _file: SocketFile(path.clone()),
        })
    }

    /// Binds the address of `[inet_http_server]`.
    pub(crate) async fn inet(config: &InetServer) -> io::Result<Self> {
        let host = match config.host.as_str() {
            "" => "0.0.0.0",
            host => host,
        };
        TcpListener::bind((host, config.port)).await.map(Self::Inet)
    }
}

fn dress(path: &Path, config: &UnixServer) -> io::Result<()> {
    if let Some((uid, gid)) = config.owner {
        nix::unistd::chown(path, Some(uid), gid)?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(config.mode))
}

impl Server {
    pub(crate) fn new(
        handle: Handle,
        log: MainLog,
        enabled: bool,
        credentials: Option<Credentials>,
        tasks: Tasks,
    ) -> Self {
        let methods = Methods {
            handle,
            log,
            enabled,
        };
        Self {
            methods,
            credentials,
            tasks,
        }
    }

    /// Accepts connections until `stop`.
    pub(crate) async fn serve(self, door: Door, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = accept(&door) => accepted,
            };
            match accepted {
                Ok(Connection::Unix(stream)) => self.attend(stream, &stop),
                Ok(Connection::Inet(stream)) => self.attend(stream, &stop),
                Err(error) => {
                    // Usually we are out of descriptors; trying again at once would only spin.
                    warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn attend(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        stop: &CancellationToken,
    ) {
        let (server, stop) = (self.clone(), stop.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .half_close(true)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| {
                    let server = server.clone();
                    async move { Ok::<_, Infallible>(server.answer(request).await) }
                }),
            );
        self.tasks
            .spawn("xml-rpc connection", info_span!("xmlrpc"), async move {
                tokio::select! {
                    // A client that goes away in the middle costs only itself.
                    _ = connection => {}
                    () = stop.cancelled() => {}
                }
            });
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let mut response = self.route(request).await;
        let server = HeaderValue::from_static("Medusa/1.12");
        response.headers_mut().insert(header::SERVER, server);
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        if !self.admits(request.headers().get(header::AUTHORIZATION)) {
            return unauthorized();
        }
        let path = request.uri().path().to_owned();
        if path.starts_with("/RPC2") {
            return self.rpc(request).await;
        }
        let tail = path.strip_prefix("/logtail/");
        match (request.method(), tail) {
            (&Method::GET, Some(rest)) => self.log_tail(rest),
            (&Method::GET, None) if path == "/mainlogtail" => {
                let log = self.methods.handle.snapshot().main_log.clone();
                self.follow(log.as_deref())
            }
            (_, Some(_)) => plain(StatusCode::BAD_REQUEST),
            (_, None) => plain(StatusCode::NOT_FOUND),
        }
    }

    async fn rpc(&self, request: Request<Incoming>) -> Response<Body> {
        if request.method() != Method::POST {
            return plain(StatusCode::BAD_REQUEST);
        }
        if !request.headers().contains_key(header::CONTENT_LENGTH) {
            return plain(StatusCode::LENGTH_REQUIRED);
        }
        let Ok(body) = Limited::new(request.into_body(), LONGEST_CALL)
            .collect()
            .await
        else {
            return plain(StatusCode::BAD_REQUEST);
        };
        let body = body.to_bytes();
        let Some((method, params)) = str::from_utf8(&body).ok().and_then(|t| read_call(t).ok())
        else {
            return plain(StatusCode::BAD_REQUEST);
        };
        let answer = match self.methods.call(&method, params).await {
            Ok(value) => write_response(&value),
            Err(fault) => write_fault(fault.code.number(), &fault.to_string()),
        };
        let mut response = Response::new(full(answer));
        let xml = HeaderValue::from_static("text/xml");
        response.headers_mut().insert(header::CONTENT_TYPE, xml);
        response
    }

    /// `NAME`, `NAME/stdout` or `NAME/stderr`.
    fn log_tail(&self, rest: &str) -> Response<Body> {
        let (name, channel) = match rest.split_once('/') {
            None => (rest, Some(Channel::Stdout)),
            Some((name, "stdout")) => (name, Some(Channel::Stdout)),
            Some((name, "stderr")) => (name, Some(Channel::Stderr)),
            Some((name, _)) => (name, None),
        };
        let path = channel.and_then(|channel| self.methods.log_of(name, channel).ok().flatten());
        self.follow(path.as_deref())
    }

    fn follow(&self, path: Option<&Path>) -> Response<Body> {
        let Some(follower) = path.and_then(|path| Follower::open(path, FIRST_BYTES).ok()) else {
            return plain(StatusCode::NOT_FOUND);
        };
        let (sender, pieces) = mpsc::channel(4);
        let stop = self.tasks.stop().token();
        self.tasks
            .spawn("log tail", info_span!("logtail"), async move {
                tokio::select! {
                    () = send_growth(follower, sender) => {}
                    () = stop.cancelled() => {}
                }
            });
        let frames = ReceiverStream::new(pieces).map(|piece| Ok(Frame::data(piece)));
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain;charset=utf-8"),
        );
        headers.insert("X-Accel-Buffering", HeaderValue::from_static("no"));
        response
    }

    fn admits(&self, given: Option<&HeaderValue>) -> bool {
        let Some(wanted) = &self.credentials else {
            return true;
        };
        let decoded = given
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok());
        let given = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let given = given.as_deref().and_then(|given| given.split_once(':'));
        given.is_some_and(|(name, password)| wanted.admit(name, password))
    }
}

enum Connection {
    Unix(tokio::net::UnixStream),
    Inet(tokio::net::TcpStream),
}

async fn accept(door: &Door) -> io::Result<Connection> {
    match door {
        Door::Unix { listener, .. } => Ok(Connection::Unix(listener.accept().await?.0)),
        Door::Inet(listener) => Ok(Connection::Inet(listener.accept().await?.0)),
    }
}

/// Sends what a file gains. Looking again and again is for the time somebody watches only.
async fn send_growth(mut follower: Follower, sender: mpsc::Sender<Bytes>) {
    loop {
        let piece = match follower.next() {
            Growth::None => {
                tokio::select! {
                    () = sender.closed() => return,
                    () = tokio::time::sleep(LOOK_AGAIN) => continue,
                }
            }
            Growth::Text(text) => text,
            Growth::Restarted(text) => [b"==> File truncated <==\n".to_vec(), text].concat(),
        };
        if sender.send(Bytes::from(piece)).await.is_err() {
            return;
        }
    }
}

fn unauthorized() -> Response<Body> {
    let mut response = plain(StatusCode::UNAUTHORIZED);
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"default\""),
    );
    response
}

fn plain(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or("");
    let text = format!(
        "<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n<h1>Error response</h1>\r\n\
         <p>Error code {}.\r\n<p>Message: {reason}.\r\n</body>\r\n",
        status.as_u16()
    );
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

fn full(text: String) -> Body {
    Full::new(Bytes::from(text)).boxed_unsync()
}

const LONGEST_CALL: usize = 4 << 20;
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const FIRST_BYTES: u64 = 1024;
