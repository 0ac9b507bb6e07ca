//! One connection from its first byte to its end.

use std::{future::Future, io, time::Duration, time::SystemTime};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    Body, Reply, Request,
    reply::{Status, Tail},
    request::{Length, Persistence, Version},
};
use crate::{logs::Growth, xmlrpc::Document};

/// What answers requests.
pub(in crate::rpc) trait Served {
    /// The answer to a head, or that its body is wanted first.
    fn answer(&self, request: &Request) -> impl Future<Output = Answer> + Send;

    /// The answer to a request whose body was wanted.
    fn answer_with(&self, request: &Request, body: &[u8]) -> impl Future<Output = Reply> + Send;
}

/// Whether a request can be answered by its head.
#[derive(Debug)]
pub(in crate::rpc) enum Answer {
    Now(Reply),
    /// Now, and nothing else is believed that comes on this connection.
    AndClose(Reply),
    WithBody,
}

/// Serves a connection until either side ends it.
pub(in crate::rpc) async fn attend<S>(stream: S, served: &impl Served)
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let mut connection = Connection {
        stream,
        input: BytesMut::new(),
    };
    // A client that goes away in the middle costs only itself.
    while let Ok(Persistence::Keep | Persistence::KeepAndTell) = connection.turn(served).await {}
    connection.end().await;
}

#[derive(Debug)]
struct Connection<S> {
    stream: S,
    /// What was received and not looked at.
    input: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// One request and its answer.
    async fn turn(&mut self, served: &impl Served) -> io::Result<Persistence> {
        let Some(request) = self.request().await? else {
            return Ok(Persistence::Close);
        };
        let answer = self.unless_gone(served.answer(&request)).await?;
        let (mut reply, mut persistence) = match answer {
            Answer::Now(reply) => (reply, self.pass_over(&request).await?),
            Answer::AndClose(reply) => (reply, Persistence::Close),
            Answer::WithBody => match self.body(&request).await? {
                Ok(body) => {
                    let reply = served.answer_with(&request, &body);
                    (self.unless_gone(reply).await?, request.persistence())
                }
                Err(status) => (Reply::error(status), self.pass_over(&request).await?),
            },
        };
        if let Body::Tail(_) = reply.body {
            if request.version == Version::Current && persistence == Persistence::Keep {
                let chunked = ("Transfer-Encoding", "chunked".to_owned());
                reply.headers.push(chunked);
            } else {
                persistence = Persistence::Close;
            }
        }
        if persistence == Persistence::KeepAndTell {
            reply.headers.push(("Connection", "Keep-Alive".to_owned()));
        }
        self.send(&request, reply, persistence).await?;
        Ok(persistence)
    }

