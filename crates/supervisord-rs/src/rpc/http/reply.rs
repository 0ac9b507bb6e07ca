//! Answers.

use std::{fmt::Write as _, io, time::SystemTime};

use jiff::{Timestamp, tz::TimeZone};

use super::request::Version;
use crate::xmlrpc::Document;

/// An answer.
#[derive(Debug)]
pub(in crate::rpc) struct Reply {
    pub(in crate::rpc) status: Status,
    /// In the order in which they are sent, after those every answer has.
    pub(in crate::rpc) headers: Vec<(&'static str, String)>,
    pub(in crate::rpc) body: Body,
}

/// Code and reason.
pub(in crate::rpc) type Status = (u16, &'static str);

/// What an answer brings.
#[derive(Debug)]
pub(in crate::rpc) enum Body {
    Text(String),
    Document {
        document: Document,
        length: u64,
    },
    /// What has no end.
    Tail(Tail),
}

/// A log that is sent as it grows.
pub(in crate::rpc) type Tail = crate::rpc::follow::Following;

impl Reply {
    pub(in crate::rpc) const OK: Status = (200, "OK");
    pub(in crate::rpc) const MOVED: Status = (301, "Moved Permanently");
    pub(in crate::rpc) const BAD_REQUEST: Status = (400, "Bad Request");
    pub(in crate::rpc) const UNAUTHORIZED: Status = (401, "Unauthorized");
    pub(in crate::rpc) const FORBIDDEN: Status = (403, "Forbidden");
    pub(in crate::rpc) const NOT_FOUND: Status = (404, "Not Found");
    pub(in crate::rpc) const LENGTH_REQUIRED: Status = (411, "Length Required");
    pub(in crate::rpc) const TOO_LARGE: Status = (413, "Request Entity Too Large");
    pub(in crate::rpc) const CRASHED: Status = (500, "Internal Server Error");

    /// An answer with its length after its other headers.
    pub(in crate::rpc) fn text(
        mut headers: Vec<(&'static str, String)>,
        text: impl Into<String>,
    ) -> Self {
        let text = text.into();
        headers.push(("Content-Length", text.len().to_string()));
        Self {
            status: Self::OK,
            headers,
            body: Body::Text(text),
        }
    }

    /// The result of a call.
    ///
    /// # Errors
    /// When a log that belongs to it cannot be read.
    pub(in crate::rpc) async fn xml(document: Document) -> io::Result<Self> {
        let (length, document) = match document.is_short() {
            true => (document.length()?, document),
            false => {
                let measure = move || document.length().map(|length| (length, document));
                tokio::task::spawn_blocking(measure).await??
            }
        };
        Ok(Self {
            status: Self::OK,
            headers: vec![
                ("Content-Type", "text/xml".to_owned()),
                ("Content-Length", length.to_string()),
            ],
            body: Body::Document { document, length },
        })
    }

    /// A refusal, or anything else of which the status says all.
    pub(in crate::rpc) fn error(status: Status) -> Self {
        Self::error_with(status, Vec::new())
    }

    /// A refusal with headers of its own.
    pub(in crate::rpc) fn error_with(
        status: Status,
        mut headers: Vec<(&'static str, String)>,
    ) -> Self {
        let (code, reason) = status;
        let text = format!(
            "<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n\
             <h1>Error response</h1>\r\n<p>Error code {code}.\r\n<p>Message: {reason}.\r\n\
             </body>\r\n"
        );
        headers.push(("Content-Length", text.len().to_string()));
        if !headers.iter().any(|(name, _)| *name == "Content-Type") {
            headers.push(("Content-Type", "text/html".to_owned()));
        }
        Self {
            status,
            headers,
            body: Body::Text(text),
        }
    }

    /// Status line and headers, with the empty line after them.
    pub(super) fn head(&self, version: Version, now: SystemTime) -> String {
        let version = match version {
            Version::Old => "1.0",
            Version::Current => "1.1",
        };
        let (code, reason) = self.status;
        let mut head = format!(
            "HTTP/{version} {code} {reason}\r\nServer: Medusa/1.12\r\nDate: {}\r\n",
            http_date(now)
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head
    }
}

/// A time as HTTP writes it.
pub(in crate::rpc) fn http_date(time: SystemTime) -> String {
    let stamp = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp
        .to_zoned_datetime(TimeZone::UTC)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn heads_have_the_originals_headers_in_its_order() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert_eq!(
            Reply::error(Reply::NOT_FOUND).head(Version::Current, now),
            "HTTP/1.1 404 Not Found\r\nServer: Medusa/1.12\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\n\
             Content-Length: 134\r\nContent-Type: text/html\r\n\r\n"
        );
        assert_eq!(
            Reply::text(vec![("Content-Type", "text/plain".to_owned())], "OK")
                .head(Version::Old, now),
            "HTTP/1.0 200 OK\r\nServer: Medusa/1.12\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\n\
             Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n"
        );
    }
}
