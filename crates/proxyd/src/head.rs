//! Checks of a request's head that hyper leaves to its user. Pure.

use http::{HeaderMap, Method, StatusCode, Uri, Version, header, request::Parts};
use hyper::ext::Protocol;

use crate::{auth::Origin, authority::Authority};

/// A head that passed, borrowed from the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// The site the client believes to talk to.
    pub(crate) authority: Authority<'a>,
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    WebSocket(Handshake),
}

/// How a client asks for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// `Upgrade` (RFC 6455, section 4.1).
    Upgrade,
    /// Extended `CONNECT` on one stream of HTTP/2 (RFC 8441, section 5).
    Connect,
}

/// A head that is answered without looking further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) status: StatusCode,
    pub(crate) reason: &'static str,
}

/// Checks a head. `local` stands in for the `Host` that HTTP/1.0 may leave out.
pub(crate) fn check<'a>(parts: &'a Parts, local: &'a str) -> Result<Head<'a>, Rejection> {
    method(parts)?;
    let authority = authority(&parts.uri, &parts.headers, parts.version, local)?;
    expectation(&parts.headers)?;
    one_authorization(&parts.headers)?;
    encoding(&parts.headers)?;
    let kind = kind(parts)?;
    Ok(Head {
        authority,
        kind,
        origin: origin(&parts.headers, &authority),
    })
}

fn authority<'a>(
    uri: &'a Uri,
    headers: &'a HeaderMap,
    version: Version,
    local: &'a str,
) -> Result<Authority<'a>, Rejection> {
    let bad = |reason| reject(StatusCode::BAD_REQUEST, reason);
    let mut lines = headers.get_all(header::HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (Some(host), None) => host
            .to_str()
            .ok()
            .and_then(Authority::parse)
            .ok_or_else(|| bad("the Host header is not a host with an optional port"))?,
        (None, _) if version == Version::HTTP_10 => {
            Authority::parse(local).ok_or_else(|| bad("a Host header is required"))?
        }
        // RFC 9113, section 8.3.1: `:authority` takes its place.
        (None, _) if version == Version::HTTP_2 => {
            let authority = uri.authority().map(|authority| authority.as_str());
            return authority
                .and_then(Authority::parse)
                .ok_or_else(|| bad("an :authority with a host and an optional port is required"));
        }
        (None, _) => return Err(bad("a Host header is required")),
        (Some(_), Some(_)) => return Err(bad("more than one Host header")),
    };
    match uri.authority() {
        None => Ok(host),
        Some(target) => Authority::parse(target.as_str())
            .filter(|target| target.same(&host))
            .ok_or_else(|| bad("the request target names another host than the Host header")),
    }
}

fn method(parts: &Parts) -> Result<(), Rejection> {
    let (method, uri) = (&parts.method, &parts.uri);
    match parts.extensions.get::<Protocol>() {
        None if matches!(*method, Method::CONNECT | Method::TRACE) => {
            return Err(reject(
                StatusCode::METHOD_NOT_ALLOWED,
                "this method is not served here",
            ));
        }
        Some(protocol) if protocol.as_str() != "websocket" => {
            return Err(reject(
                StatusCode::NOT_IMPLEMENTED,
                "the only protocol served over CONNECT is websocket",
            ));
        }
        None | Some(_) => {}
    }
    if uri.path() == "*" {
        return Err(reject(StatusCode::NO_CONTENT, ""));
    }
    if !uri.path().starts_with('/') {
        return Err(reject(
            StatusCode::BAD_REQUEST,
            "the request target is not a path",
        ));
    }
    Ok(())
}

fn expectation(headers: &HeaderMap) -> Result<(), Rejection> {
    let known = headers
        .get_all(header::EXPECT)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if known {
        Ok(())
    } else {
        Err(reject(
            StatusCode::EXPECTATION_FAILED,
            "only the expectation 100-continue is met",
        ))
    }
}

/// RFC 9110, section 5.3: it is no list. Of two, we would look at one and the app at the other.
fn one_authorization(headers: &HeaderMap) -> Result<(), Rejection> {
    match headers.get_all(header::AUTHORIZATION).iter().nth(1) {
        None => Ok(()),
        Some(_) => Err(reject(
            StatusCode::BAD_REQUEST,
            "more than one Authorization header",
        )),
    }
}

fn encoding(headers: &HeaderMap) -> Result<(), Rejection> {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            if headers.contains_key(header::CONTENT_LENGTH) {
                return Err(reject(StatusCode::BAD_REQUEST, AMBIGUOUS));
            }
            Ok(())
        }
        (Some(_), _) => Err(reject(
            StatusCode::BAD_REQUEST,
            "the only transfer encoding served is chunked",
        )),
    }
}