    /// The next head. `None` when there is none, or none that could be answered.
    async fn request(&mut self) -> io::Result<Option<Request>> {
        let mut searched = 0;
        loop {
            let from = searched.min(self.input.len());
            let found = self.input[from..]
                .windows(END.len())
                .position(|window| window == END);
            if let Some(at) = found {
                if from + at > LONGEST_HEAD {
                    return Ok(None);
                }
                let head = self.input.split_to(from + at);
                self.input.advance(END.len());
                return Ok(Request::parse(&head));
            }
            searched = self.input.len().saturating_sub(END.len() - 1);
            // How much of a head comes in at once does not decide whether it is too long.
            if searched > LONGEST_HEAD || self.receive().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The body of a request, or why it is not taken.
    async fn body(&mut self, request: &Request) -> io::Result<Result<Vec<u8>, Status>> {
        if request.method == "GET" {
            return Ok(Ok(Vec::new()));
        }
        let length = match request.length() {
            Length::Unknown => return Ok(Err(Reply::LENGTH_REQUIRED)),
            Length::Wrong => return Ok(Err(Reply::CRASHED)),
            Length::Known(length) => usize::try_from(length).unwrap_or(usize::MAX),
        };
        if length > LONGEST_BODY {
            return Ok(Err(Reply::TOO_LARGE));
        }
        while self.input.len() < length {
            if self.receive().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Ok(self.input.split_to(length).to_vec()))
    }

    /// Passes over a body nobody wants, so that it is not taken for the next request.
    async fn pass_over(&mut self, request: &Request) -> io::Result<Persistence> {
        let length = match request.length() {
            Length::Known(length) => usize::try_from(length).unwrap_or(usize::MAX),
            Length::Unknown | Length::Wrong => 0,
        };
        if request.is_chunked() || length > LONGEST_UNWANTED {
            return Ok(Persistence::Close);
        }
        let mut left = length;
        loop {
            let passed = left.min(self.input.len());
            self.input.advance(passed);
            left -= passed;
            if left == 0 {
                return Ok(request.persistence());
            }
            if self.receive().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn send(
        &mut self,
        request: &Request,
        reply: Reply,
        persistence: Persistence,
    ) -> io::Result<()> {
        let mut head = reply.head(request.version, SystemTime::now());
        let silent = request.method == "HEAD";
        match reply.body {
            Body::Text(text) => {
                if !silent {
                    head.push_str(&text);
                }
                self.stream.write_all(head.as_bytes()).await?;
            }
            Body::Document { document, length } => {
                self.stream.write_all(head.as_bytes()).await?;
                self.send_document(document, length).await?;
            }
            Body::Tail(tail) => {
                self.stream.write_all(head.as_bytes()).await?;
                self.stream.flush().await?;
                self.send_tail(tail, persistence).await?;
            }
        }
        self.stream.flush().await
    }

    /// A file that became shorter than it was announced ends the connection, so that the client
    /// knows.
    async fn send_document(&mut self, document: Document, length: u64) -> io::Result<()> {
        let mut announced = length;
        for piece in document
            .into_parts()
            .into_iter()
            .flat_map(|part| part.pieces())
        {
            let piece = piece?;
            announced = announced.saturating_sub(piece.len() as u64);
            self.stream.write_all(piece.as_bytes()).await?;
        }
        match announced {
            0 => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    async fn send_tail(&mut self, mut tail: Tail, persistence: Persistence) -> io::Result<()> {
        loop {
            let piece = match self.unless_gone(tail.next()).await? {
                Growth::None => continue,
                Growth::Text(text) => text,
                Growth::Restarted(text) => [TRUNCATED, &text].concat(),
            };
            if persistence == Persistence::Close {
                self.stream.write_all(&piece).await?;
            } else {
                let size = format!("{:x}\r\n", piece.len());
                let chunk = [size.as_bytes(), &piece, b"\r\n"].concat();
                self.stream.write_all(&chunk).await?;
            }
            self.stream.flush().await?;
            // What a client says while it listens is of no interest.
            self.input.clear();
        }
    }

    /// Waits for something as long as the client is there. What is known at once is told even to a
    /// client that has closed its half.
    async fn unless_gone<T>(&mut self, awaited: impl Future<Output = T>) -> io::Result<T> {
        tokio::pin!(awaited);
        loop {
            tokio::select! {
                biased;
                value = &mut awaited => return Ok(value),
                received = self.receive(), if self.input.len() <= LONGEST_HEAD => {
                    if received? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    async fn receive(&mut self) -> io::Result<usize> {
        self.input.reserve(4 << 10);
        self.stream.read_buf(&mut self.input).await
    }

    /// Ends our half and lets the client read the answer: closing with unread input would take it
    /// away again.
    async fn end(&mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let rest = async {
            let mut left = LONGEST_UNWANTED;
            while left > 0 {
                self.input.clear();
                match self.receive().await {
                    Ok(0) | Err(_) => return,
                    Ok(received) => left = left.saturating_sub(received),
                }
            }
        };
        let _ = timeout(LINGER, rest).await;
    }
}

const TRUNCATED: &[u8] = b"==> File truncated <==\n";
const END: &[u8] = b"\r\n\r\n";
const LONGEST_HEAD: usize = 64 << 10;
/// Programs can be sent long texts on their standard input.
const LONGEST_BODY: usize = 16 << 20;
const LONGEST_UNWANTED: usize = 1 << 20;
const LINGER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::duplex;

    use super::*;

    /// Answers with what it was asked.
    struct Echo;

    impl Served for Echo {
        async fn answer(&self, request: &Request) -> Answer {
            match request.method.as_str() {
                "POST" => Answer::WithBody,
                "STOP" => Answer::AndClose(Reply::error(Reply::UNAUTHORIZED)),
                _ => Answer::Now(Reply::text(Vec::new(), request.path())),
            }
        }

        async fn answer_with(&self, _: &Request, body: &[u8]) -> Reply {
            Reply::text(Vec::new(), String::from_utf8_lossy(body))
        }
    }

    /// Sends all of `input` and returns what comes back once our half is closed.
    async fn talk(input: &[u8]) -> Vec<u8> {
        talk_in_pieces(1 << 20, input).await
    }

    /// The same, of which at most `size` bytes come in at once.
    async fn talk_in_pieces(size: usize, input: &[u8]) -> Vec<u8> {
        let (mut client, server) = duplex(size);
        let mut output = Vec::new();
        let ask = async {
            client.write_all(input).await.unwrap();
            client.shutdown().await.unwrap();
            client.read_to_end(&mut output).await.unwrap();
        };
        tokio::join!(ask, attend(server, &Echo));
        output
    }

    fn bodies(output: &[u8]) -> Vec<&str> {
        let text = str::from_utf8(output).unwrap();
        let answers = text.split("HTTP/1.").skip(1);
        let body = |answer: &'_ str| answer.find("\r\n\r\n").map(|at| at + 4);
        answers
            .map(|answer| &answer[body(answer).unwrap()..])
            .collect()
    }

    #[tokio::test]
    async fn requests_in_a_row_are_answered_in_their_order() {
        let output = talk(
            b"GET /a HTTP/1.1\r\n\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz\
              GET /c HTTP/1.1\r\nContent-Length: 7\r\n\r\nGET /d GET /e HTTP/1.0\r\n\r\n\
              GET /f HTTP/1.1\r\n\r\n",
        )
        .await;
        assert_eq!(bodies(&output), ["/a", "xyz", "/c", "/e"]);
    }

    #[tokio::test]
    async fn heads_and_bodies_without_end_are_not_collected() {
        assert!(talk(&[b'x'; 200 << 10]).await.is_empty());
        let length = "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n";
        let output = talk(length.as_bytes()).await;
        assert!(output.starts_with(b"HTTP/1.1 413 "));
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        let output = talk(chunked.as_bytes()).await;
        assert!(output.starts_with(b"HTTP/1.1 411 "));
        assert_eq!(bodies(&output).len(), 1);
    }

    #[tokio::test]
    async fn the_longest_head_is_the_same_wherever_it_is_cut() {
        let head = |length: usize| {
            let line = "HEAD / HTTP/1.1\r\nA: ";
            format!("{line}{}\r\n\r\n", "a".repeat(length - line.len()))
        };
        for size in [1000, 4096, 1 << 20] {
            let longest = talk_in_pieces(size, head(LONGEST_HEAD).as_bytes()).await;
            assert!(longest.starts_with(b"HTTP/1.1 200 "), "{size}");
            let longer = talk_in_pieces(size, head(LONGEST_HEAD + 1).as_bytes()).await;
            assert!(longer.is_empty(), "{size}");
        }
    }

    #[tokio::test]
    async fn nothing_is_believed_after_a_refusal() {
        let output = talk(b"STOP / HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n").await;
        assert!(output.starts_with(b"HTTP/1.1 401 "));
        assert_eq!(bodies(&output).len(), 1);
    }

    const PIECES: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\n",
        b"POST /x HTTP/1.0\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: x\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: keep-alive\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\xff\0",
        b"abc",
        b"\r",
        b"\n",
        b": ",
    ];

    proptest! {
        #[test]
        fn no_bytes_hang_or_panic(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..30),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                timeout(Duration::from_secs(20), talk(&pieces.concat())).await.unwrap();
            });
        }
    }
}
