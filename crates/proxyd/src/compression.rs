//! Whether an answer is compressed, and how (RFC 9110, section 8.4 and 12.5.3).
//!
//! What an app has compressed, what is compressed by nature, and what must come piece by piece stays
//! as it is.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_compression::{
    Level,
    tokio::bufread::{GzipEncoder, ZstdEncoder},
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt as _};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, response};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use tokio_util::io::{StreamReader, poll_read_buf};

/// A way of compressing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 8878. What browsers decode fastest, and the smaller of the two.
    Zstd,
    /// RFC 1952.
    Gzip,
}

/// Decides on an answer and sets its headers for it. `request` are the client's.
pub(crate) fn negotiate(
    method: &Method,
    request: &HeaderMap,
    answer: &mut response::Parts,
    length: Option<u64>,
) -> Option<Coding> {
    let headers = &answer.headers;
    let has_body = *method != Method::HEAD
        && !matches!(
            answer.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT
        );
    if !has_body
        || length.is_some_and(|length| length < SHORTEST)
        || headers.contains_key(header::CONTENT_ENCODING)
        || headers.contains_key(header::CONTENT_RANGE)
        || headers.contains_key(header::TRAILER)
        || lists(headers, header::CACHE_CONTROL, "no-transform")
        || !is_compressible(headers.get(header::CONTENT_TYPE)?.as_bytes())
    {
        return None;
    }
    let headers = &mut answer.headers;
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let coding = preferred(request)?;
    headers.insert(header::CONTENT_ENCODING, coding.name());
    // They tell of the bytes that the app sent.
    for name in ["content-length", "accept-ranges", "content-md5", "digest"] {
        headers.remove(name);
    }
    for name in ["content-digest", "repr-digest"] {
        headers.remove(name);
    }
    weaken(headers);
    Some(coding)
}

/// A compressed body. What the app has sent is passed on when it sends nothing more, so that nobody
/// waits for a block to be full.
pub(crate) struct Compressed {
    reader: Pin<Box<dyn Encoder>>,
    buffer: BytesMut,
}

trait Encoder: tokio::io::AsyncRead + Send + Sync {}
impl<T: tokio::io::AsyncRead + Send + Sync> Encoder for T {}

impl Compressed {
    pub(crate) fn new(coding: Coding, body: Incoming) -> Self {
        let reader = StreamReader::new(data(body));
        Self {
            reader: match coding {
                Coding::Zstd => Box::pin(ZstdEncoder::with_quality(reader, ZSTD)),
                Coding::Gzip => Box::pin(GzipEncoder::with_quality(reader, GZIP)),
            },
            buffer: BytesMut::new(),
        }
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.buffer.reserve(PIECE);
        let read = poll_read_buf(self.reader.as_mut(), context, &mut self.buffer);
        Poll::Ready(match ready!(read) {
            Ok(0) => None,
            Ok(_) => Some(Ok(self.buffer.split().freeze())),
            Err(error) => Some(Err(error)),
        })
    }
}

impl std::fmt::Debug for Compressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressed(…)")
    }
}

fn data(body: Incoming) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + Unpin {
    BodyDataStream::new(body).map_err(io::Error::other)
}

impl Coding {
    fn name(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        })
    }
}

/// The best coding that the client takes.
fn preferred(headers: &HeaderMap) -> Option<Coding> {
    let (mut zstd, mut gzip, mut others) = (None, None, None);
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let entries = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    for entry in entries {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight =
            parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // A weight that is none is no refusal.
        let taken = weight
            .and_then(|q| q.parse().ok())
            .is_none_or(|q: f32| q > 0.0);
        let place = match name.to_ascii_lowercase().as_str() {
            "zstd" => &mut zstd,
            "gzip" | "x-gzip" => &mut gzip,
            "*" => &mut others,
            _ => continue,
        };
        *place = Some(taken);
    }
    let takes = |named: Option<bool>| named.or(others).unwrap_or(false);
    match (takes(zstd), takes(gzip)) {
        (true, _) => Some(Coding::Zstd),
        (false, true) => Some(Coding::Gzip),
        (false, false) => None,
    }
}

/// Media types that are mostly text. Server-sent events and lines of JSON come one by one, and
/// gain nothing.
fn is_compressible(kind: &[u8]) -> bool {
    let Ok(kind) = std::str::from_utf8(kind) else {
        return false;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    match kind.split_once('/') {
        Some(("text", "event-stream")) => false,
        Some(("text", _)) => true,
        Some(("application", sub)) => {
            COMPRESSIBLE.contains(&sub) || sub.ends_with("+json") || sub.ends_with("+xml")
        }
        Some(("image", sub)) => matches!(sub, "svg+xml" | "bmp" | "x-icon"),
        Some(("font", sub)) => matches!(sub, "ttf" | "otf"),
        Some(_) | None => false,
    }
}

/// A strong validator promises the same bytes (RFC 9110, section 8.8.1).
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG) else {
        return;
    };
    if !tag.as_bytes().starts_with(b"W/") {
        match HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
            Ok(weak) => headers.insert(header::ETAG, weak),
            Err(_) => headers.remove(header::ETAG),
        };
    }
}

