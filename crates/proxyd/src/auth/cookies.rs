//! Our pair among the cookies of a request. Pure.

use http::{HeaderMap, HeaderValue, header};

/// The values of every cookie named exactly `name`.
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(move |pair| value_of(pair.as_bytes(), name).map(|()| pair))
        .filter_map(|pair| pair.split_once('=').map(|(_, value)| value.trim()))
}

/// A `Cookie` line without the cookie `name`; nothing if no other cookie is left.
///
/// A line without it is returned as it is, byte for byte.
pub fn without(line: &HeaderValue, name: &str) -> Option<HeaderValue> {
    let pairs = || line.as_bytes().split(|byte| *byte == b';');
    if !pairs().any(|pair| value_of(pair, name).is_some()) {
        return Some(line.clone());
    }
    let kept: Vec<&[u8]> = pairs()
        .filter(|pair| value_of(pair, name).is_none())
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .collect();
    if kept.is_empty() {
        return None;
    }
    HeaderValue::from_bytes(&kept.join(&b"; "[..])).ok()
}

/// Two lines as one: HTTP/2 sends a line for each cookie where it likes, HTTP/1.1 has only one
/// (RFC 9113, section 8.2.3).
pub fn joined(first: Option<HeaderValue>, second: Option<HeaderValue>) -> Option<HeaderValue> {
    match (first, second) {
        (Some(first), Some(second)) => {
            HeaderValue::from_bytes(&[first.as_bytes(), second.as_bytes()].join(&b"; "[..])).ok()
        }
        (first, second) => first.or(second),
    }
}

fn value_of(pair: &[u8], name: &str) -> Option<()> {
    let (found, rest) = pair.trim_ascii_start().split_at_checked(name.len())?;
    let named = found == name.as_bytes() && rest.trim_ascii_start().first() == Some(&b'=');
    named.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(line: &str) -> Option<String> {
        without(&HeaderValue::from_str(line).unwrap(), "c_auth")
            .map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn only_the_exact_name_counts() {
        let mut headers = HeaderMap::new();
        for line in [
            "xc_auth=1; c_auth=2; c_authx=3",
            "a=\"c_auth=4\"; c_auth =5",
            "c_auth",
        ] {
            headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
        }
        assert_eq!(values(&headers, "c_auth").collect::<Vec<_>>(), ["2", "5"]);
    }

    #[test]
    fn other_cookies_stay() {
        assert_eq!(stripped("a=1; c_auth=x; b=2").as_deref(), Some("a=1; b=2"));
        assert_eq!(stripped("c_auth=x"), None);
        assert_eq!(stripped("c_auth=x; c_auth=y;"), None);
        assert_eq!(stripped("a=1;b=2").as_deref(), Some("a=1;b=2"));
        assert_eq!(stripped("xc_auth=1").as_deref(), Some("xc_auth=1"));
    }
}
