//! What must hold of any input, each as one function that panics where it does not.
//!
//! libFuzzer calls these functions through `tests/fuzz`; the tests below call them with every input
//! that was worth keeping. Neither is part of a build for users.

use std::{
    convert::Infallible,
    io,
    pin::{Pin, pin},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use instance::{App, PortMap, Secret, Variables, portal_yaml};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    auth::{
        Admission, Decision, Facts,
        authorization::Authorization,
        cookies, decide, query,
        session::{Ended, SessionKey},
    },
    authority::Authority,
    body::Body,
    connection::{Peer, Scanned, builder},
    forward::{self, Hop},
    framing::{Framing, Verdict},
    gate::Transport,
    head::{self, Kind},
    preamble,
    route::route,
};

/// Tries one input.
pub type Target = fn(&[u8]);

/// All targets by their names, which are those of their corpora.
pub const TARGETS: [(&str, Target); 4] = [
    ("door", door),
    ("preamble", tunnel),
    ("query", target),
    ("route", sites),
];

const TOKEN: &str = "tok-5ecret";
const COOKIE: &str = "c_auth_token";

/// The bytes of a connection. Whether they can be read in two ways does not depend on where they
/// are cut; what an app would see of a request has one host, no credential of ours, and nothing of
/// the hop before.
pub fn door(data: &[u8]) {
    let Some((seed, whole)) = data.split_first() else {
        return;
    };
    let verdict = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let verdict = Verdict::default();
        let mut framing = Framing::new(verdict.clone());
        pieces.for_each(|piece| framing.feed(piece));
        verdict.is_ambiguous()
    };
    let size = usize::from(*seed).max(1);
    let once = verdict(&mut [whole].into_iter());
    assert_eq!(verdict(&mut whole.chunks(size)), once, "cut by {size}");

    let verdict = Verdict::default();
    let io = Scanned {
        framing: Framing::new(verdict.clone()),
        stream: Script(whole.to_vec()),
    };
    let seen = Arc::new(Mutex::new(0));
    let count = seen.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        if !verdict.is_ambiguous() {
            pass(&request.into_parts().0);
        }
        std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let _guard = RUNTIME.enter();
    let mut serving = pin!(builder().serve_connection(TokioIo::new(io), service));
    // There is nothing to wait for: all that will ever come is there.
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..whole.len() + 8 {
        if serving.as_mut().poll(&mut context).is_ready() {
            break;
        }
    }
    let seen = *seen.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(seen <= whole.len() / 10 + 1, "more requests than fit");
}

