//! One request and its answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
    request::Parts,
    uri::{PathAndQuery, Scheme},
};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Limited};
use hyper::{body::Incoming, upgrade::OnUpgrade};

use crate::{
    account::Account,
    auth::{self, Admission, Decision, Facts, Refusal, cookies, query},
    body::Body,
    compression,
    connection::Connection,
    forward::{self, Hop},
    gate,
    head::{self, AMBIGUOUS, Handshake, Head, Kind, Rejection},
    metrics,
    port::Target,
    responses::{self, Absent, Attempt, Audience},
    rules::Rules,
    upstream::{Failure, Repeat},
    websocket::{self, Key},
};

/// Answers a request: by the app behind the port if it may pass, otherwise by ourselves.
pub(crate) async fn answer(
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> Response<Body> {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let mut body = Body::from(body);
    // Who waits for a word from us sends nothing before it, and must not get it for nothing.
    if !parts.headers.contains_key(header::EXPECT) {
        body.take_in_the_rest(&connection.front.tasks);
    }
    let rules = connection.front.gate.rules();
    let mut response = decide(connection, &rules, &parts, body, upgrade).await;
    if let Some(cors) = &rules.cors {
        cors.apply(&parts.headers, response.headers_mut());
    }
    if parts.headers.contains_key(header::TRANSFER_ENCODING) {
        // The framing scanner does not follow chunks, so nothing may come after them.
        responses::close(&mut response);
    }
    let status = response.status();
    connection.port.counters.answered(status, began.elapsed());
    connection.front.board.counted();
    let account = Account::sent(connection, &parts, began, status);
    response.body_mut().count(account);
    response
}

async fn decide(
    connection: &Arc<Connection>,
    rules: &Rules,
    parts: &Parts,
    body: Body,
    upgrade: Option<OnUpgrade>,
) -> Response<Body> {
    if connection.verdict.is_ambiguous() {
        return responses::rejection(Rejection {
            status: StatusCode::BAD_REQUEST,
            reason: AMBIGUOUS,
        });
    }
    let mut head = match head::check(parts, &connection.local) {
        Ok(head) => head,
        Err(rejection) => return responses::rejection(rejection),
    };
    if head.origin == auth::Origin::Other && is_allowed(rules, &parts.headers) {
        head.origin = auth::Origin::Same;
    }
    let target = connection.port.target();
    let facts = Facts {
        method: &parts.method,
        target: target_of(parts),
        headers: &parts.headers,
        websocket: matches!(head.kind, Kind::WebSocket(_)),
        origin: head.origin,
    };
    if let Some(cors) = &rules.cors
        && cors.is_preflight(&parts.method, &parts.headers)
    {
        return responses::preflight();
    }
    let ended = connection.front.gate.ended();
    let policy = rules.policy(target.site.auth, &ended, connection.wait().is_some());
    match auth::decide(policy, &facts, gate::now()) {
        Decision::Resolver => responses::resolver(),
        Decision::Own { name, allowed } => {
            let page = Page {
                name: &name,
                allowed,
            };
            own(connection, rules, &head, parts, body, page).await
        }
        Decision::Enter { target } => {
            let location = own_url(connection, &head, &target);
            let response = responses::redirect(StatusCode::FOUND, &location);
            with_session(connection, rules, response)
        }
        Decision::Refuse(refusal) => refuse(connection, parts, refusal),
        Decision::Admit(admission) => {
            let start_session = admission.start_session;
            let exchange = Exchange {
                key: match head.kind {
                    Kind::WebSocket(Handshake::Connect) => Key::random(),
                    Kind::WebSocket(Handshake::Upgrade) | Kind::Plain => None,
                },
                connection,
                rules,
                parts,
                head,
                target: &target,
                admission: &admission,
            };
            let response = exchange.forward(body, upgrade).await;
            if start_session {
                with_session(connection, rules, response)
            } else {
                response
            }
        }
    }
}

/// Whether the site that sent a request is allowed by name, and so is as good as our own.
fn is_allowed(rules: &Rules, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN);
    let cors = rules.cors.as_ref();
    cors.zip(origin)
        .is_some_and(|(cors, origin)| cors.names(origin))
}

