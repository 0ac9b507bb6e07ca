//! Rules from the instance's variables: other sites, `localhost`, and changes while it runs.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::{
    WebSocketStream, accept_async, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::{
    backend::{Backend, listen},
    client::Client,
    door::{Door, PASSWORD, Plan, TOKEN},
};

const ALLOWED: (&str, &str) = ("Origin", "https://allowed.example");

#[tokio::test(flavor = "multi_thread")]
async fn a_script_of_an_allowed_site_may_ask_and_read_and_others_may_not() {
    let mut backend = Backend::echo().await;
    let door = Plan::new()
        .app("A", backend.port)
        .set(
            "CADDY_CORS_ALLOWED_ORIGINS",
            "https://allowed.example,https://second.example",
        )
        .start()
        .await;
    let asks = ("Access-Control-Request-Method", "POST");
    // A browser sends no credential with a preflight, so it is answered before one is asked for.
    let preflight = door.ask(0, "OPTIONS /api", &[ALLOWED, asks]).await;
    assert_eq!(preflight.status, 204);
    let allowed = preflight.header("access-control-allow-origin");
    assert_eq!(allowed, Some(ALLOWED.1));
    let methods = preflight.header("access-control-allow-methods").unwrap();
    assert!(methods.contains("POST"), "{methods}");
    let evil = ("Origin", "https://evil.example");
    let refused = door.ask(0, "OPTIONS /api", &[evil, asks]).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), None);
    assert!(backend.is_quiet());

    let bearer = format!("Bearer {TOKEN}");
    let auth = ("Authorization", bearer.as_str());
    let answer = door.ask(0, "POST /api", &[ALLOWED, auth]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(ALLOWED.1)
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
    // The app takes it for a request of its own page.
    let host = backend.seen().await;
    let own = format!("http://{}", host.header("host").unwrap());
    assert_eq!(host.header("origin"), Some(own.as_str()));
    // Also what is refused may be read, so that the script learns why.
    let answer = door.ask(0, "GET /api", &[ALLOWED]).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some(ALLOWED.1)
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_told_localhost_where_that_is_wanted() {
    let mut backend = Backend::echo().await;
    let port = backend.port.to_string();
    let door = Plan::new()
        .app("A", backend.port)
        .set("CADDY_HEADER_UP_LOCALHOST", &port)
        .start()
        .await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = ("Authorization", bearer.as_str());
    for origin in [None, Some(("Origin", "https://evil.example"))] {
        let headers: Vec<_> = [Some(auth), origin].into_iter().flatten().collect();
        assert_eq!(door.ask(0, "GET /", &headers).await.status, 200);
        let seen = backend.seen().await;
        let own = format!("localhost:{port}");
        assert_eq!(seen.header("host"), Some(own.as_str()));
        assert_eq!(seen.header("origin"), Some(&*format!("http://{own}")));
    }
    door.stop().await;
}

/// A WebSocket to an app that says everything back.
async fn websocket(door: &Door) -> WebSocketStream<Box<dyn crate::client::Stream>> {
    let mut request = format!("ws://{}/ws", door.authority(0))
        .into_client_request()
        .unwrap();
    let cookie = door.session().await;
    request
        .headers_mut()
        .insert("cookie", cookie.parse().unwrap());
    let client: Client = door.connect(0).await;
    client_async(request, client.stream).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_holds_at_once_and_ends_no_websocket() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let stop = door.tasks.stop().clone();
    door.tasks.spawn("echo", tracing::Span::none(), async move {
        let echo = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                if socket.send(message).await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            () = echo => {}
            () = stop.requested() => {}
        }
    });
    let mut socket = websocket(&door).await;
    let session = door.session().await;
    // A page of the proxy: the app is busy with the WebSocket and takes nobody else.
    let knock = async |name: &str, value: &str| {
        let answer = door.ask(0, "GET /.berth/metrics", &[(name, value)]).await;
        answer.status == 200
    };
    assert!(knock("Cookie", &session).await);

    let path = door.dir.path().join("environment");
    std::fs::write(
        &path,
        "WEB_PASSWORD=\"an other\"\nOPEN_BUTTON_TOKEN=new\nAUTH_EXCLUDE=x\n",
    )
    .unwrap();
    let snapshot = door
        .wait(|s| s.problems.iter().any(|problem| problem.contains("\"x\"")))
        .await;
    assert!(snapshot.auth);
    for (credential, passes) in [
        (format!("Bearer {TOKEN}"), false),
        (format!("Bearer {PASSWORD}"), false),
        ("Bearer new".to_owned(), true),
        ("Bearer an other".to_owned(), true),
    ] {
        let passed = knock("Authorization", &credential).await;
        assert_eq!(passed, passes, "{credential}");
    }
    assert!(
        !knock("Cookie", &session).await,
        "a session of the old password"
    );
    let message = Message::text("still here");
    socket.send(message.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), message);
    // What is refused costs only itself, and is forgotten when it is mended.
    std::fs::write(&path, "WEB_PASSWORD=\"an other\"\n").unwrap();
    door.wait(|s| !s.problems.iter().any(|problem| problem.contains("\"x\"")))
        .await;
    drop(socket);
    door.stop().await;
}
