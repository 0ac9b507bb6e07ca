//! Whether a request may pass. Pure: policy, request and time are arguments.
//!
//! ```text
//! /portal-resolver        -> answered here, always
//! /.berth/...             -> answered here, always
//! exempt path, GET|HEAD   -> passes
//! open port               -> passes
//! ?token= ours            -> cookie; a page visit is sent on to the same URL without it
//! Bearer ours             -> passes
//! cookie ours             -> passes, unless another site sent a request that may change things
//! Basic ours              -> the same, and gets a cookie
//! anything else           -> 401
//! ```
//!
//! Whatever passes, an admission says which of our credentials must be taken out of it.

pub mod authorization;
pub mod cookies;
pub mod query;
pub mod session;

use http::{HeaderMap, HeaderValue, Method, header};
use instance::Credentials;

use self::{
    authorization::Authorization,
    session::{Ended, SessionKey},
};

/// Who may pass on a port.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Whether this port asks for a credential at all.
    pub required: bool,
    /// The instance's credentials.
    pub credentials: &'a Credentials,
    /// Name of our cookie.
    pub cookie: &'a str,
    /// Signs our sessions.
    pub key: &'a SessionKey,
    /// Sessions that were ended.
    pub ended: &'a Ended,
    /// Whether the client has tried so many wrong credentials that only sessions are looked at.
    pub waits: bool,
}

/// What is known of a request before its body is read.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query, byte for byte as sent.
    pub target: &'a str,
    /// The headers as sent.
    pub headers: &'a HeaderMap,
    /// Whether it asks for a WebSocket.
    pub websocket: bool,
    /// Where it comes from, by its `Origin` and `Host`.
    pub origin: Origin,
}

/// The site that made a browser send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Not told: not a browser, or a request that browsers send without it.
    Untold,
    /// The site itself.
    Same,
    /// Another site, or one that hides.
    Other,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Answer the tunnel check.
    Resolver,
    /// Answer one of our own pages.
    Own {
        /// What follows `/.berth/`.
        name: String,
        /// Whether the request carries a valid credential, and if not, why it is refused where
        /// that matters. An open port is open for its app, not for these pages.
        allowed: Result<(), Refusal>,
    },
    /// Give a session and send the browser to this target.
    Enter {
        /// Path and query without the token.
        target: String,
    },
    /// Let it pass.
    Admit(Admission),
    /// Refuse it.
    Refuse(Refusal),
}

/// How a request passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Path and query to forward, where that differs from what was sent.
    pub target: Option<String>,
    /// Whether `Authorization` carries our credential and must not be forwarded.
    pub strip_authorization: bool,
    /// Whether to give a session with the answer.
    pub start_session: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It carries no credential.
    Unauthorized,
    /// It carries one, and it is wrong.
    Wrong,
    /// It carries one, and its client has to wait before one is looked at again.
    TooMany,
    /// Another site made the browser send it.
    CrossOrigin,
}

/// Decides on one request. `now` is in seconds since the Unix epoch.
pub fn decide(policy: Policy<'_>, facts: &Facts<'_>, now: u64) -> Decision {
    let (path, _) = query::split(facts.target);
    if path == RESOLVER {
        return Decision::Resolver;
    }
    let found = Found::of(policy, facts);
    if let Some(own) = path.strip_prefix(OWN) {
        return Decision::Own {
            name: own.to_owned(),
            allowed: found.credential(policy, facts, now).map(drop),
        };
    }
    let admit = |start_session| {
        Decision::Admit(Admission {
            target: found.target.clone(),
            strip_authorization: found.authorization.is_some(),
            start_session,
        })
    };
    if !policy.required || is_exempt(facts.method, path) {
        return admit(false);
    }
    match found.credential(policy, facts, now) {
        Err(refusal) => Decision::Refuse(refusal),
        Ok(Credential::Token) => {
            let visit = matches!(*facts.method, Method::GET | Method::HEAD)
                && !facts.websocket
                && wants_html(facts.headers);
            match &found.target {
                Some(target) if visit => Decision::Enter {
                    target: target.clone(),
                },
                _ => admit(true),
            }
        }
        Ok(Credential::Bearer | Credential::Session) => admit(false),
        Ok(Credential::Basic) => admit(true),
    }
}