/// Only a complete WebSocket handshake switches protocols; any other `Upgrade` is ignored, which
/// HTTP allows and which leaves no way to smuggle h2c past the checks.
fn kind(parts: &Parts) -> Result<Kind, Rejection> {
    let headers = &parts.headers;
    if parts.method == Method::CONNECT {
        // With a protocol, or it would have been refused.
        return Ok(Kind::WebSocket(Handshake::Connect));
    }
    let asked = lists(headers, &header::CONNECTION, "upgrade")
        && headers
            .get_all(header::UPGRADE)
            .iter()
            .all(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && headers.contains_key(header::UPGRADE);
    if !asked || parts.version != Version::HTTP_11 || parts.method != Method::GET {
        return Ok(Kind::Plain);
    }
    let body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length != "0");
    if body {
        return Err(reject(
            StatusCode::BAD_REQUEST,
            "a WebSocket handshake has no body",
        ));
    }
    Ok(Kind::WebSocket(Handshake::Upgrade))
}

fn origin(headers: &HeaderMap, authority: &Authority<'_>) -> Origin {
    let mut lines = headers.get_all(header::ORIGIN).iter();
    match (lines.next(), lines.next()) {
        (Some(origin), None) if origin.to_str().is_ok_and(|o| authority.is_origin(o)) => {
            Origin::Same
        }
        (Some(_), _) => Origin::Other,
        (None, _) => match headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
            Some(b"same-site" | b"cross-site") => Origin::Other,
            _ => Origin::Untold,
        },
    }
}

/// Whether a comma-separated header lists `token`.
pub(crate) fn lists(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

fn reject(status: StatusCode, reason: &'static str) -> Rejection {
    Rejection { status, reason }
}

/// Why a request with two readings is refused.
pub(crate) const AMBIGUOUS: &str = "the request can be read in two ways";

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        match check(&parts(method, target, headers), "127.0.0.1:1") {
            Ok(_) => 200,
            Err(rejection) => rejection.status.as_u16(),
        }
    }

    #[test]
    fn heads_with_gaps_are_refused() {
        let host = ("host", "a");
        for (expected, method, target, headers) in [
            (200, "GET", "/", &[host][..]),
            (400, "GET", "/", &[]),
            (400, "GET", "/", &[host, host]),
            (400, "GET", "/", &[("host", "a b")]),
            (200, "GET", "http://A/x", &[host]),
            (400, "GET", "http://b/x", &[host]),
            (405, "CONNECT", "a:1", &[host]),
            (405, "TRACE", "/", &[host]),
            (204, "OPTIONS", "*", &[host]),
            (417, "GET", "/", &[host, ("expect", "cake")]),
            (200, "GET", "/", &[host, ("expect", "100-Continue")]),
            (
                400,
                "POST",
                "/",
                &[host, ("transfer-encoding", "gzip, chunked")],
            ),
            (
                400,
                "POST",
                "/",
                &[
                    host,
                    ("transfer-encoding", "chunked"),
                    ("content-length", "1"),
                ],
            ),
        ] {
            let headers: Vec<_> = headers.to_vec();
            let found = status(method, target, &headers);
            assert_eq!(found, expected, "{method} {target} {headers:?}");
        }
    }

    #[test]
    fn only_a_whole_handshake_is_a_websocket() {
        let kind = |method: &str, pairs: &[(&str, &str)]| {
            let mut headers = vec![("host", "a")];
            headers.extend_from_slice(pairs);
            check(&parts(method, "/", &headers), "").map(|head| head.kind)
        };
        let upgrade = ("upgrade", "WebSocket");
        let connection = ("connection", "keep-alive, Upgrade");
        assert_eq!(
            kind("GET", &[upgrade, connection]),
            Ok(Kind::WebSocket(Handshake::Upgrade))
        );
        assert_eq!(kind("GET", &[upgrade]), Ok(Kind::Plain));
        assert_eq!(kind("GET", &[connection]), Ok(Kind::Plain));
        assert_eq!(kind("POST", &[upgrade, connection]), Ok(Kind::Plain));
        assert_eq!(
            kind("GET", &[("upgrade", "h2c"), connection]),
            Ok(Kind::Plain)
        );
        assert!(kind("GET", &[upgrade, connection, ("content-length", "3")]).is_err());
    }

    #[test]
    fn http_1_0_may_leave_the_host_out() {
        let mut parts = parts("GET", "/", &[]);
        parts.version = Version::HTTP_10;
        assert_eq!(
            check(&parts, "1.2.3.4:5").unwrap().authority.text,
            "1.2.3.4:5"
        );
    }

    #[test]
    fn the_origin_is_judged_by_the_host() {
        let origin = |pairs: &[(&str, &str)]| {
            let mut headers = vec![("host", "a:8080")];
            headers.extend_from_slice(pairs);
            check(&parts("GET", "/", &headers), "").unwrap().origin
        };
        assert_eq!(origin(&[]), Origin::Untold);
        assert_eq!(origin(&[("origin", "https://a:8080")]), Origin::Same);
        assert_eq!(origin(&[("origin", "https://a:1111")]), Origin::Other);
        assert_eq!(origin(&[("origin", "null")]), Origin::Other);
        assert_eq!(origin(&[("sec-fetch-site", "cross-site")]), Origin::Other);
        assert_eq!(origin(&[("sec-fetch-site", "same-origin")]), Origin::Untold);
    }
}
