//! What becomes of headers on their way to an app and back. Pure.
//!
//! First everything is removed that belongs to one hop, claims an identity or is our credential;
//! only then are our own headers added, so that no header of a client can remove or alter them.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    auth::{Admission, Origin, cookies, query},
    authority::Authority,
    connection::Peer,
    gate::Transport,
    head::{self, Kind},
};

/// What the headers for an app depend on, besides those of the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'a> {
    pub(crate) peer: &'a Peer,
    pub(crate) transport: Transport,
    /// The authority the client used.
    pub(crate) outside: Authority<'a>,
    /// The authority of the app, `host:port`.
    pub(crate) inside: &'a str,
    /// Whether it is told an `Origin` even if the client sent none.
    pub(crate) always_origin: bool,
    /// The same, as its `Host`.
    pub(crate) host: &'a HeaderValue,
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    pub(crate) admission: &'a Admission,
    /// Name of our cookie.
    pub(crate) cookie: &'a str,
}

/// The headers for the app.
pub(crate) fn request(
    headers: &HeaderMap,
    hop: &Hop<'_>,
    is_ours: impl Fn(&[u8]) -> bool,
) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(headers.len() + 8);
    let named = connection_options(headers);
    let mut cookie = None;
    for (name, value) in headers {
        let text = name.as_str();
        if is_hop_by_hop(text) || claims_identity(text) || named.iter().any(|n| n == text) {
            continue;
        }
        let value = match text {
            "host" | "expect" => None,
            "cookie" => {
                cookie = cookies::joined(cookie, cookies::without(value, hop.cookie));
                None
            }
            "authorization" if hop.admission.strip_authorization => None,
            "origin" if hop.origin == Origin::Same => inside_url(hop, ""),
            "referer" => referer(value, hop, &is_ours),
            _ if text.starts_with("sec-fetch-") => None,
            _ => Some(value.clone()),
        };
        if let Some(value) = value {
            out.append(name, value);
        }
    }
    if let Some(cookie) = cookie {
        out.insert(header::COOKIE, cookie);
    }
    // RFC 9110, section 10.1.4: of what a client takes, only trailers are ours to promise, and they
    // are passed on.
    if head::lists(headers, &header::TE, "trailers") {
        out.insert(header::TE, HeaderValue::from_static("trailers"));
        out.insert(header::CONNECTION, HeaderValue::from_static("TE"));
    }
    add_ours(&mut out, hop);
    out
}

/// Cleans the headers of an app's answer.
pub(crate) fn response(headers: &mut HeaderMap, inside: &[&http::uri::Authority]) {
    for name in connection_options(headers) {
        headers.remove(name.as_str());
    }
    for name in HOP_BY_HOP.iter().chain(PRIVATE) {
        headers.remove(*name);
    }
    if let Some(location) = headers.get(header::LOCATION)
        && let Some(location) = inside
            .iter()
            .find_map(|inside| outside_location(location, inside.as_str()))
    {
        headers.insert(header::LOCATION, location);
    }
}

/// Header names that `Connection` declares to belong to this hop.
fn connection_options(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::CONNECTION).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|option| {
            !["", "close", "keep-alive", "upgrade"]
                .iter()
                .any(|known| option.eq_ignore_ascii_case(known))
        })
        .map(str::to_ascii_lowercase)
        .collect()
}

fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// Headers by which proxies tell who the client is. Some servers read `_` as `-`, so the
/// spellings with underscores count too.
fn claims_identity(name: &str) -> bool {
    let starts = |prefix: &str| {
        name.len() >= prefix.len()
            && name
                .bytes()
                .zip(prefix.bytes())
                .all(|(c, p)| c == p || (c == b'_' && p == b'-'))
    };
    match name.as_bytes().first() {
        Some(b'x') => {
            starts("x-forwarded-")
                || IDENTITY
                    .iter()
                    .any(|known| known.len() == name.len() && starts(known))
        }
        Some(b'c') => starts("cf-") || starts("client-ip"),
        Some(b'f') => name == "forwarded",
        Some(b't') => starts("true-client-ip"),
        _ => false,
    }
}