fn lists(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    crate::head::lists(headers, &name, token)
}

const COMPRESSIBLE: [&str; 8] = [
    "json",
    "javascript",
    "x-javascript",
    "xml",
    "wasm",
    "manifest+json",
    "x-yaml",
    "yaml",
];
/// Shorter answers fit into a packet anyway.
const SHORTEST: u64 = 1024;
/// Quick enough that a page does not wait for it.
const ZSTD: Level = Level::Precise(3);
const GZIP: Level = Level::Precise(4);
const PIECE: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| {
            let name = header::HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    fn answer(pairs: &[(&'static str, &'static str)]) -> response::Parts {
        let mut answer = Response::new(());
        *answer.headers_mut() = map(pairs);
        answer.into_parts().0
    }

    #[test]
    fn the_better_coding_that_is_accepted_is_taken() {
        let accepts = |value| preferred(&map(&[("accept-encoding", value)]));
        for (value, coding) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip", Some(Coding::Gzip)),
            ("GZIP;q=0.5", Some(Coding::Gzip)),
            ("zstd;q=0, gzip; q=1", Some(Coding::Gzip)),
            ("*", Some(Coding::Zstd)),
            ("*;q=0, gzip", Some(Coding::Gzip)),
            ("*;q=0", None),
            ("identity", None),
            ("br", None),
            ("", None),
            ("zstd;q=0.000", None),
        ] {
            assert_eq!(accepts(value), coding, "{value:?}");
        }
        assert_eq!(preferred(&HeaderMap::new()), None);
    }

    #[test]
    fn only_what_gains_is_compressed() {
        let request = map(&[("accept-encoding", "gzip")]);
        let html = ("content-type", "Text/HTML; charset=utf-8");
        let decide = |method: Method, pairs: &[_], status, length| {
            let mut answer = answer(pairs);
            answer.status = status;
            negotiate(&method, &request, &mut answer, length)
        };
        let ok = StatusCode::OK;
        assert_eq!(
            decide(Method::GET, &[html], ok, Some(1024)),
            Some(Coding::Gzip)
        );
        assert_eq!(decide(Method::GET, &[html], ok, None), Some(Coding::Gzip));
        assert_eq!(decide(Method::GET, &[html], ok, Some(1023)), None);
        assert_eq!(decide(Method::HEAD, &[html], ok, Some(5000)), None);
        for status in [204, 206, 304] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(decide(Method::GET, &[html], status, None), None);
        }
        for kind in [
            "text/event-stream",
            "application/x-ndjson",
            "application/grpc",
            "image/png",
            "application/octet-stream",
            "video/mp4",
            "",
        ] {
            let pairs = [("content-type", kind)];
            assert_eq!(decide(Method::GET, &pairs, ok, None), None, "{kind}");
        }
        for more in [
            ("content-encoding", "br"),
            ("cache-control", "private, No-Transform"),
            ("content-range", "bytes 0-1/2"),
            ("trailer", "x"),
        ] {
            let pairs = [html, more];
            assert_eq!(decide(Method::GET, &pairs, ok, None), None, "{more:?}");
        }
    }

    #[test]
    fn headers_that_tell_of_other_bytes_are_mended() {
        let mut answer = answer(&[
            ("content-type", "application/json"),
            ("content-length", "5000"),
            ("accept-ranges", "bytes"),
            ("etag", "\"a\""),
            ("vary", "Cookie"),
            ("digest", "x"),
        ]);
        let request = map(&[("accept-encoding", "zstd")]);
        negotiate(&Method::GET, &request, &mut answer, Some(5000)).unwrap();
        let headers = &answer.headers;
        assert_eq!(headers["content-encoding"], "zstd");
        assert_eq!(headers["etag"], "W/\"a\"");
        assert_eq!(headers.get_all("vary").iter().count(), 2);
        assert_eq!(headers.len(), 5, "{headers:?}");
    }

    #[test]
    fn a_cache_is_told_also_where_this_client_takes_nothing() {
        let mut answer = answer(&[("content-type", "text/css"), ("etag", "\"a\"")]);
        assert_eq!(
            negotiate(&Method::GET, &HeaderMap::new(), &mut answer, None),
            None
        );
        assert_eq!(answer.headers["vary"], "Accept-Encoding");
        assert_eq!(answer.headers["etag"], "\"a\"");
    }
}