/// One request, as far as the app.
fn pass(parts: &http::request::Parts) {
    let Ok(head) = head::check(parts, "127.0.0.1:1") else {
        return;
    };
    let credentials = instance::Credentials {
        token: Secret::parse(TOKEN),
        password: None,
        username: "vastai".to_owned(),
    };
    let key = SessionKey::new(&[7; 32], &credentials);
    let policy = crate::auth::Policy {
        required: true,
        credentials: &credentials,
        cookie: COOKIE,
        key: &key,
        ended: &Ended::default(),
        waits: false,
    };
    let facts = Facts {
        method: &parts.method,
        target: parts.uri.path_and_query().map_or("/", |path| path.as_str()),
        headers: &parts.headers,
        websocket: matches!(head.kind, Kind::WebSocket(_)),
        origin: head.origin,
    };
    let Decision::Admit(admission) = decide(policy, &facts, 1) else {
        return;
    };
    if let Some(target) = &admission.target {
        assert!(query::tokens(target, |value| value == TOKEN.as_bytes()).ours == 0);
    }
    let headers = forwarded(&parts.headers, &head, &admission, &credentials);
    assert_eq!(headers.get_all("host").iter().count(), 1);
    assert_eq!(headers.get_all("x-forwarded-for").iter().count(), 1);
    assert_eq!(headers["x-forwarded-for"], "9.8.7.6");
    for gone in ["transfer-encoding", "proxy-authorization", "keep-alive"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert_eq!(cookies::values(&headers, COOKIE).count(), 0);
    let is_ours = |value: &HeaderValue| {
        let found = Authorization::parse(value.as_bytes());
        found == Some(Authorization::Bearer(TOKEN.as_bytes()))
    };
    assert!(!headers.get_all("authorization").iter().any(is_ours));
}

fn forwarded(
    headers: &HeaderMap,
    head: &head::Head<'_>,
    admission: &Admission,
    credentials: &instance::Credentials,
) -> HeaderMap {
    let hop = Hop {
        peer: &Peer::new([9, 8, 7, 6].into()),
        transport: Transport::Tls,
        outside: head.authority,
        inside: "localhost:18080",
        always_origin: false,
        host: &HeaderValue::from_static("localhost:18080"),
        kind: head.kind,
        origin: head.origin,
        admission,
        cookie: COOKIE,
    };
    forward::request(headers, &hop, |value| credentials.accepts_token(value))
}

/// A request target and, behind a line end, a line of cookies. What is not ours stays byte for byte,
/// and what is ours is gone.
pub fn target(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (target, line) = text.split_once('\n').unwrap_or((text, ""));
    let is_ours = |value: &[u8]| value == TOKEN.as_bytes();
    let tokens = query::tokens(target, is_ours);
    assert!(tokens.ours <= tokens.all);
    if tokens.ours > 0 {
        let without = &tokens.without_ours;
        let rest = query::tokens(without, is_ours);
        assert_eq!((rest.ours, rest.all), (0, tokens.all - tokens.ours));
        let pairs = |target: &str| -> Vec<String> {
            let (_, found) = query::split(target);
            let pairs = found.unwrap_or_default().split('&');
            pairs.map(str::to_owned).collect()
        };
        let kept = pairs(without);
        let all = pairs(target);
        let mut all = all.iter();
        assert!(
            kept == [""] || kept.iter().all(|pair| all.any(|other| other == pair)),
            "{target:?} became {without:?}"
        );
        assert_eq!(query::split(without).0, query::split(target).0);
    }
    if let Some(authority) = Authority::parse(target) {
        assert!(authority.is_origin(&format!("https://{}", authority.text)));
    }
    let Ok(line) = HeaderValue::from_str(line) else {
        return;
    };
    match cookies::without(&line, COOKIE) {
        None => {}
        Some(kept) => {
            let mut headers = HeaderMap::new();
            headers.insert("cookie", kept.clone());
            assert_eq!(cookies::values(&headers, COOKIE).count(), 0, "{kept:?}");
            assert_eq!(cookies::without(&kept, COOKIE), Some(kept));
        }
    }
}

/// `portal.yaml`. Each port is served once, and an app that was refused is served nowhere.
pub fn sites(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(read) = portal_yaml::parse(text) else {
        return;
    };
    let variables = Variables::new();
    let (access, _) = instance::Access::from_variables(&variables);
    let sites = route(&read.apps, &PortMap::from_variables(&variables), &access);
    let mut ports: Vec<_> = sites.iter().map(|site| site.listen).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), sites.len());
    let named = |name: &str| read.apps.iter().any(|app: &App| app.name == name);
    assert!(sites.iter().all(|site| named(&site.app)));
    // What is written is read back.
    let again = portal_yaml::parse(&portal_yaml::render(&read.apps));
    if !read.apps.is_empty() {
        assert_eq!(again.expect("what we write").apps, read.apps);
    }
}

/// What tunneld says of a visitor: nothing is read beyond its length, and the rest is one thing.
pub fn tunnel(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk() else {
        return;
    };
    let Ok(length) = preamble::length(head) else {
        return;
    };
    let Some((whole, _)) = rest.split_at_checked(length) else {
        return;
    };
    let Ok(read) = preamble::parse(head, whole) else {
        return;
    };
    // A part that is of no concern changes nothing, one that is cut off everything.
    let more = [whole, &[0x04, 0, 1, 0]].concat();
    assert_eq!(preamble::parse(head, &more), Ok(read.clone()));
    for cut in 1..=2 {
        assert!(preamble::parse(head, &more[..more.len() - cut]).is_err());
    }
    assert!(read.app.len() <= whole.len());
}

/// All that a client will ever send, and a place for what it is sent.
struct Script(Vec<u8>);

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.0.len().min(buffer.remaining());
        let read: Vec<u8> = self.0.drain(..length).collect();
        buffer.put_slice(&read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// hyper wants a clock for its time limits.
static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().expect("a runtime")
});

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_input_that_was_worth_keeping_is_tried_again() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let inputs = fs::read_dir(corpora.join(name)).expect("a corpus");
            let mut count = 0;
            for input in inputs {
                let path = input.unwrap().path();
                eprintln!("{}", path.display());
                target(&fs::read(path).unwrap());
                count += 1;
            }
            assert!(count > 0, "{name} has no corpus");
        }
    }
}
