use base64::{Engine as _, engine::general_purpose::STANDARD};
use instance::Secret;

use super::*;

const NOW: u64 = 1_000;

struct Case {
    method: Method,
    target: &'static str,
    headers: HeaderMap,
    websocket: bool,
    origin: Origin,
    required: bool,
}

fn get(target: &'static str) -> Case {
    Case {
        method: Method::GET,
        target,
        headers: HeaderMap::new(),
        websocket: false,
        origin: Origin::Untold,
        required: true,
    }
}

impl Case {
    fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }
    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .append(name, HeaderValue::from_str(value).unwrap());
        self
    }
    fn html(self) -> Self {
        self.header("accept", "text/html,*/*")
    }
    fn session(self) -> Self {
        let value = key().issue([1; 16], NOW + 1);
        self.header("cookie", &format!("a=b; c_auth_token={value}"))
    }
    fn basic(self, credential: &str) -> Self {
        let encoded = STANDARD.encode(credential);
        self.header("authorization", &format!("Basic {encoded}"))
    }
    fn from(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }
    fn websocket(mut self) -> Self {
        self.websocket = true;
        self
    }
    fn open_port(mut self) -> Self {
        self.required = false;
        self
    }
    fn decide(&self) -> Decision {
        let policy = Policy {
            required: self.required,
            credentials: &credentials(),
            cookie: "c_auth_token",
            key: &key(),
            ended: &Ended::default(),
            waits: false,
        };
        let facts = Facts {
            method: &self.method,
            target: self.target,
            headers: &self.headers,
            websocket: self.websocket,
            origin: self.origin,
        };
        decide(policy, &facts, NOW)
    }
    fn is_admitted(&self) -> bool {
        matches!(self.decide(), Decision::Admit(_))
    }
}

fn credentials() -> Credentials {
    Credentials {
        token: Secret::parse("tok"),
        password: Secret::parse("pw"),
        username: "vastai".to_owned(),
    }
}

fn key() -> SessionKey {
    SessionKey::new(&[9; 32], &credentials())
}

const UNAUTHORIZED: Decision = Decision::Refuse(Refusal::Unauthorized);

#[test]
fn without_a_valid_credential_the_answer_is_401() {
    for case in [
        get("/"),
        get("/?token=wrong"),
        get("/?token=tok&token=tok"),
        get("/?token=1"),
        get("/?token="),
        get("/").header("authorization", "Bearer wrong"),
        get("/").header("authorization", "Bearer "),
        get("/").header("authorization", "tok"),
        get("/").basic("vastai:tok"),
        get("/").basic("root:pw"),
        get("/").header("cookie", "c_auth_token=tok"),
        get("/").header("cookie", "other=tok"),
        get("/").header(
            "cookie",
            &format!("other={}", key().issue([1; 16], NOW + 1)),
        ),
        get("/").header(
            "cookie",
            &format!("c_auth_token={}", key().issue([1; 16], NOW)),
        ),
        get("/").header(
            "cookie",
            &format!("c_auth_token={}x", key().issue([1; 16], NOW + 1)),
        ),
    ] {
        // What could be a guess is told apart, so that it can be counted.
        let tries = case.target.contains("token") || case.headers.contains_key("authorization");
        let refusal = match tries {
            true => Refusal::Wrong,
            false => Refusal::Unauthorized,
        };
        let (target, headers) = (case.target, &case.headers);
        assert_eq!(
            case.decide(),
            Decision::Refuse(refusal),
            "{target} {headers:?}"
        );
    }
}

#[test]
fn a_page_visit_with_the_token_is_sent_to_the_same_url_without_it() {
    for (target, expected) in [
        ("/?token=tok", "/"),
        ("/a?x=%20+&token=pw&y", "/a?x=%20+&y"),
    ] {
        let expected = Decision::Enter {
            target: expected.to_owned(),
        };
        assert_eq!(get(target).html().decide(), expected);
        let document = get(target).header("sec-fetch-dest", "document");
        assert_eq!(document.decide(), expected);
    }
}

#[test]
fn another_client_with_the_token_passes_at_once_and_gets_a_session() {
    let expected = Decision::Admit(Admission {
        target: Some("/a?x=1".to_owned()),
        strip_authorization: false,
        start_session: true,
    });
    assert_eq!(get("/a?token=tok&x=1").decide(), expected);
    // A form that is posted to a link must not lose its body to a redirect.
    assert_eq!(
        get("/a?token=tok&x=1").html().method(Method::POST).decide(),
        expected
    );
    assert_eq!(
        get("/a?token=tok&x=1").html().websocket().decide(),
        expected
    );
}