/// Whether the answer is for a person's eyes.
pub fn wants_html(headers: &HeaderMap) -> bool {
    let accepts = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|value| contains_ignoring_case(value, b"text/html"));
    accepts
        || headers
            .get("sec-fetch-dest")
            .is_some_and(|dest| dest == "document")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Bearer,
    Basic,
}

/// By what a request passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    Token,
    Bearer,
    Session,
    Basic,
}

/// Our credentials in a request.
struct Found {
    /// Whether exactly one `token` parameter is there and it is ours.
    token: bool,
    /// The target without our token, if it carries it.
    target: Option<String>,
    authorization: Option<Scheme>,
    /// Whether there is anything that could be meant as a credential of ours.
    tries: bool,
}

impl Found {
    fn of(policy: Policy<'_>, facts: &Facts<'_>) -> Self {
        let credentials = policy.credentials;
        let tokens = query::tokens(facts.target, |value| credentials.accepts_token(value));
        let authorization =
            facts
                .headers
                .get(header::AUTHORIZATION)
                .and_then(|value| match Authorization::parse(value.as_bytes())? {
                    Authorization::Bearer(token) => {
                        credentials.accepts_token(token).then_some(Scheme::Bearer)
                    }
                    Authorization::Basic { username, password } => credentials
                        .accepts_basic(&username, &password)
                        .then_some(Scheme::Basic),
                });
        Self {
            tries: tokens.all > 0 || facts.headers.contains_key(header::AUTHORIZATION),
            token: tokens.ours == 1 && tokens.all == 1,
            target: (tokens.ours > 0).then_some(tokens.without_ours),
            authorization,
        }
    }

    fn credential(
        &self,
        policy: Policy<'_>,
        facts: &Facts<'_>,
        now: u64,
    ) -> Result<Credential, Refusal> {
        let session = cookies::values(facts.headers, policy.cookie)
            .filter_map(|value| policy.key.open(value, now))
            .any(|session| !policy.ended.contains(&session));
        if policy.waits && !session && self.tries {
            return Err(Refusal::TooMany);
        }
        if self.token {
            return Ok(Credential::Token);
        }
        if self.authorization == Some(Scheme::Bearer) {
            return Ok(Credential::Bearer);
        }
        if !session && self.authorization != Some(Scheme::Basic) {
            return Err(match self.tries {
                true => Refusal::Wrong,
                false => Refusal::Unauthorized,
            });
        }
        // Browsers attach cookies and Basic credentials whoever asks for the request. Ports of one
        // host even count as the same site, so SameSite does not tell our apps from a neighbour's.
        if facts.origin == Origin::Other && (facts.websocket || !is_safe(facts.method)) {
            return Err(Refusal::CrossOrigin);
        }
        Ok(match session {
            true => Credential::Session,
            false => Credential::Basic,
        })
    }
}

/// Paths that must answer without a credential: for certificate issuance, password managers and
/// the installation of web apps, whose requests carry none.
///
/// The raw bytes decide, because the raw bytes are forwarded: an encoded path never matches.
fn is_exempt(method: &Method, path: &str) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return false;
    }
    if let Some(token) = path.strip_prefix("/.well-known/acme-challenge/") {
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        return !token.is_empty() && token.bytes().all(plain);
    }
    EXEMPT.contains(&path)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn contains_ignoring_case(value: &HeaderValue, needle: &[u8]) -> bool {
    value
        .as_bytes()
        .windows(needle.len())
        .any(|window| window.eq_ignore_ascii_case(needle))
}

const RESOLVER: &str = "/portal-resolver";
/// Prefix of the paths that proxyd answers itself.
pub const OWN: &str = "/.berth/";
const EXEMPT: &[&str] = &[
    "/.well-known/change-password",
    "/.well-known/security.txt",
    "/security.txt",
    "/manifest.json",
    "/manifest.webmanifest",
    "/site.webmanifest",
];

#[cfg(test)]
mod tests;
