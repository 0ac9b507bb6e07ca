//! What goes wrong, told as Python would: scripts match on the class and the message.

use std::{fmt, io, os::unix::net::UnixStream};

use nix::errno::Errno;

/// An exception of the original.
#[derive(Debug)]
pub(super) enum Raised {
    /// Supervisord refused a call.
    Fault { code: i64, text: String },
    /// The answer was no answer to a call.
    Protocol { status: u16, reason: String },
    /// The connection could not be made, or broke.
    Os(io::Error),
    /// A host has no address.
    Unresolved(String),
    /// The connection was closed without an answer.
    Disconnected,
    /// What came was not HTTP.
    BadStatus(String),
    /// What came was not XML-RPC.
    Malformed(String),
    /// Something nobody provided for.
    Value(String),
    /// Ctrl-C was pressed.
    Interrupted,
    /// A question was answered with the end of the input.
    EndOfFile,
}

impl From<io::Error> for Raised {
    fn from(error: io::Error) -> Self {
        match error.kind() == io::ErrorKind::UnexpectedEof {
            true => Self::Disconnected,
            false => Self::Os(error),
        }
    }
}

impl Raised {
    /// Whether it is this error of the operating system.
    pub(super) fn is(&self, kind: io::ErrorKind) -> bool {
        matches!(self, Self::Os(error) if error.kind() == kind)
    }

    /// Whether a name and password are wanted.
    pub(super) fn wants_login(&self) -> bool {
        matches!(self, Self::Protocol { status: 401, .. })
    }

    /// The line the original prints for an exception nobody caught. Where in its files it was raised
    /// cannot be the same.
    pub(super) fn line(&self) -> String {
        format!(
            "error: {}, {self}: file: supervisorctl line: 0",
            self.class()
        )
    }

    /// As it stands in the message of a log that cannot be followed.
    pub(super) fn told(&self) -> String {
        format!("{} ({self})", self.class())
    }

    fn class(&self) -> String {
        let name = match self {
            Self::Fault { .. } => "xmlrpc.client.Fault",
            Self::Protocol { .. } => "xmlrpc.client.ProtocolError",
            Self::Os(error) => class_of(error),
            Self::Unresolved(_) => "socket.gaierror",
            Self::Disconnected => "http.client.RemoteDisconnected",
            Self::BadStatus(_) => "http.client.BadStatusLine",
            Self::Malformed(_) => "xml.parsers.expat.ExpatError",
            Self::Value(_) => "ValueError",
            Self::Interrupted => "KeyboardInterrupt",
            Self::EndOfFile => "EOFError",
        };
        format!("<class '{name}'>")
    }
}

/// The message.
impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault { code, text } => write!(f, "<Fault {code}: {}>", repr(text)),
            Self::Protocol { status, reason } => {
                write!(f, "<ProtocolError for 127.0.0.1/RPC2: {status} {reason}>")
            }
            Self::Os(error) => match error.raw_os_error() {
                Some(number) => write!(f, "[Errno {number}] {}", Errno::from_raw(number).desc()),
                None => write!(f, "{error}"),
            },
            Self::Disconnected => f.write_str("Remote end closed connection without response"),
            Self::Interrupted => Ok(()),
            Self::EndOfFile => f.write_str("EOF when reading a line"),
            Self::Unresolved(text)
            | Self::BadStatus(text)
            | Self::Malformed(text)
            | Self::Value(text) => f.write_str(text),
        }
    }
}

fn class_of(error: &io::Error) -> &'static str {
    let classes = [
        (io::ErrorKind::ConnectionRefused, "ConnectionRefusedError"),
        (io::ErrorKind::ConnectionReset, "ConnectionResetError"),
        (io::ErrorKind::ConnectionAborted, "ConnectionAbortedError"),
        (io::ErrorKind::BrokenPipe, "BrokenPipeError"),
        (io::ErrorKind::NotFound, "FileNotFoundError"),
        (io::ErrorKind::PermissionDenied, "PermissionError"),
        (io::ErrorKind::TimedOut, "TimeoutError"),
        (io::ErrorKind::NotADirectory, "NotADirectoryError"),
    ];
    let found = classes.iter().find(|(kind, _)| *kind == error.kind());
    found.map_or("OSError", |(_, class)| class)
}

/// A text as Python quotes it.
pub(super) fn repr(text: &str) -> String {
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut out = String::from(quote);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if char == quote => {
                out.push('\\');
                out.push(char);
            }
            char if char.is_control() && (char as u32) < 0x100 => {
                out.push_str(&format!("\\x{:02x}", char as u32));
            }
            char => out.push(char),
        }
    }
    out.push(quote);
    out
}

/// Connects to a socket.
pub(super) fn connect_unix(path: &str) -> Result<UnixStream, Raised> {
    UnixStream::connect(path).map_err(|error| {
        Raised::Os(match error.kind() == io::ErrorKind::InvalidInput {
            true => io::Error::other("AF_UNIX path too long"),
            false => error,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_read_as_python_prints_them() {
        let refused = Raised::from(io::Error::from_raw_os_error(111));
        assert_eq!(
            refused.line(),
            "error: <class 'ConnectionRefusedError'>, [Errno 111] Connection refused: \
             file: supervisorctl line: 0"
        );
        let fault = Raised::Fault {
            code: 10,
            text: "BAD_NAME: it's".to_owned(),
        };
        assert_eq!(fault.to_string(), "<Fault 10: \"BAD_NAME: it's\">");
        assert_eq!(repr("a'\"\\\n\u{7}é"), "'a\\'\"\\\\\\n\\x07é'");
    }
}
