//! The head of a request.

/// A request without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rpc) struct Request {
    pub(in crate::rpc) method: String,
    /// The target with the escapes of its path decoded.
    pub(in crate::rpc) target: String,
    pub(in crate::rpc) version: Version,
    headers: Vec<(String, String)>,
}

/// The version of HTTP a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rpc) enum Version {
    /// None was given, or 1.0.
    Old,
    /// Any other.
    Current,
}

/// Whether the connection is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rpc) enum Persistence {
    Close,
    Keep,
    /// Kept, and the client of an old version is told so.
    KeepAndTell,
}

/// How long the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// The client does not say, or sends it in chunks.
    Unknown,
    /// What the client says is no number.
    Wrong,
    Known(u64),
}

impl Request {
    /// Parses a head up to and without the empty line. `None` is a head to which the original has no
    /// answer but closing the connection.
    pub(super) fn parse(head: &[u8]) -> Option<Self> {
        let head = str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n").skip_while(|line| line.is_empty());
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let version = match words.next() {
            None | Some("HTTP/1.0") => Version::Old,
            Some(version) => {
                let number = version.strip_prefix("HTTP/")?;
                let numeric = |byte: u8| byte.is_ascii_digit() || byte == b'.';
                let well_formed = !number.is_empty() && number.bytes().all(numeric);
                well_formed.then_some(Version::Current)?
            }
        };
        if method.is_empty() || target.is_empty() || words.next().is_some() {
            return None;
        }
        Some(Self {
            method: method.to_owned(),
            target: decoded(target),
            version,
            headers: headers(lines),
        })
    }

    #[cfg(test)]
    pub(in crate::rpc) fn of(head: &str) -> Self {
        Self::parse(head.as_bytes()).expect("a head that can be parsed")
    }

    /// The value of a header.
    pub(in crate::rpc) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The target up to parameters, query and fragment.
    pub(in crate::rpc) fn path(&self) -> &str {
        let end = self.target.find([';', '?', '#']);
        &self.target[..end.unwrap_or(self.target.len())]
    }

    /// What follows the question mark.
    pub(in crate::rpc) fn query(&self) -> &str {
        let target = self.target.split('#').next().unwrap_or("");
        target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(super) fn length(&self) -> Length {
        match self.header("content-length") {
            None | Some("") => Length::Unknown,
            Some(text) => text.parse().map_or(Length::Wrong, Length::Known),
        }
    }

    /// Whether a body follows of which nobody knows the end.
    pub(super) fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some()
    }

    /// What becomes of the connection after an answer of known length.
    pub(super) fn persistence(&self) -> Persistence {
        let connection = self.header("connection").unwrap_or("");
        match self.version {
            Version::Old if connection.eq_ignore_ascii_case("keep-alive") => {
                Persistence::KeepAndTell
            }
            Version::Current if !connection.eq_ignore_ascii_case("close") => Persistence::Keep,
            Version::Old | Version::Current => Persistence::Close,
        }
    }
}

/// Only what is before the last question mark is a path with escapes in it.
fn decoded(target: &str) -> String {
    match target.rsplit_once('?') {
        Some((path, query)) => format!("{}?{query}", unquote(path)),
        None => unquote(target),
    }
}

/// Headers; a line that begins with a blank continues the one before it.
fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), headers.last_mut()) {
            value.push_str(&line[1..]);
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    headers
}

/// `text` with its `%XX` decoded; what is no escape stays.
pub(in crate::rpc) fn unquote(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Names and values of a query or form; the first value of a name counts, empty ones do not.
pub(in crate::rpc) fn query_pairs(text: &str) -> Vec<(String, String)> {
    let plain = |text: &str| unquote(&text.replace('+', " "));
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(head: &str) -> Option<Request> {
        Request::parse(head.as_bytes())
    }

    #[test]
    fn what_the_original_does_not_answer_is_not_parsed() {
        for head in [
            "GARBAGE",
            "GET / x HTTP/1.1",
            "GET / http/1.1",
            "GET  HTTP/1.1",
            "GET / HTTP/",
            "",
            "\r\n",
        ] {
            assert_eq!(parse(head), None, "{head:?}");
        }
        assert_eq!(Request::parse(b"GET /\xff HTTP/1.1"), None);
    }

    #[test]
    fn targets_are_decoded_and_divided() {
        let request =
            parse("\r\nGET /%6fk.html;x?a=%41#y HTTP/1.1\r\nHost:\r\nA: b\r\n\tc").unwrap();
        assert_eq!(request.target, "/ok.html;x?a=%41#y");
        assert_eq!((request.path(), request.query()), ("/ok.html", "a=%41"));
        assert_eq!(request.header("HOST"), Some(""));
        assert_eq!(request.header("a"), Some("bc"));
        assert_eq!(unquote("%zz%4%C3%B6%"), "%zz%4ö%");
        assert_eq!(
            query_pairs("a=1+2&b=&c&d=%26%3D"),
            [
                ("a".to_owned(), "1 2".to_owned()),
                ("d".to_owned(), "&=".to_owned())
            ]
        );
    }

    #[test]
    fn connections_are_kept_as_the_version_has_it() {
        let persistence = |version: &str, connection: &str| {
            parse(&format!("GET /{version}\r\nConnection: {connection}"))
                .unwrap()
                .persistence()
        };
        assert_eq!(persistence(" HTTP/1.1", "x"), Persistence::Keep);
        assert_eq!(persistence(" HTTP/1.1", "Close"), Persistence::Close);
        assert_eq!(persistence(" HTTP/1.0", ""), Persistence::Close);
        assert_eq!(
            persistence(" HTTP/1.0", "Keep-Alive"),
            Persistence::KeepAndTell
        );
        assert_eq!(persistence("", ""), Persistence::Close);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(head: Vec<u8>) {
            if let Some(request) = Request::parse(&head) {
                let _ = (request.path(), request.query(), request.length(), request.persistence());
            }
        }

        #[test]
        fn no_request_line_panics(line in "[A-Z]{0,4} ?[/%;?#a-f0-9é&=+]{0,20} ?(HTTP/[0-9.]{0,3})?") {
            if let Some(request) = parse(&line) {
                let _ = (request.path(), query_pairs(request.query()));
            }
        }
    }
}
