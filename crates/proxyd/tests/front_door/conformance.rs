//! What HTTP asks of an intermediary, rule by rule, in raw bytes. What is refused is in `requests`,
//! HTTP/2 in `http2`, WebSockets in `websocket`.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    backend::{Backend, listen, read_head},
    client::{Client, header},
    door::{Door, LIMIT, Plan, TOKEN},
};

/// A door without TLS in front of an app that the test plays.
struct Stage {
    door: Door,
    listener: TcpListener,
}

impl Stage {
    async fn new() -> Self {
        let (listener, port) = listen().await;
        let door = Plan::new().plain().app("A", port).start().await;
        Self { door, listener }
    }

    async fn client(&self) -> Client {
        self.door.connect(0).await
    }

    /// The next request as the app gets it, and what came behind its head.
    async fn app(&self) -> (TcpStream, String, Vec<u8>) {
        let accepted = timeout(LIMIT, self.listener.accept()).await;
        let (mut app, _) = accepted.expect("a request in time").unwrap();
        let (head, rest) = read_head(&mut app).await.unwrap();
        (app, head, rest)
    }

    /// Sends a request, has the app answer it, and gives all that the client gets.
    async fn exchange(&self, request: &str, answer: &str) -> String {
        let mut client = self.client().await;
        client.send(with_token(request)).await;
        let (mut app, ..) = self.app().await;
        app.write_all(answer.as_bytes()).await.unwrap();
        drop(app);
        String::from_utf8(client.rest().await).unwrap()
    }
}