#[test]
fn bearer_basic_and_session_pass() {
    let plain = Admission::default();
    let stripped = Admission {
        strip_authorization: true,
        ..Admission::default()
    };
    let started = Admission {
        start_session: true,
        ..stripped.clone()
    };
    for (case, expected) in [
        (get("/").session(), &plain),
        (get("/").header("authorization", "bearer tok"), &stripped),
        (get("/").header("authorization", "Bearer pw"), &stripped),
        (get("/").basic("vastai:pw"), &started),
        (get("/").basic("vastai:pw").session(), &stripped),
        (
            get("/")
                .session()
                .header("authorization", "token jupyters-own"),
            &plain,
        ),
        (get("/?token=jupyters-own").session(), &plain),
    ] {
        assert_eq!(
            case.decide(),
            Decision::Admit(expected.clone()),
            "{:?}",
            case.headers
        );
    }
}

#[test]
fn our_credentials_are_taken_out_however_the_request_passes() {
    let expected = Decision::Admit(Admission {
        target: Some("/x".to_owned()),
        strip_authorization: true,
        start_session: false,
    });
    let open = get("/x?token=tok")
        .header("authorization", "Bearer pw")
        .open_port();
    assert_eq!(open.decide(), expected);
    let exempt = get("/manifest.json?token=tok");
    let Decision::Admit(admission) = exempt.decide() else {
        panic!("exempt")
    };
    assert_eq!(admission.target.as_deref(), Some("/manifest.json"));
}

#[test]
fn another_site_cannot_use_a_browsers_credentials_to_change_things() {
    let refused = Decision::Refuse(Refusal::CrossOrigin);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let case = get("/").session().method(method).from(Origin::Other);
        assert_eq!(case.decide(), refused);
    }
    assert_eq!(
        get("/ws")
            .session()
            .websocket()
            .from(Origin::Other)
            .decide(),
        refused
    );
    assert_eq!(
        get("/ws")
            .basic("vastai:pw")
            .websocket()
            .from(Origin::Other)
            .decide(),
        refused
    );
    for allowed in [
        get("/").session().from(Origin::Other),
        get("/").session().method(Method::POST).from(Origin::Same),
        get("/").session().method(Method::POST),
        get("/ws").session().websocket().from(Origin::Same),
        get("/")
            .header("authorization", "Bearer tok")
            .method(Method::POST)
            .from(Origin::Other),
        get("/")
            .method(Method::POST)
            .from(Origin::Other)
            .open_port(),
    ] {
        assert!(allowed.is_admitted(), "{:?}", allowed.headers);
    }
}

#[test]
fn exempt_paths_are_matched_by_their_raw_bytes_for_reading_only() {
    for path in [
        "/manifest.json",
        "/security.txt",
        "/.well-known/acme-challenge/aB-_9",
    ] {
        assert!(get(path).is_admitted(), "{path}");
        assert!(get(path).method(Method::HEAD).is_admitted(), "{path}");
        assert_eq!(
            get(path).method(Method::POST).decide(),
            UNAUTHORIZED,
            "{path}"
        );
    }
    for path in [
        "/Manifest.json",
        "/manifest.json/",
        "//manifest.json",
        "/manifest.json;x",
        "/%6danifest.json",
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/../../api",
        "/.well-known/acme-challenge/..%2f..%2fapi",
        "/.well-known/acme-challenge/a/b",
        "/x/../manifest.json",
        "/manifest.json%2f..%2fapi",
    ] {
        assert_eq!(get(path).decide(), UNAUTHORIZED, "{path}");
    }
}

#[test]
fn the_tunnel_check_and_our_own_pages_are_answered_here_on_every_port() {
    assert_eq!(get("/portal-resolver?x").decide(), Decision::Resolver);
    assert_eq!(
        get("/portal-resolver").open_port().decide(),
        Decision::Resolver
    );
    assert_eq!(
        get("/.berth/login").decide(),
        Decision::Own {
            name: "login".to_owned(),
            allowed: Err(Refusal::Unauthorized),
        }
    );
    assert_eq!(get("/portal-resolver/").decide(), UNAUTHORIZED);
}
