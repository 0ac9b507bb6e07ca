//! Routes that come, go and fail, and what the daemon tells of them.

use api::proxy::ListenState;
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    backend::{Backend, listen, read_head},
    door::{Plan, TOKEN},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_costs_its_own_app_only_and_is_served_when_it_comes_free() {
    let backend = Backend::echo().await;
    // On every address, so that the port is taken on the proxy's own, too.
    let owner = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let taken = owner.local_addr().unwrap().port();
    let door = Plan::new()
        .app("Free", backend.port)
        .app_on("Taken", taken, backend.port)
        .start()
        .await;
    let snapshot = door.snapshot().await;
    let route = snapshot.routes.iter().find(|r| r.app == "Taken").unwrap();
    assert_eq!(route.listen(), ListenState::Failed);
    assert!(
        route.listen_error.contains("taken"),
        "{}",
        route.listen_error
    );
    assert_eq!(door.ask(0, "GET /", &[]).await.status, 401);

    drop(owner);
    door.wait(|s| {
        s.routes
            .iter()
            .all(|r| r.listen() == ListenState::Listening)
    })
    .await;
    assert_eq!(door.ask(1, "GET /", &[]).await.status, 401);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_follow_what_happens_and_count_up() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    let before = door.snapshot().await;
    assert!(before.epoch > 0 && before.tls && before.auth);
    let route = &before.routes[0];
    assert_eq!(
        (route.app.as_str(), route.listen_port),
        ("A", door.ports[0].into())
    );
    assert_eq!(route.upstream(), api::proxy::UpstreamState::Untried);
    let bearer = format!("Bearer {TOKEN}");
    for _ in 0..3 {
        assert_eq!(
            door.ask(0, "GET /", &[("Authorization", &bearer)])
                .await
                .status,
            200
        );
    }
    let after = door.wait(|s| s.routes[0].requests_2xx == 3).await;
    assert!(after.generation > before.generation && after.epoch == before.epoch);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_connection_follows_its_port_to_another_app() {
    let (mut old, mut new) = (Backend::echo().await, Backend::echo().await);
    let door = Plan::new().app("A", old.port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = [("Authorization", bearer.as_str())];
    let mut client = door.connect(0).await;
    client
        .request("GET /1", &door.authority(0), &auth, "")
        .await;
    assert_eq!(client.answer().await.status, 200);
    old.seen().await;

    let added = testkit::free_port();
    door.write_apps(&[
        ("Renamed".to_owned(), door.ports[0], new.port, "a"),
        ("Added".to_owned(), added, new.port, "b"),
    ]);
    door.wait(|s| s.routes.len() == 2 && s.routes.iter().any(|r| r.app == "Renamed"))
        .await;
    client
        .request("GET /2", &door.authority(0), &auth, "")
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(new.seen().await.line(), "GET /2 HTTP/1.1");
    assert!(old.is_quiet());
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_route_finishes_its_request_and_frees_its_port() {
    let (listener, port) = listen().await;
    let other = Backend::echo().await;
    let door = Plan::new()
        .app("A", port)
        .app("B", other.port)
        .start()
        .await;
    let bearer = format!("Bearer {TOKEN}");
    let mut client = door.connect(0).await;
    let authority = door.authority(0);
    client
        .request("GET /", &authority, &[("Authorization", &bearer)], "")
        .await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await.unwrap();

    door.write_apps(&[("B".to_owned(), door.ports[1], other.port, "b")]);
    door.wait(|s| s.routes.len() == 1).await;
    app.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await
        .unwrap();
    assert_eq!(client.answer().await.body, "ok");
    assert_eq!(client.rest().await, b"");
    assert!(
        TcpListener::bind((door.address, door.ports[0]))
            .await
            .is_ok()
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_list_of_apps_changes_nothing_and_is_reported() {
    let backend = Backend::echo().await;
    let door = Plan::new().app("A", backend.port).start().await;
    std::fs::write(door.dir.path().join("portal.yaml"), "{{{").unwrap();
    let snapshot = door
        .wait(|s| s.problems.iter().any(|p| p.contains("portal.yaml")))
        .await;
    assert_eq!(snapshot.routes.len(), 1);
    assert_eq!(door.ask(0, "GET /", &[]).await.status, 401);

    std::fs::write(
        door.dir.path().join("portal.yaml"),
        format!(
            "applications:\n  A:\n    hostname: localhost\n    external_port: {}\n    internal_port: {}\n    open_path: /\n  Bad:\n    hostname: localhost\n    external_port: none\n    internal_port: 1\n    open_path: /\n",
            door.ports[0], backend.port
        ),
    )
    .unwrap();
    let snapshot = door
        .wait(|s| s.problems.iter().any(|p| p.contains("\"Bad\"")))
        .await;
    assert_eq!(snapshot.routes.len(), 1);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_platform_only_mapped_ports_are_served() {
    let backend = Backend::echo().await;
    let (mapped, unmapped) = (testkit::free_port(), testkit::free_port());
    let door = Plan::new()
        .set(&format!("VAST_TCP_PORT_{mapped}"), "40001")
        .app_on("Mapped", mapped, backend.port);
    let door = door.start().await;
    door.write_apps(&[
        ("Mapped".to_owned(), mapped, backend.port, "a"),
        ("Unmapped".to_owned(), unmapped, backend.port, "b"),
        ("Third".to_owned(), testkit::free_port(), backend.port, "c"),
    ]);
    let mut client = door.connect_plain(0).await;
    client.request("GET /", "name.example", &[], "").await;
    let answer = client.answer().await;
    assert_eq!(
        answer.header("location"),
        Some("https://name.example:40001/")
    );
    assert_eq!(door.snapshot().await.routes.len(), 1);
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_hand_is_finished_at_the_end_and_silent_clients_are_not_waited_for() {
    let (listener, port) = listen().await;
    let door = Plan::new().app("A", port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let authority = door.authority(0);
    let mut client = door.connect(0).await;
    client
        .request("GET /", &authority, &[("Authorization", &bearer)], "")
        .await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_head(&mut app).await.unwrap();
    let _silent = door.connect_plain(0).await;
    let mut half_a_handshake = door.connect_plain(0).await;
    half_a_handshake.send(b"\x16\x03\x01").await;
    let _idle = door.connect(0).await;

    door.tasks.stop().request();
    app.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await
        .unwrap();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    let ended = tokio::time::timeout(std::time::Duration::from_secs(2), door.stop()).await;
    assert!(ended.is_ok(), "something is waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_settings_degrade_the_health_and_are_listed() {
    let backend = Backend::echo().await;
    for (plan, expected) in [
        (Plan::new(), ServingStatus::Serving),
        (
            Plan::new().refused_setting("colour: unknown setting"),
            ServingStatus::NotServing,
        ),
    ] {
        let door = plan.app("A", backend.port).start().await;
        let channel = ipc::connect(&door.dir.path().join("proxyd.sock"));
        let answer = HealthClient::new(channel)
            .check(HealthCheckRequest::default())
            .await;
        assert_eq!(answer.unwrap().into_inner().status(), expected);
        let problems = door.snapshot().await.problems;
        let listed = problems.iter().any(|problem| problem.contains("colour"));
        assert_eq!(listed, expected == ServingStatus::NotServing);
        assert_eq!(door.ask(0, "GET /", &[]).await.status, 401);
        door.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_and_times_are_counted_and_prometheus_is_told_with_a_credential_only() {
    let backend = Backend::answering(|_| {
        Some("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned())
    })
    .await;
    // Open for its app is not open for the figures.
    let door = Plan::new().app("A \"quoted\"", backend.port);
    let port = door.first_port();
    let door = door.set("AUTH_EXCLUDE", &port.to_string()).start().await;
    let mut client = door.connect(0).await;
    let host = door.authority(0);
    client.request("POST /", &host, &[], "four").await;
    assert_eq!(client.answer().await.body, "hello");
    let snapshot = door
        .wait(|s| s.routes[0].sent_bytes == 5 && s.routes[0].received_bytes == 4)
        .await;
    let route = &snapshot.routes[0];
    let counted: u64 = route.latency.iter().map(|bucket| bucket.count).sum();
    assert_eq!(counted, 1);
    assert!(route.latency_sum_us > 0);
    assert_eq!(route.latency.last().unwrap().limit_us, 0);

    client.request("GET /.berth/metrics", &host, &[], "").await;
    assert_eq!(client.answer().await.status, 401);
    let bearer = format!("Bearer {TOKEN}");
    let auth = [("Authorization", bearer.as_str())];
    client
        .request("GET /.berth/metrics", &host, &auth, "")
        .await;
    let answer = client.answer().await;
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let labels = format!("app=\"A \\\"quoted\\\"\",port=\"{port}\"");
    for line in [
        format!("berth_proxy_requests_total{{{labels},code=\"2xx\"}} 1"),
        format!("berth_proxy_received_bytes_total{{{labels}}} 4"),
        format!("berth_proxy_unauthorized_total{{{labels}}} 1"),
        format!("berth_proxy_websockets{{{labels}}} 0"),
        format!("berth_proxy_latency_seconds_bucket{{le=\"+Inf\",{labels}}} 2"),
        "# EOF".to_owned(),
    ] {
        let found = answer.body.lines().any(|other| other == line);
        assert!(found, "{line}\n{}", answer.body);
    }
    door.stop().await;
}
