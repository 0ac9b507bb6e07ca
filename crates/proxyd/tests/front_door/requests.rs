//! Requests that two servers could read differently, and what becomes of headers.

use tokio::io::AsyncWriteExt as _;

use crate::{
    backend::Backend,
    door::{Plan, TOKEN},
};

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_and_malformed_requests_are_refused_and_never_forwarded() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().plain().app("A", backend.port).start().await;
    for (status, request) in refused() {
        let mut client = door.connect_plain(0).await;
        // The proxy may answer and close before it has read everything.
        let _ = client.stream.write_all(request.as_bytes()).await;
        let answer = client.rest_of_answer().await;
        let shown: String = request.chars().take(200).collect();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{shown:?}: {answer:?}"
        );
    }
    assert!(backend.is_quiet());
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_after_an_ambiguous_request_is_served() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().plain().app("A", backend.port).start().await;
    let mut client = door.connect_plain(0).await;
    let smuggled =
        format!("GET /smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
        ))
        .await;
    let all = String::from_utf8(client.rest().await).unwrap();
    assert_eq!(all.matches("HTTP/1.1 ").count(), 1, "{all}");
    assert!(backend.is_quiet());
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_requests_of_every_shape_pass_on_one_connection() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().plain().app("A", backend.port).start().await;
    let mut client = door.connect_plain(0).await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = ("Authorization", bearer.as_str());
    let host = door.authority(0);
    for (request, body) in [
        ("GET /a?b=%2F&c", ""),
        (
            "POST /a",
            "GET /x#y HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        ),
        ("PUT /a", "x"),
        ("DELETE /a", ""),
        ("OPTIONS /a", ""),
    ] {
        client.request(request, &host, &[auth], body).await;
        assert_eq!(client.answer().await.status, 200, "{request}");
        let seen = backend.seen().await;
        assert_eq!(seen.line(), format!("{request} HTTP/1.1"));
        assert_eq!(seen.body, body);
    }
    client.request("OPTIONS *", &host, &[], "").await;
    assert_eq!(client.answer().await.status, 204);
    assert!(backend.is_quiet());
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_learns_the_true_client_and_nothing_that_the_client_claims() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Connection", "X-Forwarded-For, X-Secret, keep-alive"),
        ("X-Secret", "1"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("CF-Connecting-IP", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Upgrade", "h2c"),
    ];
    assert_eq!(door.ask(0, "GET /", &headers).await.status, 200);
    let seen = backend.seen().await;
    assert!(!seen.head.contains("6.6.6.6"), "{}", seen.head);
    for gone in ["x-secret", "upgrade", "sec-fetch-site", "authorization"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert!(seen.header("x-forwarded-for").unwrap().starts_with("127."));
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(
        seen.header("x-forwarded-host"),
        Some(door.authority(0).as_str())
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_keeps_its_cookies_and_loses_what_is_between_proxy_and_app() {
    let backend = Backend::answering(|_| {
        Some(
            "HTTP/1.1 207 Fine\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
             Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\n\
             X-Portal-Placeholder: true\r\n\r\nok"
                .to_owned(),
        )
    })
    .await;
    let door = Plan::new().app("A", backend.port).start().await;
    let target = format!("GET /?token={TOKEN}");
    let answer = door.ask(0, &target, &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (207, "ok"));
    let cookies: Vec<_> = answer
        .head
        .lines()
        .filter_map(|line| line.strip_prefix("set-cookie: "))
        .collect();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    for gone in ["x-hop", "keep-alive", "upgrade", "x-portal-placeholder"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeatable_request_survives_a_dead_idle_connection_and_a_post_is_never_repeated() {
    // The app ends every connection at its second request without an answer.
    let mut backend = Backend::answering({
        let served = std::sync::Mutex::new(std::collections::BTreeSet::new());
        move |seen| {
            let first = served.lock().unwrap().insert(seen.connection);
            first.then(|| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned())
        }
    })
    .await;
    let door = Plan::new().plain().app("A", backend.port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = [("Authorization", bearer.as_str())];
    assert_eq!(door.ask(0, "GET /1", &auth).await.status, 200);
    assert_eq!(door.ask(0, "GET /2", &auth).await.status, 200);
    let connections = [
        backend.seen().await,
        backend.seen().await,
        backend.seen().await,
    ]
    .map(|seen| seen.connection);
    assert_eq!(connections, [1, 1, 2]);
    assert_eq!(door.ask(0, "POST /3", &auth).await.status, 502);
    assert_eq!(backend.seen().await.connection, 2);
    assert!(backend.is_quiet());
    door.stop().await;
}

/// Requests with the status they are refused with.
fn refused() -> Vec<(u16, String)> {
    let long = format!("Host: a\r\nX: {}\r\n", "y".repeat(70_000));
    let table = [
        (400, "GET / HTTP/1.1", "", ""),
        (400, "GET / HTTP/1.1", "Host: a\r\nHost: a\r\n", ""),
        (400, "GET / HTTP/1.1", "Host: a b\r\n", ""),
        // Beside the one that every request here has.
        (
            400,
            "GET / HTTP/1.1",
            "Host: a\r\nAuthorization: Basic x\r\n",
            "",
        ),
        (400, "GET / HTTP/1.1", "Host: a@b\r\n", ""),
        (400, "GET http://b/ HTTP/1.1", "Host: a\r\n", ""),
        (400, "GET /#x HTTP/1.1", "Host: a\r\n", ""),
        (
            400,
            POST,
            "Host: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            END,
        ),
        (
            400,
            POST,
            "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            END,
        ),
        (
            400,
            POST,
            "Host: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
            "abcd",
        ),
        (400, POST, "Host: a\r\nContent-Length: +3\r\n", "abc"),
        (
            400,
            POST,
            "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
            END,
        ),
        (400, POST, "Host: a\r\nTransfer-Encoding: xchunked\r\n", END),
        (
            400,
            "POST / HTTP/1.0",
            "Host: a\r\nTransfer-Encoding: chunked\r\n",
            END,
        ),
        (400, "GET / HTTP/1.1", "Host: a\r\nX : y\r\n", ""),
        (400, "GET / HTTP/1.1", "Host: a\r\nX: y\r\n z\r\n", ""),
        (405, "CONNECT a:1 HTTP/1.1", "Host: a:1\r\n", ""),
        (405, "TRACE / HTTP/1.1", "Host: a\r\n", ""),
        (417, "GET / HTTP/1.1", "Host: a\r\nExpect: cake\r\n", ""),
        (431, "GET / HTTP/1.1", long.as_str(), ""),
    ];
    let whole = |(status, line, headers, body): (u16, &str, &str, &str)| {
        let auth = format!("Authorization: Bearer {TOKEN}");
        (status, format!("{line}\r\n{auth}\r\n{headers}\r\n{body}"))
    };
    table.map(whole).into()
}

const POST: &str = "POST / HTTP/1.1";
const END: &str = "0\r\n\r\n";
