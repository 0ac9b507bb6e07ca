//! Host and port of a `Host` header, an `Origin` or a request target. Pure.

/// A validated authority, borrowed from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority<'a> {
    /// As sent.
    pub(crate) text: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (host, rest) = if let Some(inside) = text.strip_prefix('[') {
            let end = inside.find(']')?;
            let address: std::net::Ipv6Addr = inside[..end].parse().ok()?;
            let _ = address;
            text.split_at(end + 2)
        } else {
            text.split_at(text.find(':').unwrap_or(text.len()))
        };
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~');
        if host.is_empty() || !(host.starts_with('[') || host.bytes().all(plain)) {
            return None;
        }
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return None,
            Some(digits) if digits.bytes().all(|c| c.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|port| *port != 0)?)
            }
            Some(_) => return None,
        };
        Some(Self { text, host, port })
    }

    /// The authority of a URL such as an `Origin`, with the scheme's default port filled in.
    fn of_url(url: &'a str) -> Option<(Self, u16, &'a str)> {
        let (default, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (443, rest)
        } else {
            (80, url.strip_prefix("http://")?)
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        Some((Self::parse(authority)?, default, tail))
    }

    /// Whether `origin` (`scheme://host[:port]`) names this authority.
    ///
    /// The scheme is not compared: the browser's side of a TLS-terminating hop may differ from
    /// ours.
    pub(crate) fn is_origin(&self, origin: &str) -> bool {
        self.tail_of(origin).is_some_and(str::is_empty)
    }

    /// What follows the authority in `url`, if `url` is on this authority.
    pub(crate) fn tail_of<'u>(&self, url: &'u str) -> Option<&'u str> {
        let (other, default, tail) = Authority::of_url(url)?;
        let same =
            self.same_host(&other) && self.port.unwrap_or(default) == other.port.unwrap_or(default);
        same.then_some(tail)
    }

    /// Whether both name the same host and port, as written in one request.
    pub(crate) fn same(&self, other: &Authority<'_>) -> bool {
        self.same_host(other) && self.port == other.port
    }

    /// The authority with a port: its own, else `port`.
    pub(crate) fn with_port(&self, port: Option<u16>) -> String {
        match (self.port, port) {
            (None, Some(port)) if port != 443 => format!("{}:{port}", self.host),
            _ => self.text.to_owned(),
        }
    }

    fn same_host(&self, other: &Authority<'_>) -> bool {
        let trim = |host: &'_ str| host.strip_suffix('.').map_or(host.len(), str::len);
        self.host[..trim(self.host)].eq_ignore_ascii_case(&other.host[..trim(other.host)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_with_an_optional_port_are_accepted() {
        for good in [
            "a",
            "a.b:1",
            "1.2.3.4:65535",
            "[::1]",
            "[::1]:80",
            "x_y-z.",
            "A.B",
        ] {
            assert!(Authority::parse(good).is_some(), "{good}");
        }
        for bad in [
            "", ":80", "a:", "a:0", "a:65536", "a:b", "a b", "a/b", "a@b", "[::1", "[x]", "[::1]x",
            "a:1:2", "a\u{e9}", "a,b", "a:+1", "::1",
        ] {
            assert!(Authority::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_origin_matches_its_own_host_and_port_only() {
        let host = Authority::parse("Example.org:8443").unwrap();
        assert!(host.is_origin("https://example.org:8443"));
        assert!(host.is_origin("http://example.org.:8443"));
        for other in [
            "https://example.org",
            "https://example.org:1111",
            "https://evil.example.org:8443",
            "https://example.org:8443/",
            "https://example.org:8443@evil.org",
            "null",
            "file://",
            "",
        ] {
            assert!(!host.is_origin(other), "{other}");
        }
    }

    #[test]
    fn a_default_port_may_be_written_or_left_out() {
        assert!(Authority::parse("a:443").unwrap().is_origin("https://a"));
        assert!(Authority::parse("a").unwrap().is_origin("https://a:443"));
        assert!(Authority::parse("a").unwrap().is_origin("http://a"));
        assert!(!Authority::parse("a:443").unwrap().is_origin("http://a"));
    }

    #[test]
    fn the_outside_port_is_added_only_where_none_was_sent() {
        let with = |text| Authority::parse(text).unwrap().with_port(Some(40001));
        assert_eq!(with("a"), "a:40001");
        assert_eq!(with("a:9000"), "a:9000");
        assert_eq!(with("[::1]"), "[::1]:40001");
    }
}
