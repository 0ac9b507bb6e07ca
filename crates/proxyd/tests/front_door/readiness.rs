//! What people and programs see while an app is away.

use std::pin::Pin;

use api::supervisor::{self as sup, supervisor_service_server as server};
use daemon::{Stop, Tasks};
use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::{
    backend::{Backend, closed},
    door::{LIMIT, Plan, TOKEN},
};

#[tokio::test(flavor = "multi_thread")]
async fn people_get_a_page_that_waits_and_programs_a_502() {
    let (_reserved, port) = closed();
    let door = Plan::new().app("Comfy & Co", port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = ("Authorization", bearer.as_str());
    let html = ("Accept", "text/html");

    assert_eq!(door.ask(0, "GET /", &[html]).await.status, 401);
    let page = door.ask(0, "GET /", &[auth, html]).await;
    assert_eq!(page.status, 502);
    assert_eq!(page.header("x-portal-placeholder"), Some("true"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(
        page.body.contains("Comfy &amp; Co is not ready"),
        "{}",
        page.body
    );
    assert!(page.body.contains("/.berth/not-ready.js"));

    let program = door.ask(0, "POST /api", &[auth]).await;
    assert_eq!(program.status, 502);
    assert_eq!(program.header("x-portal-placeholder"), Some("true"));
    assert_eq!(program.header("retry-after"), Some("2"));
    assert_eq!(
        program.header("content-type"),
        Some("application/problem+json")
    );

    // The link still logs in, whatever the app does.
    let link = door.ask(0, &format!("GET /?token={TOKEN}"), &[]).await;
    assert_eq!(link.status, 502);
    assert!(link.header("set-cookie").is_some());
    let snapshot = door.wait(|s| s.routes[0].requests_5xx == 3).await;
    assert_eq!(
        snapshot.routes[0].upstream(),
        api::proxy::UpstreamState::Refused
    );
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_comes_up_is_reached_at_once() {
    let (_reserved, port) = closed();
    let door = Plan::new().app("A", port).start().await;
    let bearer = format!("Bearer {TOKEN}");
    let auth = [("Authorization", bearer.as_str())];
    assert_eq!(door.ask(0, "GET /", &auth).await.status, 502);
    let backend = Backend::echo().await;
    door.write_apps(&[("A".to_owned(), door.ports[0], backend.port, "a")]);
    door.wait(|s| s.routes[0].upstream_port == u32::from(backend.port))
        .await;
    assert_eq!(door.ask(0, "GET /", &auth).await.status, 200);
    door.wait(|s| s.routes[0].upstream() == api::proxy::UpstreamState::Reached)
        .await;
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_what_supervisord_knows_and_its_absence_is_named() {
    let (_reserved, port) = closed();
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("supervisord.sock");
    let door = Plan::new()
        .supervisor(socket.clone())
        .app("A", port)
        .start()
        .await;
    let missed = |s: &api::proxy::ProxySnapshot| {
        s.problems
            .iter()
            .any(|problem| problem.contains("supervisord does not answer"))
    };
    door.wait(missed).await;

    let listener = ipc::Listener::bind(&socket).unwrap();
    let (sender, receiver) = watch::channel(starting("jupyter"));
    let fake = Tasks::new(Stop::new());
    let stop = fake.stop().token();
    fake.spawn("supervisord", tracing::Span::none(), async move {
        let service = server::SupervisorServiceServer::new(Supervisor(receiver));
        let server = ipc::Server::new(api::FILE_DESCRIPTOR_SET).add_service(service);
        server.serve(listener, stop).await.unwrap();
    });
    door.wait(|s| !missed(s)).await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Accept", "text/html")];
    let page = door.ask(0, "GET /", &headers).await;
    assert!(
        page.body.contains("Its program jupyter is starting"),
        "{}",
        page.body
    );

    // What failed shows why, to people and to programs.
    let mut failed = starting("jupyter");
    failed.programs[0].state = sup::ProgramState::Fatal.into();
    sender.send_replace(failed);
    let told = async {
        loop {
            let page = door.ask(0, "GET /", &headers).await;
            if page.body.contains("could not be started") {
                break page;
            }
        }
    };
    let told = tokio::time::timeout(LIMIT, told).await;
    let page = told.expect("the state in time");
    assert!(
        page.body
            .contains("<pre id=\"log\">Traceback &lt;most recent&gt;\nImportError: x</pre>"),
        "{}",
        page.body
    );
    let told = door.ask(0, "GET /", &headers[..1]).await;
    let told: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(
        (&told["app"], &told["state"], &told["log"][1]),
        (&"A".into(), &"FATAL".into(), &"ImportError: x".into())
    );

    fake.stop().request();
    drop(sender);
    door.wait(missed).await;
    door.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisord_that_has_not_answered_yet_is_no_problem() {
    let (_reserved, port) = closed();
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("supervisord.sock");
    // Takes the connection and is still busy.
    let _busy = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let plan = Plan::new().supervisor(socket).app("A", port);
    let door = plan.start().await;
    assert_eq!(door.snapshot().await.problems, Vec::<String>::new());
    door.stop().await;
}

/// A supervisord that tells what a test lets it tell, until the test drops the sender.
struct Supervisor(watch::Receiver<sup::SupervisorSnapshot>);

fn starting(name: &str) -> sup::SupervisorSnapshot {
    let program = sup::Program {
        name: name.to_owned(),
        state: sup::ProgramState::Starting.into(),
        ..sup::Program::default()
    };
    sup::SupervisorSnapshot {
        programs: vec![program],
        ..sup::SupervisorSnapshot::default()
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn not_here<T>() -> Answer<T> {
    Err(Status::unimplemented("not in this test"))
}

#[tonic::async_trait]
impl server::SupervisorService for Supervisor {
    type WatchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<sup::WatchSnapshotResponse, Status>> + Send>>;
    type TailLogStream = Pin<Box<dyn Stream<Item = Result<sup::TailLogResponse, Status>> + Send>>;

    async fn watch_snapshot(
        &self,
        _: Request<sup::WatchSnapshotRequest>,
    ) -> Answer<Self::WatchSnapshotStream> {
        Ok(Response::new(ipc::watch_stream(
            self.0.clone(),
            |snapshot| sup::WatchSnapshotResponse {
                snapshot: Some(snapshot),
            },
        )))
    }
    async fn get_snapshot(
        &self,
        _: Request<sup::GetSnapshotRequest>,
    ) -> Answer<sup::GetSnapshotResponse> {
        not_here()
    }
    async fn start_program(
        &self,
        _: Request<sup::StartProgramRequest>,
    ) -> Answer<sup::StartProgramResponse> {
        not_here()
    }
    async fn stop_program(
        &self,
        _: Request<sup::StopProgramRequest>,
    ) -> Answer<sup::StopProgramResponse> {
        not_here()
    }
    async fn restart_program(
        &self,
        _: Request<sup::RestartProgramRequest>,
    ) -> Answer<sup::RestartProgramResponse> {
        not_here()
    }
    async fn signal_program(
        &self,
        _: Request<sup::SignalProgramRequest>,
    ) -> Answer<sup::SignalProgramResponse> {
        not_here()
    }
    async fn reread(&self, _: Request<sup::RereadRequest>) -> Answer<sup::RereadResponse> {
        not_here()
    }
    async fn update(&self, _: Request<sup::UpdateRequest>) -> Answer<sup::UpdateResponse> {
        not_here()
    }
    async fn write_stdin(
        &self,
        _: Request<sup::WriteStdinRequest>,
    ) -> Answer<sup::WriteStdinResponse> {
        not_here()
    }
    async fn clear_logs(
        &self,
        _: Request<sup::ClearLogsRequest>,
    ) -> Answer<sup::ClearLogsResponse> {
        not_here()
    }
    async fn get_resources(
        &self,
        _: Request<sup::GetResourcesRequest>,
    ) -> Answer<sup::GetResourcesResponse> {
        not_here()
    }
    async fn reexec(&self, _: Request<sup::ReexecRequest>) -> Answer<sup::ReexecResponse> {
        not_here()
    }
    async fn tail_log(&self, asked: Request<sup::TailLogRequest>) -> Answer<Self::TailLogStream> {
        assert_eq!(asked.into_inner().name, "jupyter");
        let data = b"Traceback <most recent>\n\nImportError: x\n".to_vec();
        let lines = tokio_stream::once(Ok(sup::TailLogResponse { data }));
        Ok(Response::new(Box::pin(lines)))
    }
}
