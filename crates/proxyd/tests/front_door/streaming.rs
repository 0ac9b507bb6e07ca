//! Bytes pass as they come, in both directions, and stop when nobody takes them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_compression::tokio::bufread::GzipDecoder;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{
    backend::{listen, read_head},
    client::header,
    door::{Door, LIMIT, Plan, TOKEN},
};

async fn get(door: &Door) -> crate::client::Client {
    let bearer = format!("Bearer {TOKEN}");
    let mut client = door.connect(0).await;
    let authority = door.authority(0);
    client
        .request("GET /", &authority, &[("Authorization", &bearer)], "")
        .await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn each_piece_of_an_answer_arrives_before_the_next_is_made() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let mut client = get(&door).await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await.unwrap();

    app.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    .await
    .unwrap();
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        app.write_all(chunk.as_bytes()).await.unwrap();
        assert_eq!(client.exactly(chunk.len()).await, chunk.as_bytes());
    }
    app.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(client.exactly(5).await, b"0\r\n\r\n");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_reaches_the_app_while_it_is_sent() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let mut client = door.connect(0).await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
        ))
        .await;
    let (mut app, _) = listener.accept().await.unwrap();
    let (_, mut body) = read_head(&mut app).await.unwrap();
    let mut until = async |text: &str| {
        while !String::from_utf8_lossy(&body).contains(text) {
            let mut buffer = [0; 100];
            let length = timeout(LIMIT, app.read(&mut buffer))
                .await
                .unwrap()
                .unwrap();
            assert!(length > 0);
            body.extend_from_slice(&buffer[..length]);
        }
    };
    until("one").await;
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    until("two").await;
    until("0\r\n\r\n").await;
    app.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_learns_at_once_that_its_client_left() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    for answered in [false, true] {
        let mut client = get(&door).await;
        let (mut app, _) = listener.accept().await.unwrap();
        read_head(&mut app).await.unwrap();
        if answered {
            app.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
                .await
                .unwrap();
            client.head().await;
        }
        drop(client);
        let mut buffer = [0; 1];
        let read = timeout(LIMIT, app.read(&mut buffer))
            .await
            .expect("the end in time");
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_held_back_while_its_client_takes_nothing() {
    const SIZE: usize = 64 << 20;
    let (listener, port) = listen().await;
    let door = Plan::new().plain().app("A", port).start().await;
    let mut client = get(&door).await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await.unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    door.tasks.spawn("app", tracing::Span::none(), async move {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        app.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 64 << 10];
        while counter.load(Ordering::Relaxed) < SIZE {
            let length = app.write(&piece).await.unwrap();
            counter.fetch_add(length, Ordering::Relaxed);
        }
    });
    client.head().await;
    // The app has stopped when two looks a while apart see the same.
    let mut seen = 0;
    let mut pause = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        pause.tick().await;
        let total = sent.load(Ordering::Relaxed);
        if total > 0 && total == seen {
            break;
        }
        seen = total;
    }
    assert!(seen < SIZE / 2, "{seen} bytes are buffered somewhere");
    let mut left = SIZE;
    let mut buffer = vec![0; 64 << 10];
    left -= client.taken();
    while left > 0 {
        let length = timeout(LIMIT, client.stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(length > 0, "{left} bytes are missing");
        left -= length;
    }
    door.stop().await;
}

/// What a chunked body carries.
fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    whole
}

/// What the chunks carry that have come whole.
fn whole_chunks(received: &[u8]) -> Vec<u8> {
    let mut end = 0;
    while let Some(line) = received[end..].windows(2).position(|pair| pair == b"\r\n") {
        let size = std::str::from_utf8(&received[end..end + line]).unwrap();
        let next = end + line + 4 + usize::from_str_radix(size, 16).unwrap();
        if next > received.len() {
            break;
        }
        end = next;
    }
    unchunked(&received[..end])
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_compressed_for_who_takes_it_and_nothing_of_it_waits() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let mut client = door.connect(0).await;
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Accept-Encoding", "gzip"),
        ("Connection", "close"),
    ];
    client
        .request("GET /log", &door.authority(0), &headers, "")
        .await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await.unwrap();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    app.write_all(head.as_bytes()).await.unwrap();
    let head = client.head().await;
    assert_eq!(header(&head, "content-encoding"), Some("gzip"));
    assert_eq!(header(&head, "vary"), Some("Accept-Encoding"));
    assert_eq!(header(&head, "etag"), Some("W/\"a\""));
    // The first line must be readable before there is a second one.
    app.write_all(b"6\r\nfirst\n\r\n").await.unwrap();
    let mut received = Vec::new();
    loop {
        received.extend(client.exactly(1).await);
        if !received.ends_with(b"\r\n") {
            continue;
        }
        let mut read = [0; 6];
        let compressed = std::io::Cursor::new(whole_chunks(&received));
        let mut decoder = GzipDecoder::new(compressed);
        if decoder.read_exact(&mut read).await.is_ok() {
            assert_eq!(&read, b"first\n");
            break;
        }
    }
    app.write_all(b"7\r\nsecond\n\r\n0\r\n\r\n").await.unwrap();
    received.extend(client.rest().await);
    let mut text = String::new();
    let mut decoder = GzipDecoder::new(std::io::Cursor::new(unchunked(&received)));
    decoder.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "first\nsecond\n");
    door.stop().await;
}
