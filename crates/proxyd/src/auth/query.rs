//! The `token` parameter of a request target. Pure.
//!
//! Only our own token is taken out; every other byte of the query stays as it is, because apps
//! sign their URLs and have tokens of their own.

use percent_encoding::percent_decode_str;

/// The `token` parameters of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// How many there are.
    pub all: usize,
    /// How many of them are ours.
    pub ours: usize,
    /// The target without ours; empty if there is none of ours.
    pub without_ours: String,
}

/// Splits a target into path and query, without the question mark.
pub fn split(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// Finds `token` parameters and judges each by `is_ours`, which sees its decoded value.
pub fn tokens(target: &str, is_ours: impl Fn(&[u8]) -> bool) -> Tokens {
    let mut tokens = Tokens {
        all: 0,
        ours: 0,
        without_ours: String::new(),
    };
    let (path, Some(query)) = split(target) else {
        return tokens;
    };
    let ours = |parameter: &str| {
        let value = parameter.strip_prefix("token=");
        value.map(|value| is_ours(&decode(value)))
    };
    for judged in query.split('&').filter_map(ours) {
        tokens.all += 1;
        tokens.ours += usize::from(judged);
    }
    if tokens.ours > 0 {
        let kept: Vec<&str> = query
            .split('&')
            .filter(|parameter| ours(parameter) != Some(true))
            .collect();
        tokens.without_ours = if kept.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", kept.join("&"))
        };
    }
    tokens
}

/// Decodes a form value: percent escapes and `+` for a blank.
pub fn decode(value: &str) -> Vec<u8> {
    if value.contains('+') {
        percent_decode_str(&value.replace('+', " ")).collect()
    } else {
        percent_decode_str(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(target: &str) -> Option<String> {
        let tokens = tokens(target, |value| value == b"s+3 cret");
        (tokens.ours > 0).then_some(tokens.without_ours)
    }

    #[test]
    fn only_our_token_goes_and_every_other_byte_stays() {
        for (target, expected) in [
            ("/?token=s%2B3+cret", Some("/")),
            ("/a%20b?token=s%2b3%20cret", Some("/a%20b")),
            ("/x?b=2&token=s%2B3+cret&a=%7E+&c", Some("/x?b=2&a=%7E+&c")),
            ("/x?token=s%2B3+cret&&=&b", Some("/x?&=&b")),
            ("/x?token=s%2B3+cret&token=other", Some("/x?token=other")),
            ("/x?token=other", None),
            ("/x?Token=s%2B3+cret", None),
            ("/x?my_token=s%2B3+cret", None),
            ("/x?token", None),
            ("/x/token=s%2B3+cret", None),
        ] {
            assert_eq!(without(target).as_deref(), expected, "{target}");
        }
    }

    #[test]
    fn every_token_is_counted() {
        let tokens = tokens("/?token=a&token=b&token=a", |value| value == b"a");
        assert_eq!((tokens.all, tokens.ours), (3, 2));
    }
}