fn add_ours(out: &mut HeaderMap, hop: &Hop<'_>) {
    let scheme = match hop.transport {
        Transport::Plain => "http",
        Transport::Tls => "https",
    };
    let (peer, outside) = (hop.peer.address, hop.outside.text);
    let forwarded = match peer {
        IpAddr::V4(peer) => format!("for={peer};host=\"{outside}\";proto={scheme}"),
        IpAddr::V6(peer) => format!("for=\"[{peer}]\";host=\"{outside}\";proto={scheme}"),
    };
    if let Ok(forwarded) = HeaderValue::try_from(forwarded) {
        out.insert(header::FORWARDED, forwarded);
    }
    if let Ok(outside) = HeaderValue::from_str(outside) {
        out.insert(X_FORWARDED_HOST, outside);
    }
    out.insert(header::HOST, hop.host.clone());
    if hop.always_origin
        && let Some(origin) = inside_url(hop, "")
    {
        out.insert(header::ORIGIN, origin);
    }
    out.insert(X_FORWARDED_FOR, hop.peer.value.clone());
    out.insert(X_REAL_IP, hop.peer.value.clone());
    out.insert(X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    if let Kind::WebSocket(_) = hop.kind {
        out.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        out.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// Apps compare `Referer` and `Origin` with their own `Host`, which is the inside one.
fn referer(
    value: &HeaderValue,
    hop: &Hop<'_>,
    is_ours: impl Fn(&[u8]) -> bool,
) -> Option<HeaderValue> {
    let Some(tail) = value.to_str().ok().and_then(|url| hop.outside.tail_of(url)) else {
        return Some(value.clone());
    };
    let tokens = query::tokens(tail, is_ours);
    let tail = if tokens.ours > 0 {
        &tokens.without_ours
    } else {
        tail
    };
    inside_url(hop, tail)
}

fn inside_url(hop: &Hop<'_>, tail: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("http://{}{tail}", hop.inside)).ok()
}

/// A redirect to the app's inside address leads nowhere for the client; its path does.
fn outside_location(location: &HeaderValue, inside: &str) -> Option<HeaderValue> {
    let rest = location.to_str().ok()?.strip_prefix("http://")?;
    let path = rest.strip_prefix(inside)?;
    let leads_elsewhere = path.starts_with("//") || path.starts_with("/\\");
    if !path.starts_with('/') || leads_elsewhere {
        return None;
    }
    HeaderValue::from_str(path).ok()
}

/// In lower case, as header names are kept.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];
/// Headers of answers that only we may send.
const PRIVATE: &[&str] = &["x-portal-placeholder", "alt-svc"];
const IDENTITY: &[&str] = &["x-real-ip", "x-client-ip", "x-cluster-client-ip"];

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    fn forwarded(pairs: &[(&'static str, &str)], origin: Origin) -> HeaderMap {
        let admission = Admission {
            strip_authorization: true,
            ..Admission::default()
        };
        let peer = Peer::new("::ffff:9.8.7.6".parse().unwrap());
        let hop = Hop {
            peer: &peer,
            transport: Transport::Tls,
            outside: Authority::parse("out:40001").unwrap(),
            inside: "localhost:18080",
            host: &HeaderValue::from_static("localhost:18080"),
            always_origin: false,
            kind: Kind::Plain,
            origin,
            admission: &admission,
            cookie: "c_auth_token",
        };
        request(&map(pairs), &hop, |value| value == b"tok")
    }

    #[test]
    fn nothing_of_one_hop_and_no_claimed_identity_reaches_the_app() {
        let headers = forwarded(
            &[
                ("host", "out:40001"),
                ("connection", "close, X-Forwarded-For, x-private"),
                ("keep-alive", "5"),
                ("te", "gzip"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "h2c"),
                ("http2-settings", "x"),
                ("expect", "100-continue"),
                ("x-private", "1"),
                ("x-forwarded-for", "1.1.1.1"),
                ("x_forwarded_for", "1.1.1.1"),
                ("x-real_ip", "1.1.1.1"),
                ("forwarded", "for=1.1.1.1"),
                ("cf-connecting-ip", "1.1.1.1"),
                ("cf_ray", "1"),
                ("true-client-ip", "1.1.1.1"),
                ("sec-fetch-site", "cross-site"),
                ("authorization", "Bearer tok"),
                ("x-kept", "1"),
            ],
            Origin::Untold,
        );
        let mut seen: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        seen.sort();
        assert_eq!(
            seen,
            [
                "forwarded: for=9.8.7.6;host=\"out:40001\";proto=https",
                "host: localhost:18080",
                "x-forwarded-for: 9.8.7.6",
                "x-forwarded-host: out:40001",
                "x-forwarded-proto: https",
                "x-kept: 1",
                "x-real-ip: 9.8.7.6",
            ]
        );
    }

    #[test]
    fn only_our_own_origin_becomes_the_apps() {
        let pairs = [("origin", "https://out:40001")];
        assert_eq!(
            forwarded(&pairs, Origin::Same)["origin"],
            "http://localhost:18080"
        );
        let pairs = [("origin", "https://evil")];
        assert_eq!(forwarded(&pairs, Origin::Other)["origin"], "https://evil");
    }

    #[test]
    fn a_referer_carries_no_token_and_names_the_inside() {
        let referer = |url| forwarded(&[("referer", url)], Origin::Same)["referer"].clone();
        assert_eq!(
            referer("https://out:40001/a?b=1&token=tok"),
            "http://localhost:18080/a?b=1"
        );
        assert_eq!(
            referer("https://console.example/"),
            "https://console.example/"
        );
    }

    #[test]
    fn our_cookie_stays_here() {
        let headers = forwarded(
            &[
                ("cookie", "a=1; c_auth_token=x"),
                ("cookie", "c_auth_token=y"),
            ],
            Origin::Same,
        );
        let cookies: Vec<_> = headers.get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1"]);
    }

    #[test]
    fn answers_lose_what_is_not_the_clients() {
        let inside = "localhost:18080".parse().unwrap();
        let mut headers = map(&[
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("upgrade", "h2c"),
            ("x-portal-placeholder", "true"),
            ("location", "http://localhost:18080/lab?x=1"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]);
        response(&mut headers, &[&inside]);
        assert_eq!(headers.len(), 3, "{headers:?}");
        assert_eq!(headers["location"], "/lab?x=1");
        for elsewhere in [
            "http://localhost:180801/",
            "http://localhost:18080//evil",
            "/a",
        ] {
            let mut headers = map(&[("location", elsewhere)]);
            response(&mut headers, &[&inside]);
            assert_eq!(headers["location"], elsewhere);
        }
    }
}