/// A request that goes to the app.
struct Exchange<'a> {
    connection: &'a Arc<Connection>,
    rules: &'a Rules,
    parts: &'a Parts,
    head: Head<'a>,
    target: &'a Target,
    admission: &'a Admission,
    /// What a WebSocket over HTTP/2 lacks.
    key: Option<Key>,
}

impl Exchange<'_> {
    async fn forward(&self, body: Body, upgrade: Option<OnUpgrade>) -> Response<Body> {
        let Some(uri) = self.uri() else {
            return responses::problem(StatusCode::BAD_REQUEST, "the request target is malformed");
        };
        let empty = body.is_end_stream();
        let method = match self.head.kind {
            Kind::WebSocket(_) => Method::GET,
            Kind::Plain => self.parts.method.clone(),
        };
        let repeat = if empty && is_idempotent(&method) {
            Repeat::Once
        } else {
            Repeat::Never
        };
        let mut body = Some(body).filter(|_| !empty);
        let build = || {
            let body = body.take().map(|mut body| {
                body.count(Account::received(&self.connection.port));
                body.wait_at_most(self.connection.front.body_timeout);
                body
            });
            let mut request = Request::new(body.unwrap_or_else(Body::empty));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri.clone();
            *request.headers_mut() = self.headers();
            request
        };
        let answer = self.connection.front.upstreams.send(repeat, build).await;
        let reached = !matches!(
            answer,
            Err(Failure::Refused | Failure::TimedOut | Failure::Broken)
        );
        if self.connection.port.counters.reached(reached) {
            self.connection.front.board.changed();
        }
        match answer {
            Ok(response) => match self.pass_back(response, upgrade) {
                Some(response) => response,
                None => self.not_ready(Failure::Broken).await,
            },
            Err(Failure::Stalled) => {
                let mut response = responses::problem(
                    StatusCode::REQUEST_TIMEOUT,
                    "nothing more of the request's body has come for too long",
                );
                responses::close(&mut response);
                response
            }
            Err(failure) => self.not_ready(failure).await,
        }
    }

    fn uri(&self) -> Option<Uri> {
        let path = match &self.admission.target {
            Some(target) => target.parse().ok()?,
            None => self
                .parts
                .uri
                .path_and_query()
                .cloned()
                .unwrap_or_else(|| PathAndQuery::from_static("/")),
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.target.inside.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }

    fn headers(&self) -> HeaderMap {
        let hop = Hop {
            peer: &self.connection.peer,
            transport: self.connection.transport,
            outside: self.head.authority,
            inside: self.target.told.as_str(),
            always_origin: self.target.always_origin,
            host: &self.target.host,
            kind: self.head.kind,
            origin: self.head.origin,
            admission: self.admission,
            cookie: &self.rules.cookie,
        };
        let mut headers = forward::request(&self.parts.headers, &hop, |value| {
            self.rules.access.credentials.accepts_token(value)
        });
        if let Some(key) = &self.key {
            key.ask(&mut headers);
        }
        headers
    }

    /// The app's answer; nothing if it is none to what was asked.
    fn pass_back(
        &self,
        mut response: Response<Incoming>,
        upgrade: Option<OnUpgrade>,
    ) -> Option<Response<Body>> {
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let websocket = head::lists(response.headers(), &header::UPGRADE, "websocket");
        forward::response(
            response.headers_mut(),
            &[&self.target.inside, &self.target.told],
        );
        *response.version_mut() = Version::HTTP_11;
        if !switched {
            return Some(self.ordinary(response));
        }
        let answered = match &self.key {
            Some(key) => key.is_answered(response.headers_mut()),
            // The client looks at the proof itself.
            None => true,
        };
        let (Kind::WebSocket(handshake), true, Some(client)) =
            (self.head.kind, websocket && answered, upgrade)
        else {
            return None;
        };
        websocket::start(self.connection, client, hyper::upgrade::on(&mut response));
        match handshake {
            Handshake::Connect => *response.status_mut() = StatusCode::OK,
            Handshake::Upgrade => {
                // From here on the client's bytes are no HTTP.
                self.connection.verdict.switch_off();
                let headers = response.headers_mut();
                headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            }
        }
        Some(response.map(|_| Body::empty()))
    }

    /// An answer that is no switch of protocols.
    fn ordinary(&self, response: Response<Incoming>) -> Response<Body> {
        if !(self.rules.compression && self.target.site.compression) {
            return response.map(Body::from);
        }
        let (mut answer, body) = response.into_parts();
        let length = body.size_hint().exact();
        let (method, asked) = (&self.parts.method, &self.parts.headers);
        let coding = compression::negotiate(method, asked, &mut answer, length);
        let body = match coding {
            Some(coding) => Body::compressed(coding, body),
            None => Body::from(body),
        };
        Response::from_parts(answer, body)
    }

    async fn not_ready(&self, failure: Failure) -> Response<Body> {
        let site = &self.target.site;
        let told = site.program.as_ref().and_then(|program| {
            let programs = self.connection.front.programs.borrow();
            programs.told(program.as_str()).cloned()
        });
        let known = match failure {
            Failure::Refused => "It does not accept connections yet.",
            Failure::TimedOut => "It does not accept connections in time.",
            Failure::Broken | Failure::Stalled => "It ended the connection without an answer.",
        };
        let broke = matches!(failure, Failure::Broken | Failure::Stalled);
        let mut absent = Absent {
            app: &site.app,
            state: told.as_ref().map(|told| told.state),
            text: match &told {
                Some(told) if !broke => &told.text,
                Some(_) | None => known,
            },
            log: Arc::default(),
        };
        // A log is for who may log in, not for who may look at an open app.
        if let (true, Some(program)) = (site.auth, &site.program)
            && told.as_ref().is_some_and(|told| told.failed)
        {
            absent.log = self.connection.front.logs.last(program.as_str()).await;
        }
        let headers = &self.parts.headers;
        let mut response = responses::not_ready(&absent, Audience::of(headers));
        // Cloudflare puts a page of its own in the place of an answer of 500 upwards. Only who is
        // trusted can say that it is in between.
        if self.connection.tunnelled && headers.contains_key("cf-ray") {
            *response.status_mut() = StatusCode::OK;
        }
        response
    }
}

