//! WebSockets through the proxy.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use tokio_tungstenite::{
    accept_async, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::{
    backend::{Backend, listen, read_head},
    door::{Door, Plan, TOKEN},
};

async fn echo_sockets(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut socket = accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                break;
            }
        }
    }
}

fn handshake(door: &Door) -> Vec<(&'static str, String)> {
    vec![
        ("Authorization", format!("Bearer {TOKEN}")),
        ("Host", door.authority(0)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_both_ways_over_tls_and_are_counted() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    door.tasks.spawn("echo", tracing::Span::none(), {
        let stop = door.tasks.stop().clone();
        async move {
            tokio::select! {
                () = echo_sockets(listener) => {}
                () = stop.requested() => {}
            }
        }
    });
    let mut request = format!("ws://{}/ws?clientId=1", door.authority(0))
        .into_client_request()
        .unwrap();
    let bearer = format!("Bearer {TOKEN}");
    request
        .headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    let client = door.connect(0).await;
    let (mut socket, response) = client_async(request, client.stream).await.unwrap();
    assert_eq!(response.status(), 101);
    door.wait(|s| s.routes[0].open_websockets == 1).await;
    for message in [
        Message::text("hello"),
        Message::binary(vec![7; 1 << 20]),
        Message::text(""),
    ] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.close(None).await.unwrap();
    drop(socket);
    door.wait(|s| s.routes[0].open_websockets == 0).await;
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_without_credential_or_from_another_site_is_refused() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let cookie = door.session().await;
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(door.ask(0, "GET /ws", &upgrade).await.status, 401);
    let mut cross = upgrade.to_vec();
    cross.extend([
        ("Cookie", cookie.as_str()),
        ("Origin", "https://evil.example"),
    ]);
    assert_eq!(door.ask(0, "GET /ws", &cross).await.status, 403);
    assert!(backend.is_quiet());

    // An app that does not switch answers an ordinary answer, and the connection goes on.
    let mut client = door.connect(0).await;
    let mut own = upgrade.to_vec();
    own.push(("Cookie", cookie.as_str()));
    let host = door.authority(0);
    for _ in 0..2 {
        client.request("GET /ws", &host, &own, "").await;
        assert_eq!(client.answer().await.status, 200);
        assert_eq!(backend.seen().await.header("upgrade"), Some("websocket"));
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_whole_handshake_that_the_app_confirms_opens_a_tunnel() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let base = handshake(&door);
    for (extra, answer) in [
        // Asked for something else than a WebSocket: the app must not see an upgrade.
        (
            &[("Connection", "Upgrade"), ("Upgrade", "h2c")][..],
            "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        ),
        // Not asked for at all.
        (
            &[][..],
            "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ),
        // Switched to something else than what was asked for.
        (
            &[("Connection", "Upgrade"), ("Upgrade", "websocket")][..],
            "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        ),
    ] {
        let mut client = door.connect(0).await;
        let mut text = String::from("GET /ws HTTP/1.1\r\n");
        for (name, value) in base
            .iter()
            .map(|(n, v)| (*n, v.as_str()))
            .chain(extra.iter().copied())
        {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        client.send(format!("{text}\r\n")).await;
        let (mut app, _) = listener.accept().await.unwrap();
        let (head, _) = read_head(&mut app).await.unwrap();
        assert!(!head.contains("h2c"), "{head}");
        app.write_all(answer.as_bytes()).await.unwrap();
        let answer = client.answer().await;
        assert_eq!(answer.status, 502, "{answer:?}");
    }
    assert_eq!(door.snapshot().await.routes[0].open_websockets, 0);
    door.stop().await;
}
