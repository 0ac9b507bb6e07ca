//! A client that writes raw bytes and reads answers.

use std::{net::SocketAddr, sync::Arc};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::door::LIMIT;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(crate) struct Client {
    pub(crate) stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// The value of a header in the text of a head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Client {
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn tls(
        address: SocketAddr,
        config: Arc<ClientConfig>,
    ) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Self::over(
            TlsConnector::from(config).connect(name, stream).await?,
        ))
    }

    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends `METHOD target` with a `Host`, the headers and, if there is one, the body.
    pub(crate) async fn request(
        &mut self,
        request: &str,
        host: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        let mut text = format!("{request} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.send(format!("{text}\r\n{body}")).await;
    }

    /// The next answer with a body of known length, or one that ends with the connection.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        let bodiless = status < 200 || status == 204 || status == 304;
        let length = header(&head, "content-length").map(|n| n.parse().unwrap());
        let body = match length {
            _ if bodiless => Vec::new(),
            Some(length) => self.exactly(length).await,
            None => self.rest().await,
        };
        Answer {
            status,
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// The next head, without the empty line.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            let end = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.unread.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap().trim_end().to_owned();
            }
            assert!(self.more().await > 0, "no head: {:?}", self.unread);
        }
    }

    pub(crate) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            assert!(
                self.more().await > 0,
                "ended after {} bytes",
                self.unread.len()
            );
        }
        self.unread.drain(..length).collect()
    }

    /// Everything up to the end of the connection, however it ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.unread)
    }

    async fn more(&mut self) -> usize {
        let mut buffer = [0; 4096];
        let read = timeout(LIMIT, self.stream.read(&mut buffer)).await;
        let length = read.expect("bytes in time").unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..length]);
        length
    }
}

impl Client {
    /// Whatever comes up to the end of the answer's head, as text.
    pub(crate) async fn rest_of_answer(&mut self) -> String {
        while !self.unread.windows(4).any(|window| window == b"\r\n\r\n") {
            if self.more().await == 0 {
                break;
            }
        }
        String::from_utf8_lossy(&self.unread).into_owned()
    }
}

impl Client {
    /// Drops what was read and not asked for; the answer is its length.
    pub(crate) fn taken(&mut self) -> usize {
        std::mem::take(&mut self.unread).len()
    }
}
