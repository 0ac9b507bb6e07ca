//! HTTP and HTTPS on one port, and the life of the certificate.

use tokio::io::AsyncWriteExt as _;

use crate::{
    backend::Backend,
    client::Client,
    door::{Plan, TOKEN},
};

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_on_a_port_of_https_is_sent_to_https() {
    let mut backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let authority = door.authority(0);
    let mut client = door.connect_plain(0).await;
    client.request("GET /a?b=%20", &authority, &[], "").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 307);
    assert_eq!(
        answer.header("location"),
        Some(format!("https://{authority}/a?b=%20").as_str())
    );
    assert_eq!(answer.header("connection"), Some("close"));

    let mut client = door.connect_plain(0).await;
    client.request("GET /", "name.example", &[], "").await;
    let expected = format!("https://name.example:{}/", door.ports[0]);
    assert_eq!(
        client.answer().await.header("location"),
        Some(expected.as_str())
    );

    let mut client = door.connect_plain(0).await;
    client.request("GET /", "a\"b", &[], "").await;
    assert_eq!(client.answer().await.status, 400);

    let mut client = door.connect_plain(0).await;
    client.stream.write_all(b"\x00\x01\x02junk").await.unwrap();
    assert_eq!(client.rest().await, b"");
    assert!(backend.is_quiet());
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_https_plain_http_is_served_and_the_cookie_is_not_secure() {
    let backend = Backend::echo().await;
    let door = Plan::new()
        .plain()
        .without_certificate()
        .app("A", backend.port)
        .start()
        .await;
    let answer = door
        .ask(
            0,
            &format!("GET /?token={TOKEN}"),
            &[("Accept", "text/html")],
        )
        .await;
    assert_eq!(answer.status, 302);
    assert!(!answer.header("set-cookie").unwrap().contains("Secure"));
    let snapshot = door.snapshot().await;
    assert!(
        !snapshot.tls && snapshot.tls_reason.contains("ENABLE_HTTPS"),
        "{snapshot:?}"
    );
    let told = snapshot.problems.iter().any(|p| p.contains("HTTPS"));
    assert!(!told, "what was chosen is no problem: {snapshot:?}");
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_certificate_is_used_and_open_connections_stay() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = [("Authorization", bearer.as_str())];
    let address = (door.address, door.ports[0]).into();
    let old = door.trust();
    let mut open = Client::tls(address, old.clone()).await.unwrap();

    // Half a pair is refused and changes nothing.
    std::fs::write(door.dir.path().join("instance.crt"), "an error page").unwrap();
    let snapshot = door.wait(|s| !s.tls_reason.is_empty()).await;
    assert!(snapshot.tls, "{snapshot:?}");
    assert!(names_the_certificate(&snapshot), "{snapshot:?}");
    assert!(Client::tls(address, old.clone()).await.is_ok());

    door.write_certificate();
    let mended = door.wait(|s| s.tls_reason.is_empty()).await;
    assert!(!names_the_certificate(&mended), "{mended:?}");
    assert!(Client::tls(address, door.trust()).await.is_ok());
    assert!(Client::tls(address, old).await.is_err());
    open.request("GET /", &door.authority(0), &auth, "").await;
    assert_eq!(open.answer().await.status, 200);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wanted_https_without_a_certificate_never_becomes_plain_http() {
    let mut backend = Backend::echo().await;
    let door = Plan::new()
        .without_certificate()
        .app("A", backend.port)
        .start()
        .await;
    let snapshot = door.snapshot().await;
    assert!(
        !snapshot.tls && snapshot.tls_reason.contains("instance.crt"),
        "{snapshot:?}"
    );
    assert!(names_the_certificate(&snapshot), "{snapshot:?}");
    let mut client = door.connect_plain(0).await;
    let target = format!("GET /?token={TOKEN}");
    client.request(&target, &door.authority(0), &[], "").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("instance.crt") && answer.header("set-cookie").is_none());
    assert!(backend.is_quiet());

    door.write_certificate();
    let snapshot = door.wait(|s| s.tls).await;
    assert_eq!(snapshot.tls_reason, "");
    assert_eq!(door.ask(0, &target, &[]).await.status, 200);
    door.stop().await;
}

fn names_the_certificate(snapshot: &api::proxy::ProxySnapshot) -> bool {
    let problems = &snapshot.problems;
    problems.iter().any(|problem| problem.contains("instance."))
}
