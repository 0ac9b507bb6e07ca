//! Just enough HTTP to call supervisord.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    interrupt::{Interruptions, Waited},
    raised::{Raised, connect_unix, repr},
};
use crate::xmlrpc::{Value, read_response, write_call};

/// Reaches one supervisord.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) url: String,
    pub(super) login: Option<Login>,
    pub(super) interruptions: Interruptions,
}

/// A name and password.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: String,
}

/// The password has no way to be printed.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Inet(TcpStream),
}

impl Client {
    /// Calls `supervisor.METHOD`.
    pub(super) fn call(&self, method: &str, params: &[Value]) -> Result<Value, Raised> {
        let body = write_call(&format!("supervisor.{method}"), params);
        let head = format!(
            "POST /RPC2 HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: identity\r\n\
             User-Agent: supervisorctl\r\nContent-Type: text/xml\r\nAccept: text/xml\r\n{}\
             Content-Length: {}\r\n\r\n",
            self.host(),
            self.authorization(),
            body.len(),
        );
        let mut stream = self.connect()?;
        stream.write_all((head + &body).as_bytes())?;
        if self.interruptions.wait(stream.as_fd()) == Waited::Interrupted {
            return Err(Raised::Interrupted);
        }
        let mut reader = BufReader::new(stream);
        let head = Head::read(&mut reader)?;
        if head.status != 200 {
            return Err(Raised::Protocol {
                status: head.status,
                reason: head.reason,
            });
        }
        let mut body = Vec::new();
        match head.length {
            Some(length) => reader.take(length).read_to_end(&mut body)?,
            None => reader.read_to_end(&mut body)?,
        };
        let answer = read_response(&String::from_utf8_lossy(&body))
            .map_err(|error| Raised::Malformed(error.to_string()))?;
        answer.map_err(|(code, text)| Raised::Fault { code, text })
    }

    /// Asks for a log as it grows. The answer is left to be read.
    pub(super) fn ask_for_log(&self, path: &str) -> Result<Stream, Raised> {
        let mut stream = self.connect()?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: chunked\r\nAccept: */*\r\n\
             User-agent: Supervisor HTTP Client\r\n{}\r\n",
            self.host(),
            self.authorization()
        );
        stream.write_all(head.as_bytes())?;
        Ok(stream)
    }

    fn connect(&self) -> Result<Stream, Raised> {
        if let Some(path) = self.url.strip_prefix("unix://") {
            return connect_unix(path).map(Stream::Unix);
        }
        let Some(host) = self.url.strip_prefix("http://") else {
            let text = format!("Unknown protocol for serverurl {}", self.url);
            return Err(Raised::Value(text));
        };
        let host = host.split('/').next().unwrap_or("");
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                let port = port.parse::<u16>().map_err(|_| {
                    let text = format!("Port could not be cast to integer value as {}", repr(port));
                    Raised::Value(text)
                })?;
                (host, port)
            }
            _ => (host, 80),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (host, port).to_socket_addrs();
        let unknown = || Raised::Unresolved("[Errno -2] Name or service not known".to_owned());
        let addresses: Vec<_> = addresses.map_err(|_| unknown())?.collect();
        Ok(Stream::Inet(TcpStream::connect(addresses.as_slice())?))
    }

    fn host(&self) -> &str {
        let host = self.url.strip_prefix("http://").unwrap_or("localhost");
        host.split('/').next().unwrap_or("")
    }

    fn authorization(&self) -> String {
        self.login.as_ref().map_or_else(String::new, |login| {
            let plain = format!("{}:{}", login.username, login.password);
            format!("Authorization: Basic {}\r\n", STANDARD.encode(plain))
        })
    }
}

/// Status line and what matters of the headers.
#[derive(Debug, Default)]
struct Head {
    status: u16,
    reason: String,
    length: Option<u64>,
}

impl Head {
    fn read(reader: &mut impl BufRead) -> Result<Self, Raised> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(Raised::Disconnected);
        }
        let mut head = Self::of_status(&line)?;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                return Ok(head);
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                head.length = value.trim().parse().ok();
            }
        }
    }

    fn of_status(line: &str) -> Result<Self, Raised> {
        let line = line.trim();
        let mut words = line.splitn(3, ' ');
        let version = words.next().filter(|word| word.starts_with("HTTP/"));
        let status = words.next().and_then(|status| status.parse().ok());
        match (version, status) {
            (Some(_), Some(status)) => Ok(Self {
                status,
                reason: words.next().unwrap_or("").to_owned(),
                length: None,
            }),
            _ => Err(Raised::BadStatus(line.to_owned())),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Inet(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(buffer),
            Self::Inet(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Unix(stream) => stream.flush(),
            Self::Inet(stream) => stream.flush(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Inet(stream) => stream.as_fd(),
        }
    }
}
