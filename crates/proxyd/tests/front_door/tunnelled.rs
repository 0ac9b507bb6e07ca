//! Visitors who come through a tunnel pass the same wall.

use crate::{
    backend::{Backend, closed},
    door::{Plan, TOKEN},
};

/// What tunneld says before a visitor's first byte; see haproxy's proxy-protocol.txt.
fn preamble(app: &str, tls: bool) -> Vec<u8> {
    let mut rest = vec![203, 0, 113, 9, 127, 0, 0, 1, 0xc0, 0, 0x01, 0xbb];
    let mut add = |kind: u8, value: &[u8]| {
        rest.push(kind);
        rest.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        rest.extend_from_slice(value);
    };
    add(0xe0, app.as_bytes());
    if tls {
        add(0x20, &[1, 0, 0, 0, 0]);
    }
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &length[..], &rest].concat()
}

const HOST: &str = "app.relay.example";

#[tokio::test(flavor = "multi_thread")]
async fn who_and_how_is_taken_from_tunneld_and_the_rest_is_as_on_a_port() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let mut client = door.connect_tunnelled(&preamble("A", true)).await;
    client.request("GET /", HOST, &[], "").await;
    assert_eq!(client.answer().await.status, 401);
    let visit = [("Accept", "text/html")];
    client
        .request(&format!("GET /lab?token={TOKEN}"), HOST, &visit, "")
        .await;
    let answer = client.answer().await;
    // To the address that the visitor knows: no port of ours.
    assert_eq!(answer.header("location"), Some("/lab"));
    let line = answer.header("set-cookie").unwrap();
    assert!(line.ends_with("; Secure"), "{line}");
    let cookie = line.split(';').next().unwrap();
    let lies = [("Cookie", cookie), ("X-Forwarded-For", "1.2.3.4")];
    client.request("GET /lab", HOST, &lies, "").await;
    assert_eq!(client.answer().await.status, 200);
    let seen = backend.seen().await;
    assert_eq!(seen.header("x-forwarded-for"), Some("203.0.113.9"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.header("x-forwarded-host"), Some(HOST));

    // Plain outside is plain here, and nobody is sent to a port of HTTPS.
    let mut client = door.connect_tunnelled(&preamble("A", false)).await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = [("Authorization", bearer.as_str())];
    client.request("GET /", HOST, &auth, "").await;
    assert_eq!(client.answer().await.status, 200);
    let seen = backend.seen().await;
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_tunneld_brings_visitors_and_nonsense_ends_a_connection() {
    let backend = Backend::echo().await;
    let other = nix::unistd::Uid::effective().as_raw() + 1;
    let door = Plan::new()
        .app("A", backend.port)
        .tunnel_uid(other)
        .start()
        .await;
    let path = door.dir.path().join("tunnel.sock");
    let stream = tokio::net::UnixStream::connect(path).await.unwrap();
    let mut client = crate::client::Client::over(stream);
    assert_eq!(client.rest().await, b"");
    door.stop().await;

    let door = Plan::new().app("A", backend.port).start().await;
    let mut client = door.connect_tunnelled(b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.rest().await, b"");
    let mut client = door.connect_tunnelled(&preamble("Other", true)).await;
    assert_eq!(client.answer().await.status, 404);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudflare_is_believed_in_front_of_a_tunnel_and_nowhere_else() {
    let (_closed, port) = closed();
    let door = Plan::new().app("A", port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Cf-Ray", "1-X")];
    assert_eq!(door.ask(0, "GET /", &headers).await.status, 502);
    let mut client = door.connect_tunnelled(&preamble("A", true)).await;
    client.request("GET /", HOST, &headers, "").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-portal-placeholder"), Some("true"));
    door.stop().await;
}
