//! HTTP/2 (RFC 9113), and WebSockets over it (RFC 8441).

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Channel, Empty, combinators::BoxBody};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
    ext::Protocol,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{Message, protocol::Role},
};

use crate::{
    backend::{Backend, closed, listen, read_head},
    client::header as header_of,
    door::{Door, LIMIT, Plan, TOKEN},
};

type Body = BoxBody<Bytes, std::convert::Infallible>;

fn empty() -> Body {
    Empty::new().boxed()
}

/// A connection that both sides agreed to speak HTTP/2 on.
async fn connect(door: &Door) -> SendRequest<Body> {
    let mut config = (*door.trust()).clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect((door.address, door.ports[0]))
        .await
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let stop = door.tasks.stop().clone();
    door.tasks
        .spawn("h2 client", tracing::Span::none(), async move {
            tokio::select! {
                _ = connection => {}
                () = stop.requested() => {}
            }
        });
    client
}

fn request(door: &Door, method: Method, target: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("https://{}{target}", door.authority(0)))
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_knows_only_http_1_is_served_over_http_2() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let mut client = connect(&door).await;
    let asked = request(&door, Method::GET, "/a?b=%20c")
        // RFC 9113, section 8.2.3: cookies may be split, and are one line for HTTP/1.1.
        .header(header::COOKIE, "one=1")
        .header(header::COOKIE, "two=2; three=3")
        .body(empty());
    let response = client.send_request(asked.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(text(response).await, "GET /a?b=%20c HTTP/1.1");
    let seen = backend.seen().await;
    assert_eq!(seen.header("cookie"), Some("one=1; two=2; three=3"));
    assert_eq!(seen.head.matches("ookie").count(), 1, "{}", seen.head);
    assert_eq!(
        seen.header("x-forwarded-host"),
        Some(&*door.authority(0)),
        "{}",
        seen.head
    );
    assert_eq!(seen.header("authorization"), None);

    // Streams do not wait for each other.
    let asked = (0..20).map(|number| {
        let asked = request(&door, Method::GET, &format!("/{number}")).body(empty());
        client.send_request(asked.unwrap())
    });
    let answers = futures_util::future::join_all(asked.collect::<Vec<_>>()).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(
            text(answer.unwrap()).await,
            format!("GET /{number} HTTP/1.1")
        );
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_passes_without_a_credential_and_what_is_no_request_is_refused() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let mut client = connect(&door).await;
    let url = |target: &str| format!("https://{}{target}", door.authority(0));
    let bare = |method: Method, target: &str| Request::builder().method(method).uri(url(target));
    let websocket = Protocol::from_static("websocket");
    let other = Protocol::from_static("connect-udp");
    let bearer = format!("Bearer {TOKEN}");
    for (asked, status) in [
        (bare(Method::GET, "/"), StatusCode::UNAUTHORIZED),
        (
            bare(Method::CONNECT, "/").extension(websocket.clone()),
            StatusCode::UNAUTHORIZED,
        ),
        // RFC 9110, section 9.3.6: we are no way to somewhere else.
        (
            Request::builder()
                .method(Method::CONNECT)
                .uri("example.org:443")
                .header(header::AUTHORIZATION, &bearer),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        // RFC 8441, section 4, and RFC 9220, section 3.
        (
            request(&door, Method::CONNECT, "/").extension(other),
            StatusCode::NOT_IMPLEMENTED,
        ),
        (
            request(&door, Method::TRACE, "/"),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        // RFC 9113, section 8.3.1: `:authority` and `Host` say the same, or one of them lies.
        (
            request(&door, Method::GET, "/").header(header::HOST, "other.example"),
            StatusCode::BAD_REQUEST,
        ),
        // RFC 9110, section 10.1.1.
        (
            request(&door, Method::GET, "/").header(header::EXPECT, "200-ok"),
            StatusCode::EXPECTATION_FAILED,
        ),
    ] {
        let asked = asked.body(empty()).unwrap();
        let shown = format!("{asked:?}");
        let response = client.send_request(asked).await.unwrap();
        assert_eq!(response.status(), status, "{shown}");
    }
    assert!(backend.is_quiet());
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_one_stream_among_others() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let mut client = connect(&door).await;
    let asked = request(&door, Method::CONNECT, "/ws?clientId=1")
        .extension(Protocol::from_static("websocket"))
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(
            header::ORIGIN,
            format!("https://{}", door.authority(0)).as_str(),
        )
        .body(empty())
        .unwrap();
    let answered = client.send_request(asked);
    let accepted = async {
        let (stream, _) = listener.accept().await.unwrap();
        accept_async(stream).await.unwrap()
    };
    let (response, mut app) = tokio::join!(answered, accepted);
    let mut response = response.unwrap();
    // RFC 8441, section 5: success is 200, and there is no Sec-WebSocket-Accept.
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get(header::SEC_WEBSOCKET_ACCEPT), None);
    let stream = hyper::upgrade::on(&mut response).await.unwrap();
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Client, None).await;
    door.wait(|s| s.routes[0].open_websockets == 1).await;
    for message in [Message::text("hello"), Message::binary(vec![7; 1 << 18])] {
        let (sent, received) = tokio::join!(socket.send(message.clone()), app.next());
        sent.unwrap();
        assert_eq!(received.unwrap().unwrap(), message);
        let (sent, received) = tokio::join!(app.send(message.clone()), socket.next());
        sent.unwrap();
        assert_eq!(received.unwrap().unwrap(), message);
    }
    drop(socket);
    assert!(
        timeout(LIMIT, app.next())
            .await
            .unwrap()
            .is_none_or(|end| end.is_err())
    );
    drop(app);
    door.wait(|s| s.routes[0].open_websockets == 0).await;
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_prove_its_handshake_opens_no_websocket() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let mut client = connect(&door).await;
    let asked = request(&door, Method::CONNECT, "/ws")
        .extension(Protocol::from_static("websocket"))
        .body(empty())
        .unwrap();
    let answered = client.send_request(asked);
    let app = async {
        let (mut app, _) = listener.accept().await.unwrap();
        let (head, _) = read_head(&mut app).await.unwrap();
        assert!(head.starts_with("GET /ws HTTP/1.1\r\n"), "{head}");
        assert_eq!(header_of(&head, "sec-websocket-version"), Some("13"));
        assert_eq!(header_of(&head, "upgrade"), Some("websocket"));
        let wrong = "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        app.write_all(wrong.as_bytes()).await.unwrap();
        app
    };
    let (response, _app) = tokio::join!(answered, app);
    assert_eq!(response.unwrap().status(), 502);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gives_up_a_stream_ends_the_request_of_the_app() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let mut client = connect(&door).await;
    // Before the answer, and in the middle of it.
    for begins in [false, true] {
        let asked = request(&door, Method::GET, "/slow").body(empty()).unwrap();
        let mut answered = Box::pin(client.send_request(asked));
        let accepted = async {
            let (mut app, _) = listener.accept().await.unwrap();
            read_head(&mut app).await.unwrap();
            if begins {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx";
                app.write_all(head.as_bytes()).await.unwrap();
            }
            app
        };
        let mut app = match begins {
            true => {
                let (response, app) = tokio::join!(answered, accepted);
                let mut body = response.unwrap().into_body();
                body.frame().await.unwrap().unwrap();
                app
            }
            false => {
                let app = tokio::select! {
                    _ = &mut answered => panic!("nobody answered"),
                    app = accepted => app,
                };
                drop(answered);
                app
            }
        };
        let mut buffer = [0; 16];
        let end = timeout(LIMIT, app.read(&mut buffer)).await.unwrap();
        assert_eq!(end.unwrap_or(0), 0);
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_app_does_not_read_stops_no_other_stream() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let mut client = connect(&door).await;
    // Several of them fill more than one stream's window.
    let mut uploads = Vec::new();
    let mut apps = Vec::new();
    for _ in 0..4 {
        let (mut sender, body) = Channel::<Bytes, std::convert::Infallible>::new(1);
        let asked = request(&door, Method::POST, "/upload");
        let asked = asked.body(body.boxed()).unwrap();
        let answered = client.send_request(asked);
        let feed = async move {
            let piece = Bytes::from(vec![0; 1 << 16]);
            while sender.send_data(piece.clone()).await.is_ok() {}
        };
        let stop = door.tasks.stop().clone();
        door.tasks
            .spawn("upload", tracing::Span::none(), async move {
                tokio::select! {
                    () = feed => {}
                    () = stop.requested() => {}
                }
            });
        let (mut app, _) = listener.accept().await.unwrap();
        read_head(&mut app).await.unwrap();
        apps.push(app);
        uploads.push(answered);
    }
    let asked = request(&door, Method::GET, "/other").body(empty()).unwrap();
    let accepted = async {
        let (mut app, _) = listener.accept().await.unwrap();
        read_head(&mut app).await.unwrap();
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        app.write_all(answer.as_bytes()).await.unwrap();
        app
    };
    let both = async { tokio::join!(client.send_request(asked), accepted) };
    let (response, _app) = timeout(LIMIT, both).await.expect("an answer in time");
    assert_eq!(text(response.unwrap()).await, "ok");
    drop(uploads);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_more_than_is_wanted_sees_its_answer() {
    let (_closed, port) = closed();
    let door = Plan::new().app("A", port).start().await;
    let mut client = connect(&door).await;
    let evil = "https://evil.example";
    let session = door.session().await;
    for (name, value, status) in [
        // Refused before anything of it is read, and not to be delivered to anybody.
        ("cookie", session.as_str(), StatusCode::FORBIDDEN),
        ("x-none", "", StatusCode::UNAUTHORIZED),
        (
            "authorization",
            &*format!("Bearer {TOKEN}"),
            StatusCode::BAD_GATEWAY,
        ),
    ] {
        let (mut sender, body) = Channel::<Bytes, std::convert::Infallible>::new(1);
        let asked = Request::builder()
            .method(Method::POST)
            .uri(format!("https://{}/", door.authority(0)))
            .header(header::ORIGIN, evil)
            .header(name, value)
            .body(body.boxed())
            .unwrap();
        let response = client.send_request(asked).await.unwrap();
        assert_eq!(response.status(), status);
        // The stream still takes what comes, to its end.
        sender.send_data(Bytes::from_static(b"more")).await.unwrap();
        drop(sender);
        assert!(text(response).await.contains(status.as_str()));
    }
    door.stop().await;
}
