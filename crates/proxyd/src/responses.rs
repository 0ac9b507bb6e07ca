//! Every answer that proxyd gives by itself. The one place that turns a refusal or a failure into
//! a status, headers and a body.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{
    auth::{self, Refusal},
    body::Body,
    head::Rejection,
};

/// A page of people, or a machine-readable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A browser that shows what it gets.
    Person,
    /// A script inside a page of a browser.
    Script,
    /// Anything else.
    Program,
}

impl Audience {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if auth::wants_html(headers) {
            Self::Person
        } else if headers.contains_key("sec-fetch-mode") {
            Self::Script
        } else {
            Self::Program
        }
    }
}

/// A request that is answered before anything else is looked at.
pub(crate) fn rejection(rejection: Rejection) -> Response<Body> {
    if rejection.status == StatusCode::NO_CONTENT {
        let mut response = status(rejection.status);
        let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        response.headers_mut().insert(header::ALLOW, methods);
        return response;
    }
    let mut response = problem(rejection.status, rejection.reason);
    if rejection.status != StatusCode::METHOD_NOT_ALLOWED {
        close(&mut response);
    }
    response
}

/// Says that the connection ends with this answer.
pub(crate) fn close(response: &mut Response<Body>) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
}

/// The tunnel check of the portal, which comes from another origin.
pub(crate) fn resolver() -> Response<Body> {
    let mut response = status(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A browser asks what a script of an allowed site may do.
pub(crate) fn preflight() -> Response<Body> {
    let mut response = status(StatusCode::NO_CONTENT);
    let ten_minutes = HeaderValue::from_static("600");
    response
        .headers_mut()
        .insert(header::ACCESS_CONTROL_MAX_AGE, ten_minutes);
    response
}

/// A request that may not pass. `next` is where to go after a login.
pub(crate) fn refused(refusal: Refusal, audience: Audience, next: &str) -> Response<Body> {
    match (refusal, audience) {
        (Refusal::CrossOrigin, _) => problem(
            StatusCode::FORBIDDEN,
            "another site made the browser send this request; open the app by its own address",
        ),
        (_, Audience::Person) => login(StatusCode::UNAUTHORIZED, next, Attempt::None),
        (_, Audience::Script | Audience::Program) => {
            let mut response = problem(
                StatusCode::UNAUTHORIZED,
                "send the instance's token as Bearer, or open the app once with its login link",
            );
            // A Basic challenge would make a browser show its own dialog over the page.
            let challenge = match audience {
                Audience::Program => "Basic realm=\"restricted\", charset=\"UTF-8\"",
                Audience::Script | Audience::Person => BEARER,
            };
            let challenge = HeaderValue::from_static(challenge);
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
    }
}

/// A client that has tried too many wrong credentials (RFC 6585, section 4). `next` is where to go
/// after a login.
pub(crate) fn too_many(wait: Duration, audience: Audience, next: &str) -> Response<Body> {
    let code = StatusCode::TOO_MANY_REQUESTS;
    let seconds = wait.as_secs() + 1;
    let mut response = match audience {
        Audience::Person => login(code, next, Attempt::TooMany),
        Audience::Script | Audience::Program => problem(
            code,
            &format!("too many wrong credentials; try again in {seconds} seconds"),
        ),
    };
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Whether the login page follows a wrong token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    None,
    Failed,
    TooMany,
}

/// The login page.
pub(crate) fn login(status: StatusCode, next: &str, attempt: Attempt) -> Response<Body> {
    let failed = match attempt {
        Attempt::None => "",
        Attempt::Failed => {
            "<p class=\"bad\" role=\"alert\">That is neither the token nor the password.</p>\n"
        }
        Attempt::TooMany => {
            "<p class=\"bad\" role=\"alert\">Too many wrong tries. Wait half a minute, then try \
             again.</p>\n"
        }
    };
    let text = LOGIN
        .replace("{{failed}}", failed)
        .replace("{{next}}", &escape(next));
    let mut response = page(status, text);
    if status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static(BEARER);
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Asks whether a browser's session is to end.
pub(crate) fn logout() -> Response<Body> {
    page(StatusCode::OK, LOGOUT.to_owned())
}

/// Sends a browser elsewhere, once.
pub(crate) fn redirect(code: StatusCode, location: &str) -> Response<Body> {
    let mut response = status(code);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(location) {
        headers.insert(header::LOCATION, location);
    }
    let no_referrer = HeaderValue::from_static("no-referrer");
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::REFERRER_POLICY, no_referrer);
    response
}

/// An app that does not answer, and what is known of it.
pub(crate) struct Absent<'a> {
    pub(crate) app: &'a str,
    /// The state of its program, in the words of Supervisor.
    pub(crate) state: Option<&'static str>,
    /// The same for people.
    pub(crate) text: &'a str,
    /// The last lines of its log, where they say more.
    pub(crate) log: Arc<Vec<String>>,
}

/// The app does not answer.
pub(crate) fn not_ready(absent: &Absent<'_>, audience: Audience) -> Response<Body> {
    let code = StatusCode::BAD_GATEWAY;
    let mut response = match audience {
        Audience::Person => {
            let log = absent.log.join("\n");
            let text = NOT_READY
                .replace("{{app}}", &escape(absent.app))
                .replace("{{state}}", &escape(absent.text))
                .replace("{{hidden}}", if log.is_empty() { " hidden" } else { "" })
                .replace("{{log}}", &escape(&log));
            page(code, text)
        }
        Audience::Script | Audience::Program => {
            let mut problem = described(
                code,
                &format!("{} is not ready: {}", absent.app, absent.text),
            );
            problem["app"] = absent.app.into();
            if let Some(state) = absent.state {
                problem["state"] = state.into();
            }
            if !absent.log.is_empty() {
                problem["log"] = absent.log.as_slice().into();
            }
            content(code, PROBLEM, problem.to_string().into())
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    headers.insert(PLACEHOLDER, HeaderValue::from_static("true"));
    response
}

/// HTTPS is wanted and cannot be served.
pub(crate) fn no_certificate(reason: &str) -> Response<Body> {
    let mut response = problem(
        StatusCode::SERVICE_UNAVAILABLE,
        &format!("HTTPS is switched on and has no usable certificate: {reason}"),
    );
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    close(&mut response);
    response
}

/// A file that our own pages need.
pub(crate) fn asset(name: &str) -> Option<Response<Body>> {
    let (kind, text) = match name {
        "page.css" => ("text/css; charset=utf-8", STYLE),
        "not-ready.js" => ("text/javascript; charset=utf-8", SCRIPT),
        _ => return None,
    };
    let mut response = content(StatusCode::OK, kind, Bytes::from_static(text.as_bytes()));
    let hour = HeaderValue::from_static("public, max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, hour);
    Some(response)
}

/// Figures for Prometheus.
pub(crate) fn metrics(text: String) -> Response<Body> {
    content(
        StatusCode::OK,
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        text.into(),
    )
}

/// An error as RFC 9457 describes it.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    content(
        status,
        PROBLEM,
        described(status, detail).to_string().into(),
    )
}

fn described(status: StatusCode, detail: &str) -> serde_json::Value {
    serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("error"),
        "status": status.as_u16(),
        "detail": detail,
    })
}

fn page(status: StatusCode, text: String) -> Response<Body> {
    let mut response = content(status, "text/html; charset=utf-8", text.into());
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    response
}

fn content(code: StatusCode, kind: &'static str, body: Bytes) -> Response<Body> {
    let mut response = status(code);
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// Marks answers that come from the proxy in place of an app.
const PLACEHOLDER: HeaderName = HeaderName::from_static("x-portal-placeholder");
const PROBLEM: &str = "application/problem+json";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const BEARER: &str = "Bearer realm=\"berth\"";
const LOGIN: &str = include_str!("../pages/login.html");
const LOGOUT: &str = include_str!("../pages/logout.html");
const NOT_READY: &str = include_str!("../pages/not-ready.html");
const STYLE: &str = include_str!("../pages/page.css");
const SCRIPT: &str = include_str!("../pages/not-ready.js");

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn only_programs_are_asked_for_basic() {
        let challenge = |audience| {
            let response = refused(Refusal::Unauthorized, audience, "/");
            assert_eq!(response.status(), 401);
            response.headers()[header::WWW_AUTHENTICATE]
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert!(challenge(Audience::Program).starts_with("Basic realm=\"restricted\""));
        assert!(challenge(Audience::Script).starts_with("Bearer"));
        assert!(challenge(Audience::Person).starts_with("Bearer"));
    }

    #[test]
    fn text_of_others_is_escaped_and_pages_run_no_inline_code() {
        let text = |response: Response<Body>| {
            let body = response.into_body().collect().now_or_never();
            let bytes = body.expect("it is there").unwrap().to_bytes();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        let absent = Absent {
            app: "<b>",
            state: None,
            text: "\"x\"",
            log: Arc::new(vec!["<i>".to_owned()]),
        };
        let page = not_ready(&absent, Audience::Person);
        assert_eq!(page.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(page.headers()["x-portal-placeholder"], "true");
        let page = text(page);
        assert!(
            page.contains("&lt;b&gt;")
                && page.contains("&quot;x&quot;")
                && page.contains("<pre id=\"log\">&lt;i&gt;</pre>"),
            "{page}"
        );
        assert!(!page.contains("<script>") && !page.contains("<style"));
        let page = text(login(StatusCode::OK, "/\"><script>", Attempt::Failed));
        assert!(
            page.contains("value=\"/&quot;&gt;&lt;script&gt;\""),
            "{page}"
        );
    }

    #[test]
    fn an_empty_answer_has_length_zero() {
        assert_eq!(resolver().body().size_hint().exact(), Some(0));
    }
}
