//! Nobody takes what belongs to all.

use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::{
    backend::{Backend, listen, read_head},
    door::{LIMIT, Plan, TOKEN},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stalls_within_its_upload_is_told_and_the_app_is_freed() {
    let (listener, port) = listen().await;
    let door = Plan::new()
        .plain()
        .body_timeout(1)
        .app("A", port)
        .start()
        .await;
    let mut client = door.connect(0).await;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n\r\nhalf"
    );
    client.send(request).await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await.unwrap();
    let answer = client.answer().await;
    assert_eq!(answer.status, 408, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    let mut rest = Vec::new();
    let _ = timeout(LIMIT, app.read_to_end(&mut rest)).await.unwrap();
    // It is no fault of the app.
    let snapshot = door.wait(|s| s.routes[0].requests_4xx == 1).await;
    assert_eq!(
        snapshot.routes[0].upstream(),
        api::proxy::UpstreamState::Reached
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_has_half_of_the_connections_at_most_and_gets_room_when_it_leaves() {
    let backend = Backend::echo().await;
    let door = Plan::new()
        .plain()
        .max_connections(6)
        .app("A", backend.port)
        .start()
        .await;
    let host = door.authority(0);
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut client = door.connect(0).await;
        client.request("GET /", &host, &[], "").await;
        assert_eq!(client.answer().await.status, 401);
        kept.push(client);
    }
    let mut refused = door.connect(0).await;
    assert_eq!(refused.rest().await, b"");
    door.wait(|s| s.connections_refused == 1).await;
    // Those that are open are served on.
    kept[0].request("GET /", &host, &[], "").await;
    assert_eq!(kept[0].answer().await.status, 401);
    kept.pop();
    let room = async {
        loop {
            let mut client = door.connect(0).await;
            client.request("GET /", &host, &[], "").await;
            if client.rest_of_answer().await.starts_with("HTTP/1.1 401 ") {
                break;
            }
        }
    };
    timeout(LIMIT, room).await.expect("room in time");
    door.stop().await;
}
