//! portald in process over real sockets, with neighbours made of the generated services.

mod fakes;
mod portal;

use api::{
    boot::{BootSnapshot, SupervisorLink},
    supervisor::{Program, ProgramState, SupervisorSnapshot},
};
use portal::Portal;
use serde_json::json;

#[tokio::test]
async fn alone_it_serves_the_page_and_names_what_it_misses() {
    let portal = Portal::start().await;
    let page = portal.get("/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'self'")
    );
    assert!(!page.header("content-security-policy").contains("unsafe"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let mut stream = portal.stream(&["instance"]).await;
    stream
        .until("instance", |data| {
            let feeds = data["feeds"].as_array().unwrap();
            feeds.len() == 5
                && feeds
                    .iter()
                    .all(|feed| feed["problem"] == "not running (no socket)")
        })
        .await;
}

#[tokio::test]
async fn its_grpc_snapshot_names_the_neighbours_and_the_viewers() {
    let portal = Portal::start().await;
    let _supervisor = fakes::supervisor(portal.run_dir(), programs(7));
    let _stream = portal.stream(&[]).await;
    let snapshot = portal
        .snapshot(|snapshot| {
            snapshot.viewers == 1 && snapshot.feeds.iter().any(|feed| feed.connected)
        })
        .await;
    let connected: Vec<_> = snapshot
        .feeds
        .iter()
        .filter(|feed| feed.connected)
        .collect();
    assert_eq!(connected.len(), 1);
    assert_eq!(
        (connected[0].daemon.as_str(), connected[0].epoch),
        ("supervisord", 7)
    );
}

#[tokio::test]
async fn a_change_of_a_program_reaches_the_page() {
    let portal = Portal::start().await;
    let supervisor = fakes::supervisor(portal.run_dir(), programs(7));
    let mut stream = portal.stream(&["services", "apps"]).await;
    stream
        .until("apps", |data| data["apps"][0]["state"] == "ready")
        .await;
    supervisor.says.send_modify(|snapshot| {
        snapshot.programs[0].set_state(ProgramState::Stopped);
    });
    stream
        .until("services", |data| data["programs"][0]["state"] == "stopped")
        .await;
    stream
        .until("apps", |data| data["apps"][0]["state"] == "stopped")
        .await;
}

#[tokio::test]
async fn a_lost_neighbour_leaves_stale_values_and_its_successor_is_an_event() {
    let portal = Portal::start().await;
    let supervisor = fakes::supervisor(portal.run_dir(), programs(7));
    let mut stream = portal.stream(&["services", "events"]).await;
    stream
        .until("services", |data| data["programs"][0]["state"] == "running")
        .await;
    supervisor.die().await;
    let stale = stream
        .until("services", |data| data["stale"].is_object())
        .await;
    assert_eq!(stale["stale"]["daemon"], "supervisord");
    assert_eq!(
        stale["programs"][0]["state"], "running",
        "kept, not removed"
    );
    let _successor = fakes::supervisor(portal.run_dir(), programs(8));
    stream
        .until("services", |data| data["stale"].is_null())
        .await;
    stream
        .until("events", |data| {
            let text = data["events"][0]["text"].as_str().unwrap_or_default();
            data["events"][0]["subject"] == "supervisord" && text.contains("another process")
        })
        .await;
}

#[tokio::test]
async fn bootd_tells_why_the_supervisor_was_restarted() {
    let portal = Portal::start().await;
    let bootd = fakes::bootd(
        portal.run_dir(),
        BootSnapshot {
            epoch: 3,
            ..BootSnapshot::default()
        },
    );
    let mut stream = portal.stream(&["boot", "events"]).await;
    stream.until("boot", |data| data["said"].is_object()).await;
    bootd.says.send_modify(|snapshot| {
        snapshot.supervisor = Some(SupervisorLink {
            restarts: 1,
            last_exit: "killed by SIGKILL".to_owned(),
            leftovers_stopped: vec!["jupyter".to_owned()],
            ..SupervisorLink::default()
        });
    });
    let events = stream
        .until("events", |data| {
            data["events"][0]["subject"] == "supervisord"
        })
        .await;
    let text = events["events"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("killed by SIGKILL") && text.contains("jupyter"),
        "{text}"
    );
}

#[tokio::test]
async fn actions_are_carried_out_by_the_supervisor() {
    let portal = Portal::start().await;
    let _supervisor = fakes::supervisor(portal.run_dir(), programs(7));
    let mut stream = portal.stream(&["services", "events"]).await;
    stream
        .until("services", |data| data["programs"][0]["pid"] == 100)
        .await;
    let answer = portal.post("/api/v1/programs/jupyter/restart", &[]).await;
    assert_eq!(
        (answer.status, answer.json()["accepted"].clone()),
        (202, json!(true))
    );
    stream
        .until("services", |data| data["programs"][0]["pid"] == 101)
        .await;
    let answer = portal.post("/supervisor/process/jupyter/stop", &[]).await;
    assert_eq!(
        (answer.status, answer.json()["status"].clone()),
        (200, json!("ok"))
    );
    stream
        .until("services", |data| data["programs"][0]["state"] == "stopped")
        .await;
    // The page itself can be restarted from the page: the supervisor does it.
    let answer = portal
        .post("/api/v1/programs/instance_portal/restart", &[])
        .await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn what_cannot_be_done_is_a_problem_with_its_reason() {
    let portal = Portal::start().await;
    let unreachable = portal.post("/api/v1/programs/jupyter/start", &[]).await;
    assert_eq!(unreachable.status, 503);
    let _supervisor = fakes::supervisor(portal.run_dir(), programs(7));
    portal
        .stream(&["services"])
        .await
        .until("services", |data| data["programs"][0]["pid"] == 100)
        .await;
    let cases = [
        (
            "/api/v1/programs/nobody/start",
            404,
            "no program is named \"nobody\"",
        ),
        (
            "/api/v1/programs/jupyter/explode",
            404,
            "no action is named",
        ),
        ("/api/v1/programs/%20/start", 400, "is not a program name"),
        ("/api/v1/programs/%ff/start", 400, ""),
        (
            "/api/v1/programs/jupyter:*/stop",
            400,
            "is not a program name",
        ),
        ("/api/v1/programs/jupyter/start", 409, "already started"),
        ("/api/v1/programs/caddy/stop", 403, "carries this page"),
        (
            "/api/v1/programs/caddy:caddy/stop",
            403,
            "carries this page",
        ),
        ("/api/v1/programs/proxyd/stop", 403, "carries this page"),
        ("/api/v1/programs/portald/stop", 403, "carries this page"),
        ("/api/v1/programs/tunneld/stop", 403, "carries this page"),
        ("/supervisor/process/proxyd/stop", 403, "carries this page"),
        ("/api/v1/nothing/here", 404, ""),
        ("/health", 405, "does not take POST"),
    ];
    for (path, status, detail) in cases {
        let answer = portal.post(path, &[]).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        let problem = answer.json();
        assert_eq!(problem["status"], status, "{path}");
        let said = problem["detail"].as_str().unwrap();
        assert!(said.contains(detail), "{path}: {said}");
    }
    assert_eq!(portal.get("/api/v1/nothing").await.status, 404);
}

#[tokio::test]
async fn a_page_of_another_origin_can_neither_act_nor_listen() {
    let portal = Portal::start().await;
    let foreign = [
        ("Origin", "https://evil.example"),
        ("X-Forwarded-Host", "h:40001"),
    ];
    let answer = portal.post("/api/v1/programs/jupyter/stop", &foreign).await;
    assert_eq!(answer.status, 403);
    let neighbour_port = [
        ("Origin", "https://h:40002"),
        ("X-Forwarded-Host", "h:40001"),
    ];
    let answer = portal
        .post("/supervisor/process/jupyter/stop", &neighbour_port)
        .await;
    assert_eq!(answer.status, 403);
    let own = [
        ("Origin", "https://h:40001"),
        ("X-Forwarded-Host", "h:40001"),
    ];
    let answer = portal.post("/api/v1/programs/jupyter/stop", &own).await;
    assert_eq!(
        answer.status, 503,
        "passes the guard; there is no supervisor"
    );
    assert!(portal.try_stream("https://evil.example").await.is_err());
}

#[tokio::test]
async fn log_lines_arrive_while_they_are_written_and_bars_replace_themselves() {
    let portal = Portal::start().await;
    portal.log("web", "first\n\x1b[31mred\x1b[0m 10%");
    let mut stream = portal.stream(&["logs"]).await;
    stream
        .until("logs", |data| data["sources"][0]["name"] == "web")
        .await;
    stream
        .ask(&json!({ "sub": [], "log": { "source": "web" } }))
        .await;
    let first = stream.log_line("10%").await;
    assert_eq!(first["r"], json!([[3, "f1"], [4, ""]]));
    portal.log("web", "\rred 20%");
    let second = stream.log_line("20%").await;
    assert_eq!(second["id"], first["id"]);
    portal.log("web", "\n<b>text</b>\n");
    assert_eq!(stream.log_line("<b>").await["t"], "<b>text</b>");
}

#[tokio::test]
async fn a_message_that_makes_no_sense_costs_only_itself() {
    let portal = Portal::start().await;
    let mut stream = portal.stream(&[]).await;
    stream.ask(&json!({ "sub": 5 })).await;
    stream.ask(&json!(["?"])).await;
    stream
        .ask(&json!({ "sub": ["no such topic", "instance"] }))
        .await;
    stream
        .until("instance", |data| data["version"].is_string())
        .await;
}

#[tokio::test]
async fn the_app_list_follows_its_file_and_shows_what_was_refused() {
    let portal = Portal::start().await;
    let mut stream = portal.stream(&["apps"]).await;
    stream
        .until("apps", |data| data["apps"][0]["name"] == "Jupyter")
        .await;
    portal.write_apps(
        "applications:\n  A: {hostname: localhost, external_port: 1, internal_port: 2, open_path: /, name: A}\n  \
         B: {hostname: localhost, external_port: eighty, internal_port: 2, open_path: /, name: B}\n",
    );
    let data = stream
        .until("apps", |data| data["apps"][0]["name"] == "A")
        .await;
    assert_eq!(data["apps"].as_array().unwrap().len(), 1);
    assert!(
        data["problems"][0].as_str().unwrap().contains("eighty"),
        "{data}"
    );
    let told = |text: &String| text.contains("eighty");
    portal.snapshot(|s| s.problems.iter().any(told)).await;
}

#[tokio::test]
async fn the_originals_api_keeps_its_shapes_and_gives_no_token_away() {
    let portal = Portal::start().await;
    let _supervisor = fakes::supervisor(portal.run_dir(), programs(7));
    let mut stream = portal.stream(&["apps"]).await;
    stream
        .until("apps", |data| data["apps"][0]["state"] == "ready")
        .await;
    assert_eq!(
        portal.get("/health").await.json(),
        json!({ "status": "ok" })
    );
    let apps = portal
        .get_with("/get-applications", &[("Cookie", "C.1_auth_token=secret")])
        .await;
    assert_eq!(apps.json()["Jupyter"]["external_port"], 8080);
    assert_eq!(
        apps.json()["Jupyter"]["target_url"],
        "http://localhost:18080"
    );
    assert!(!apps.body.contains("secret") && !apps.body.contains("token"));
    let rows = portal.get("/supervisor/processes").await.json();
    assert_eq!(rows[0]["name"], "jupyter");
    assert_eq!(rows[0]["state"], "RUNNING");
    assert_eq!(rows[2]["unstoppable"], true);
    let metrics = portal.get("/system-metrics").await.json();
    assert!(
        metrics["ram"]["total"]
            .as_u64()
            .is_some_and(|total| total > 0)
    );
    assert_eq!(portal.get("/get-direct-url/x").await.status, 422);
    assert_eq!(portal.get("/get-direct-url/9").await.status, 404);
}

#[tokio::test]
async fn assets_are_compressed_and_cached_by_their_name() {
    let portal = Portal::start().await;
    let page = portal.get("/").await;
    let script = page
        .body
        .split('"')
        .find(|part| part.ends_with(".js") && part.starts_with("/assets/"));
    let plain = portal.get(script.unwrap()).await;
    assert!(plain.header("cache-control").contains("immutable"));
    assert!(plain.header("content-type").starts_with("text/javascript"));
    let etag = page.header("etag");
    let again = portal.get_with("/", &[("If-None-Match", &etag)]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    // Addresses of views are the page; anything else is not found.
    assert_eq!(portal.get("/logs/jupyter").await.body, page.body);
    assert_eq!(portal.get("/../Cargo.toml").await.status, 404);
    let mistyped = portal
        .get_with("/nothing", &[("Accept", "text/html")])
        .await;
    assert_eq!((mistyped.status, mistyped.body), (404, page.body));
}

#[tokio::test]
async fn events_survive_a_restart_of_portald() {
    let mut portal = Portal::start().await;
    let _supervisor = fakes::supervisor(portal.run_dir(), programs(7));
    let mut stream = portal.stream(&["services", "events"]).await;
    stream
        .until("services", |data| data["programs"][0]["pid"] == 100)
        .await;
    portal.post("/api/v1/programs/jupyter/restart", &[]).await;
    stream
        .until("events", |data| data["events"][0]["subject"] == "jupyter")
        .await;
    portal.restart().await;
    let mut stream = portal.stream(&["events"]).await;
    let data = stream
        .until("events", |data| data["events"][0]["subject"] == "jupyter")
        .await;
    let told = data["events"].to_string();
    assert!(told.contains("restart asked for on this page"), "{told}");
}

fn programs(epoch: u64) -> SupervisorSnapshot {
    let names = ["jupyter", "instance_portal", "caddy"];
    SupervisorSnapshot {
        epoch,
        generation: 1,
        programs: names
            .into_iter()
            .map(|name| Program {
                name: name.to_owned(),
                group: name.to_owned(),
                state: ProgramState::Running.into(),
                pid: 100,
                incarnation: 1,
                ..Program::default()
            })
            .collect(),
        ..SupervisorSnapshot::default()
    }
}