fn refuse(connection: &Connection, parts: &Parts, refusal: Refusal) -> Response<Body> {
    match refusal {
        Refusal::Wrong => connection.failed(),
        Refusal::Unauthorized => connection.port.counters.refused(),
        Refusal::TooMany => connection.port.counters.refused(),
        Refusal::CrossOrigin => {}
    }
    // A wrong token is not carried into the page that asks for the right one.
    let tokens = query::tokens(target_of(parts), |_| true);
    let next = match tokens.ours {
        0 => target_of(parts),
        _ => &tokens.without_ours,
    };
    let audience = Audience::of(&parts.headers);
    match refusal {
        Refusal::TooMany => {
            responses::too_many(connection.wait().unwrap_or_default(), audience, next)
        }
        Refusal::Unauthorized | Refusal::Wrong | Refusal::CrossOrigin => {
            responses::refused(refusal, audience, next)
        }
    }
}

/// One of our own pages, and whether it may be seen where that matters.
struct Page<'a> {
    name: &'a str,
    allowed: Result<(), Refusal>,
}

/// Answers one of our own pages under `/.berth/`.
async fn own(
    connection: &Arc<Connection>,
    rules: &Rules,
    head: &Head<'_>,
    parts: &Parts,
    body: Body,
    page: Page<'_>,
) -> Response<Body> {
    let reading = matches!(parts.method, Method::GET | Method::HEAD);
    match page.name {
        "login" if reading => {
            let query = query::split(target_of(parts)).1.unwrap_or_default();
            let next = field(query, "next").unwrap_or_default();
            responses::login(StatusCode::OK, local(&next), Attempt::None)
        }
        "login" if parts.method == Method::POST => {
            if head.origin == auth::Origin::Other {
                return refuse(connection, parts, Refusal::CrossOrigin);
            }
            log_in(connection, rules, head, body).await
        }
        "logout" if reading => responses::logout(),
        "logout" if parts.method == Method::POST => match page.allowed {
            // Nobody is logged out by another site.
            Err(Refusal::CrossOrigin) => refuse(connection, parts, Refusal::CrossOrigin),
            Ok(()) | Err(_) => log_out(connection, rules, parts),
        },
        "metrics" if reading => match page.allowed {
            Ok(()) => responses::metrics(metrics::text(&connection.front.board.ports())),
            Err(refusal) => refuse(connection, parts, refusal),
        },
        _ if reading => responses::asset(page.name).unwrap_or_else(|| {
            responses::problem(StatusCode::NOT_FOUND, "there is no such page of the proxy")
        }),
        _ => responses::problem(StatusCode::METHOD_NOT_ALLOWED, "this page is for reading"),
    }
}

