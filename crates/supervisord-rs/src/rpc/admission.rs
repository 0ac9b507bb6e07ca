//! Who may come in.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::http::Request;
use crate::config::Credentials;

/// Whether a request brings the name and password that are wanted.
pub(super) fn is_authorized(wanted: Option<&Credentials>, request: &Request) -> bool {
    let Some(wanted) = wanted else {
        return true;
    };
    let given = request
        .header("authorization")
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|given| String::from_utf8(given).ok());
    let given = given.as_deref().and_then(|given| given.split_once(':'));
    given.is_some_and(|(name, password)| wanted.admit(name, password))
}

/// Whether a request comes from a page of another site, made by a browser for somebody who did not
/// mean it. Clients other than browsers send none of these headers.
pub(super) fn is_foreign(request: &Request) -> bool {
    if let Some(site) = request.header("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let hosts = [request.header("host"), request.header("x-forwarded-host")];
    let is_ours = |origin: &str| {
        let (_, rest) = origin.split_once("://").unwrap_or(("", ""));
        let host = rest.split('/').next().unwrap_or("");
        !host.is_empty() && hosts.contains(&Some(host))
    };
    let source = request
        .header("origin")
        .or_else(|| request.header("referer"));
    source.is_some_and(|source| !is_ours(source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Password;

    fn request(headers: &str) -> Request {
        Request::of(&format!("GET / HTTP/1.1\r\n{headers}"))
    }

    #[test]
    fn only_the_right_name_and_password_come_in() {
        let wanted = Credentials {
            username: "me".to_owned(),
            password: Password::new("a:b"),
        };
        let comes_in = |given: &str| {
            let header = format!("Authorization: {given}");
            is_authorized(Some(&wanted), &request(&header))
        };
        assert!(comes_in(&format!("basic {}", STANDARD.encode("me:a:b"))));
        for wrong in ["me:a", "me:a:b ", "Me:a:b", "me", ""] {
            assert!(
                !comes_in(&format!("Basic {}", STANDARD.encode(wrong))),
                "{wrong}"
            );
        }
        assert!(!comes_in("Bearer bWU6YTpi"));
        assert!(!comes_in("Basic %%%"));
        assert!(!is_authorized(Some(&wanted), &request("")));
        assert!(is_authorized(None, &request("")));
    }

    #[test]
    fn pages_of_other_sites_are_foreign_and_programs_are_not() {
        for (headers, foreign) in [
            ("", false),
            ("Host: a:1\r\nOrigin: http://a:1", false),
            ("Host: a:1\r\nReferer: http://a:1/tail.html", false),
            ("Host: b\r\nX-Forwarded-Host: a\r\nOrigin: https://a", false),
            (
                "Host: a\r\nSec-Fetch-Site: same-origin\r\nOrigin: https://b",
                false,
            ),
            ("Sec-Fetch-Site: none", false),
            ("Sec-Fetch-Site: cross-site", true),
            ("Sec-Fetch-Site: same-site", true),
            ("Host: a:1\r\nOrigin: http://a:2", true),
            ("Host: a:1\r\nOrigin: null", true),
            ("Host: a:1\r\nReferer: http://b/?http://a:1", true),
            ("Origin: http://", true),
        ] {
            assert_eq!(is_foreign(&request(headers)), foreign, "{headers}");
        }
    }
}
