//! An app: a raw socket that tells what reached it.

use std::{net::Ipv4Addr, sync::Arc};

use daemon::{Stop, Tasks};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
    time::timeout,
};

use crate::{client::header, door::LIMIT};

/// One request as it reached the app.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: String,
    /// Number of the connection it came over, from 1.
    pub(crate) connection: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }
}

pub(crate) struct Backend {
    pub(crate) port: u16,
    seen: mpsc::UnboundedReceiver<Seen>,
    _tasks: Tasks,
}

impl Backend {
    /// Answers every request with 200 and its own request line.
    pub(crate) async fn echo() -> Self {
        Self::answering(|seen| {
            let body = seen.line();
            let length = body.len();
            Some(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
        })
        .await
    }

    /// Answers with what `answer` says; nothing closes the connection.
    pub(crate) async fn answering(
        answer: impl Fn(&Seen) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = mpsc::unbounded_channel();
        let tasks = Tasks::new(Stop::new());
        let answer = Arc::new(answer);
        let inner = tasks.clone();
        tasks.spawn("backend", tracing::Span::none(), async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                connection += 1;
                let serve = serve(stream, connection, sender.clone(), answer.clone());
                inner.spawn("backend connection", tracing::Span::none(), serve);
            }
        });
        Self {
            port,
            seen,
            _tasks: tasks,
        }
    }

    /// The next request that reached the app.
    pub(crate) async fn seen(&mut self) -> Seen {
        let next = timeout(LIMIT, self.seen.recv()).await;
        next.expect("a request in time").expect("the backend lives")
    }

    /// Whether every request that reached the app was looked at.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.seen.try_recv().is_err()
    }
}

/// A listener for an app that a test plays by itself.
pub(crate) async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port where nothing answers, and nothing can as long as the socket is kept.
pub(crate) fn closed() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Reads one head from a stream, with whatever came behind it.
pub(crate) async fn read_head(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Some((
                String::from_utf8(bytes).unwrap().trim_end().to_owned(),
                rest,
            ));
        }
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).await.unwrap_or(0);
        if length == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..length]);
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    sender: mpsc::UnboundedSender<Seen>,
    answer: Arc<impl Fn(&Seen) -> Option<String>>,
) {
    while let Some((head, mut body)) = read_head(&mut stream).await {
        let length = header(&head, "content-length").map_or(0, |n| n.parse().unwrap());
        while body.len() < length {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            if read == 0 {
                return;
            }
            body.extend_from_slice(&buffer[..read]);
        }
        let seen = Seen {
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
            connection,
        };
        let text = answer(&seen);
        let _ = sender.send(seen);
        let Some(text) = text else { return };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}