async fn log_in(
    connection: &Connection,
    rules: &Rules,
    head: &Head<'_>,
    body: Body,
) -> Response<Body> {
    let form = tokio::time::timeout(FORM_TIME, Limited::new(body, FORM_SIZE).collect()).await;
    let Ok(Ok(form)) = form else {
        let mut response = responses::problem(
            StatusCode::BAD_REQUEST,
            "the login form did not arrive whole",
        );
        responses::close(&mut response);
        return response;
    };
    let form = form.to_bytes();
    let form = String::from_utf8_lossy(&form);
    let next = field(&form, "next").unwrap_or_default();
    let token = field(&form, "token").unwrap_or_default();
    let credentials = &rules.access.credentials;
    if let Some(wait) = connection.wait() {
        connection.port.counters.refused();
        return responses::too_many(wait, Audience::Person, local(&next));
    }
    if !credentials.accepts_token(token.trim().as_bytes()) {
        connection.failed();
        return responses::login(StatusCode::UNAUTHORIZED, local(&next), Attempt::Failed);
    }
    let location = own_url(connection, head, local(&next));
    with_session(
        connection,
        rules,
        responses::redirect(StatusCode::SEE_OTHER, &location),
    )
}

/// Ends the browser's sessions, and takes the cookie away.
fn log_out(connection: &Connection, rules: &Rules, parts: &Parts) -> Response<Body> {
    let sessions: Vec<_> = cookies::values(&parts.headers, &rules.cookie)
        .filter_map(|value| rules.key.open(value, gate::now()))
        .collect();
    for session in sessions {
        if let Err(error) = connection.front.gate.end(session) {
            tracing::error!(%error, "an ended session is valid again after a restart");
        }
    }
    let mut response = responses::redirect(StatusCode::SEE_OTHER, LOGIN);
    if let Some(line) = gate::no_session(rules, connection.transport) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    response
}

fn with_session(
    connection: &Connection,
    rules: &Rules,
    mut response: Response<Body>,
) -> Response<Body> {
    if let Some(line) = gate::session(rules, connection.transport) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    response
}

/// A `Location` that stays on this site. Browsers read `//host` and `/\host` as another host, so
/// such paths are written with ours before them.
fn own_url(connection: &Connection, head: &Head<'_>, target: &str) -> String {
    if !leads_elsewhere(target) {
        return target.to_owned();
    }
    let scheme = match connection.transport {
        gate::Transport::Plain => "http",
        gate::Transport::Tls => "https",
    };
    format!("{scheme}://{}{target}", head.authority.text)
}

/// Where to go after a login, if that is a path of this site.
fn local(next: &str) -> &str {
    let printable = next.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if next.starts_with('/') && printable && !leads_elsewhere(next) {
        next
    } else {
        "/"
    }
}

fn leads_elsewhere(target: &str) -> bool {
    matches!(target.as_bytes(), [b'/', b'/' | b'\\', ..])
}

/// The first value of a form field.
fn field(form: &str, name: &str) -> Option<String> {
    let value = form
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    String::from_utf8(query::decode(value)).ok()
}

fn target_of(parts: &Parts) -> &str {
    parts.uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}

const LOGIN: &str = "/.berth/login";
const FORM_SIZE: usize = 8 * 1024;
const FORM_TIME: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_only_to_paths_of_this_site() {
        assert_eq!(local("/lab?x=%20"), "/lab?x=%20");
        for elsewhere in [
            "",
            "lab",
            "//evil",
            "/\\evil",
            "https://evil",
            "/a\r\nb",
            "/\tb",
        ] {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
    }

    #[test]
    fn form_fields_are_decoded() {
        assert_eq!(
            field("a=1&next=%2Fx+y&next=2", "next").as_deref(),
            Some("/x y")
        );
        assert_eq!(field("nextx=1", "next"), None);
    }
}
