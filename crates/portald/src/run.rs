//! Puts the parts together and starts them.

use std::future::Future;

use anyhow::Context as _;
use api::portal::portal_service_server::PortalServiceServer;
use daemon::{Context, Epoch, Tasks};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    apps,
    feeds::{self, Supervisor},
    http::{self, Desk},
    hub::{Fact, Hub},
    logs::{self, Store},
    memory::Memory,
    neighbours::Daemon,
    service::Service,
    settings::Settings,
    system,
    world::World,
};

/// Runs portald until its stop is requested.
///
/// # Errors
/// When the page's address or the socket cannot be bound.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    let Context {
        tasks,
        environment,
        problems,
    } = context;
    let epoch = Epoch::now();
    let http = TcpListener::bind(&settings.listen)
        .await
        .with_context(|| format!("failed to serve the page on {}", settings.listen))?;
    let listen = http.local_addr()?.to_string();
    let socket = ipc::Listener::bind(&settings.socket)?;
    let wellness = ipc::Wellness::despite(&problems);

    let world = World::new(
        instance::PortMap::from_variables(&environment),
        problems,
        http::protected(environment.get("PORTAL_UNSTOPPABLE").map(String::as_str)),
    );
    let (hub, published, standing) =
        Hub::new(world, Memory::open(&settings.state_dir, &tasks), epoch);
    let (facts, heard) = mpsc::channel(FACTS);
    let logs = Store::new();
    start_sources(&settings, &tasks, &facts, &logs);
    let stop = tasks.stop().clone();
    tasks.spawn("hub", tracing::info_span!("hub"), hub.run(heard, stop));

    let desk = Desk {
        published,
        facts,
        supervisor: Supervisor::new(&feeds::socket(&settings.sockets, Daemon::Supervisord)),
        logs,
        epoch,
        stop: tasks.stop().clone(),
        web_dir: settings.web_dir.map(std::sync::Arc::new),
    };
    serve_page(http, desk, &tasks);
    let service = Service {
        standing,
        epoch,
        listen: listen.clone(),
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        page = listen,
        socket = %settings.socket.display(),
        "portald ready"
    );
    serve_grpc(socket, service, wellness, &tasks).await
}

/// Starts everything that reports facts.
fn start_sources(settings: &Settings, tasks: &Tasks, facts: &mpsc::Sender<Fact>, logs: &Store) {
    feeds::follow_all(&settings.sockets, tasks, facts);
    let list = apps::follow(settings.portal_yaml.clone(), facts.clone());
    spawn_until_stop("apps", tasks, list);
    let samples = system::follow(settings.workspace.clone(), facts.clone());
    spawn_until_stop("system", tasks, samples);
    let lines = logs::reader::follow(settings.log_dir.clone(), logs.clone(), facts.clone());
    spawn_until_stop("logs", tasks, lines);
}

fn spawn_until_stop(
    name: &'static str,
    tasks: &Tasks,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let stop = tasks.stop().clone();
    tasks.spawn(name, tracing::info_span!("source", name), async move {
        tokio::select! {
            () = work => {}
            () = stop.requested() => {}
        }
    });
}

fn serve_page(listener: TcpListener, desk: Desk, tasks: &Tasks) {
    let stop = tasks.stop().clone();
    let asked = stop.clone();
    let router = http::router(desk);
    tasks.spawn("page", tracing::info_span!("page"), async move {
        let serving = axum::serve(listener, router)
            .with_graceful_shutdown(async move { asked.requested().await });
        let drained = async {
            stop.requested().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            result = async { serving.await } => {
                if let Err(error) = result {
                    tracing::error!(%error, "the page is no longer served");
                }
            }
            // A browser that keeps its connection open does not keep the daemon.
            () = drained => {}
        }
    });
}

async fn serve_grpc(
    socket: ipc::Listener,
    service: Service,
    wellness: ipc::Wellness,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    let server = ipc::Server::new(api::FILE_DESCRIPTOR_SET)
        .wellness(wellness)
        .add_service(PortalServiceServer::new(service));
    Ok(server.serve(socket, tasks.stop().token()).await?)
}

const FACTS: usize = 64;
const DRAIN: std::time::Duration = std::time::Duration::from_millis(500);
