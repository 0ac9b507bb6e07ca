//! Just enough HTTP to call supervisord.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use thiserror::Error;

use crate::{
    config::Credentials,
    xmlrpc::{Value, read_response, write_call},
};

/// Reaches one supervisord.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) url: String,
    credentials: Option<Credentials>,
}

/// Why a call has no result.
#[derive(Debug, Error)]
pub(super) enum CallError {
    /// Supervisord refused it.
    #[error("<Fault {code}: '{text}'>")]
    Fault { code: i64, text: String },
    /// A name and password are wanted.
    #[error("<ProtocolError for 127.0.0.1/RPC2: 401 Unauthorized>")]
    Unauthorized,
    /// The connection could not be made or broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The answer was something else.
    #[error("unexpected answer: {0}")]
    Answer(String),
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Client {
    pub(super) fn new(url: &str, credentials: Option<Credentials>) -> Self {
        Self {
            url: url.to_owned(),
            credentials,
        }
    }

    /// Calls `supervisor.METHOD`.
    pub(super) fn call(&self, method: &str, params: &[Value]) -> Result<Value, CallError> {
        let body = write_call(&format!("supervisor.{method}"), params);
        let head = format!(
            "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nAccept: text/xml\r\n\
             Content-Length: {}\r\nConnection: close\r\n{}\r\n",
            body.len(),
            self.authorization()
        );
        let mut stream = self.connect()?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        stream.flush()?;
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader)?;
        match status {
            200 => {}
            401 => return Err(CallError::Unauthorized),
            status => return Err(CallError::Answer(format!("HTTP status {status}"))),
        }
        let mut body = Vec::new();
        match headers.length {
            Some(length) => reader.take(length).read_to_end(&mut body)?,
            None => reader.read_to_end(&mut body)?,
        };
        let answer = read_response(&String::from_utf8_lossy(&body))
            .map_err(|error| CallError::Answer(error.to_string()))?;
        answer.map_err(|(code, text)| CallError::Fault { code, text })
    }

    /// Copies what a log tail sends to `out`, until it or the server ends.
    pub(super) fn follow(&self, path: &str, out: &mut dyn Write) -> Result<(), FollowError> {
        let mut stream = self.connect().map_err(FollowError::Connect)?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n{}\r\n",
            self.authorization()
        );
        stream
            .write_all(head.as_bytes())
            .map_err(FollowError::Connect)?;
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader).map_err(FollowError::Connect)?;
        if status != 200 {
            return Err(FollowError::Status(status));
        }
        let copied = match headers.chunked {
            true => copy_chunks(&mut reader, out),
            false => io::copy(&mut reader, out).map(drop),
        };
        copied.map_err(FollowError::Connect)
    }

    fn connect(&self) -> io::Result<Box<dyn Stream>> {
        if let Some(path) = self.url.strip_prefix("unix://") {
            return Ok(Box::new(UnixStream::connect(path)?));
        }
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let address = match address.contains(':') {
            true => address.to_owned(),
            false => format!("{address}:80"),
        };
        Ok(Box::new(TcpStream::connect(address)?))
    }

    fn authorization(&self) -> String {
        self.credentials.as_ref().map_or_else(String::new, |given| {
            let plain = format!("{}:{}", given.username, given.password.to_send());
            format!("Authorization: Basic {}\r\n", STANDARD.encode(plain))
        })
    }
}

/// Why a log could not be followed.
#[derive(Debug, Error)]
pub(super) enum FollowError {
    #[error("Cannot connect, error: {0}")]
    Connect(io::Error),
    #[error("Cannot read, status code {0}")]
    Status(u16),
}

#[derive(Debug, Default)]
struct Headers {
    length: Option<u64>,
    chunked: bool,
}

fn read_head(reader: &mut impl BufRead) -> io::Result<(u16, Headers)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("the answer is not HTTP"))?;
    let mut headers = Headers::default();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok((status, headers));
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            headers.length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            headers.chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
    }
}

fn copy_chunks(reader: &mut impl BufRead, out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let digits = line.trim().split(';').next().unwrap_or("");
        let size = u64::from_str_radix(digits, 16).unwrap_or(0);
        if size == 0 {
            return Ok(());
        }
        io::copy(&mut reader.by_ref().take(size), out)?;
        out.flush()?;
        line.clear();
        reader.read_line(&mut line)?;
    }
}
