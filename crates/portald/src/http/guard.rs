//! Keeps other people's pages from using the browser's session: actions and the WebSocket are for
//! the page's own origin only.
//!
//! Cookies do not tell ports apart, so on a host shared by many tenants a neighbour's page can
//! send requests with our cookie. It cannot choose the `Origin` header.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::problem::Problem;

/// Refuses what comes from another origin. Programs such as curl send no `Origin` and pass: they
/// hold a credential of their own.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let upgrade = headers.contains_key(header::UPGRADE);
    let safe = matches!(*request.method(), Method::GET | Method::HEAD) && !upgrade;
    if !safe && let Err(origin) = check(headers) {
        tracing::warn!(
            origin,
            path = request.uri().path(),
            "cross-origin request refused"
        );
        let detail = format!("the page that asked ({origin}) is not this one");
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    next.run(request).await
}

/// `Err` names the foreign origin.
fn check(headers: &HeaderMap) -> Result<(), String> {
    if let Some(site) = text(headers, &FETCH_SITE)
        && !matches!(site, "same-origin" | "none")
    {
        return Err(format!("a {site} one"));
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or("unreadable");
    let authority = origin
        .split_once("://")
        .map_or(origin, |(_, authority)| authority);
    let own = [text(headers, &FORWARDED_HOST), text(headers, &header::HOST)];
    if own
        .iter()
        .flatten()
        .any(|host| host.eq_ignore_ascii_case(authority))
    {
        return Ok(());
    }
    Err(origin.to_owned())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pairs: &[(&'static str, &'static str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, (*value).parse().unwrap());
        }
        check(&headers).err()
    }

    #[test]
    fn the_own_origin_passes_behind_the_proxy_and_without_it() {
        assert!(verdict(&[("host", "127.0.0.1:11111")]).is_none());
        assert!(verdict(&[("host", "h:1"), ("origin", "http://h:1")]).is_none());
        assert!(
            verdict(&[
                ("host", "localhost:11111"),
                ("x-forwarded-host", "203.0.113.9:40001"),
                ("origin", "https://203.0.113.9:40001"),
            ])
            .is_none()
        );
    }

    #[test]
    fn another_port_of_the_same_host_is_another_origin() {
        let foreign = [
            ("host", "localhost:11111"),
            ("x-forwarded-host", "203.0.113.9:40001"),
            ("origin", "https://203.0.113.9:40002"),
        ];
        assert_eq!(
            verdict(&foreign).as_deref(),
            Some("https://203.0.113.9:40002")
        );
        assert!(verdict(&[("host", "h"), ("origin", "null")]).is_some());
        assert!(verdict(&[("host", "h"), ("sec-fetch-site", "same-site")]).is_some());
    }
}