/// A request with a credential behind its first line.
fn with_token(request: &str) -> String {
    let token = format!("\r\nAuthorization: Bearer {TOKEN}\r\n");
    request.replacen("\r\n", &token, 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_one_hop_is_not_passed_on_rfc_9110_7_6_1() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    // What we add cannot be nominated away.
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop, X-Forwarded-For, Host, TE\r\n\
                   X-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\n\
                   HTTP2-Settings: x\r\nUpgrade: h2c\r\nTE: gzip, Trailers\r\n\r\n";
    client.send(with_token(request)).await;
    let (mut app, head, _) = stage.app().await;
    for gone in [
        "x-hop",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "http2-settings",
        "upgrade",
    ] {
        assert_eq!(header(&head, gone), None, "{head}");
    }
    assert_eq!(header(&head, "te"), Some("trailers"));
    assert_eq!(header(&head, "connection"), Some("TE"));
    assert!(header(&head, "x-forwarded-for").is_some() && header(&head, "host").is_some());
    let answer = "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
                  Proxy-Authenticate: x\r\nUpgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n";
    app.write_all(answer.as_bytes()).await.unwrap();
    let answer = client.answer().await;
    for gone in ["x-hop", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(answer.header(gone), None, "{}", answer.head);
    }
    assert_eq!(answer.header("x-kept"), Some("1"));
    stage.door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_uploads_before_being_let_in_rfc_9110_10_1_1() {
    let stage = Stage::new().await;
    let expects = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let mut client = stage.client().await;
    client.send(expects).await;
    assert!(client.head().await.starts_with("HTTP/1.1 401 "));
    // Who may pass is told to go on, and the expectation has been met by us.
    let mut client = stage.client().await;
    client.send(with_token(expects)).await;
    let (mut app, head, mut body) = stage.app().await;
    assert_eq!(header(&head, "expect"), None);
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue");
    client.send("four").await;
    while body.len() < 4 {
        assert!(app.read_buf(&mut body).await.unwrap() > 0);
    }
    app.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
        .await
        .unwrap();
    assert!(client.head().await.starts_with("HTTP/1.1 204 "));
    stage.door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interim_answer_is_never_taken_for_the_final_one_rfc_9110_15_2() {
    let stage = Stage::new().await;
    let got = stage
        .exchange(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )
        .await;
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\nok"), "{got}");
    stage.door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_are_passed_on_to_who_takes_them_rfc_9112_7_1_2() {
    let stage = Stage::new().await;
    let answer = "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                  2\r\nok\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n";
    let takes = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n";
    let got = stage.exchange(takes, answer).await;
    assert!(
        got.to_ascii_lowercase().ends_with("0\r\nx-sum: 7\r\n\r\n"),
        "{got}"
    );
    let ignores = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let got = stage.exchange(ignores, answer).await;
    assert!(got.ends_with("2\r\nok\r\n0\r\n\r\n"), "{got}");

    let mut client = stage.client().await;
    let upload = "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n\
                  2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
    client.send(with_token(upload)).await;
    let (mut app, _, mut body) = stage.app().await;
    while !body.ends_with(b"\r\n\r\n") {
        assert!(app.read_buf(&mut body).await.unwrap() > 0);
    }
    let body = String::from_utf8(body).unwrap().to_ascii_lowercase();
    assert!(body.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{body}");
    stage.door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_1_0_gets_no_chunks_rfc_9112_6_1() {
    let stage = Stage::new().await;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let got = stage.exchange("GET / HTTP/1.0\r\n\r\n", chunked).await;
    assert!(got.starts_with("HTTP/1.0 200 OK\r\n"), "{got}");
    assert!(
        !got.to_ascii_lowercase().contains("transfer-encoding"),
        "{got}"
    );
    assert!(got.ends_with("\r\n\r\nok"), "{got}");
    stage.door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_a_body_have_none_and_keep_their_length_rfc_9112_6_3() {
    let stage = Stage::new().await;
    for (method, answer, length) in [
        (
            "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n",
            Some("5000"),
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        (
            "GET",
            "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 7\r\n\r\n",
            None,
        ),
    ] {
        let mut client = stage.client().await;
        let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        client.send(with_token(&request)).await;
        let (mut app, ..) = stage.app().await;
        app.write_all(answer.as_bytes()).await.unwrap();
        let head = client.head().await;
        assert_eq!(header(&head, "content-length"), length, "{head}");
        assert_eq!(header(&head, "content-encoding"), None, "{head}");
        // Nothing came behind it: the connection goes on.
        client
            .send("GET /.berth/login HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    }
    stage.door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_dies_within_an_answer_leaves_a_cut_one_rfc_9112_8() {
    let stage = Stage::new().await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let got = stage.exchange(request, answer).await;
        assert!(got.contains("half") && !got.ends_with("0\r\n\r\n"), "{got}");
    }
    // Before its head, and with a head that is none.
    for answer in ["", "HTTP/1.1 200", "SSH-2.0-x\r\n\r\n"] {
        let mut client = stage.client().await;
        client.send(with_token(request)).await;
        let (mut app, ..) = stage.app().await;
        app.write_all(answer.as_bytes()).await.unwrap();
        drop(app);
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{answer:?}: {head}");
    }
    stage.door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_sends_too_much_is_nobody_s_answer_rfc_9112_6_3() {
    let (listener, port) = listen().await;
    let door = Plan::new().plain().app("A", port).start().await;
    let mut client = door.connect(0).await;
    let request = with_token("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(&request).await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await.unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\
                  HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    app.write_all(answer.as_bytes()).await.unwrap();
    assert_eq!(client.answer().await.body, "ok");
    // The next request goes over another connection.
    client.send(&request).await;
    let (mut app, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    read_head(&mut app).await.unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext";
    app.write_all(answer.as_bytes()).await.unwrap();
    assert_eq!(client.answer().await.body, "next");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_target_form_is_understood_or_refused_rfc_9112_3_2() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().plain().app("A", backend.port).start().await;
    let host = door.authority(0);
    // The absolute form names the same site as the Host.
    let mut client = door.connect(0).await;
    let request = format!("GET http://{host}/a?b HTTP/1.1\r\nHost: {host}\r\n\r\n");
    client.send(with_token(&request)).await;
    assert_eq!(client.answer().await.body, "GET /a?b HTTP/1.1");
    assert_eq!(
        backend.seen().await.header("x-forwarded-host"),
        Some(&*host)
    );
    // The asterisk is about the server, which is us.
    client
        .send(format!("OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n"))
        .await;
    assert_eq!(client.answer().await.status, 204);
    assert!(backend.is_quiet());
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exempt_path_is_matched_as_it_is_forwarded_rfc_3986_6_2() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().plain().app("A", backend.port).start().await;
    let mut client = door.connect(0).await;
    client
        .send("GET /manifest.json HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    backend.seen().await;
    for path in [
        "/api/..%2fmanifest.json",
        "/%2e%2e/manifest.json",
        "/x/../manifest.json",
        "//manifest.json",
        "/manifest.json/",
        "/manifest.json/../api",
        "/manifest.json%00",
        "/manifest.json;x",
        "/MANIFEST.JSON",
        "/manifest%2ejson",
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/../../api",
        "/.well-known/acme-challenge/a%2f..",
        "/.well-known/acme-challenge/a/b",
    ] {
        let mut client = door.connect(0).await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send(request).await;
        let status = client.answer().await.status;
        assert!(matches!(status, 400 | 401), "{path}: {status}");
    }
    let mut client = door.connect(0).await;
    client
        .send("POST /manifest.json HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 401);
    assert!(backend.is_quiet());
    door.stop().await;
}
