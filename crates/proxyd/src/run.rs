//! Puts the parts together and starts them.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use api::proxy::proxy_service_server::ProxyServiceServer;
use daemon::{Context, Epoch, Tasks};
use tokio::sync::watch;
use tracing::info_span;

use crate::{
    account::Sample,
    board::{self, Board, Numbered},
    connection::Front,
    environment,
    failures::Failures,
    feeds::{Feed, Logs},
    gate::Gate,
    room::Room,
    service::Service,
    settings::Settings,
    sites::Sites,
    tls::Tls,
    tunnelled,
    upstream::Upstreams,
};

/// Runs proxyd until it is asked to stop.
///
/// # Errors
/// When the daemon's own socket cannot be bound. Everything else costs only itself.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    let epoch = Epoch::now();
    let listener = ipc::Listener::bind(&settings.socket)?;
    let (variables, file_problem) =
        environment::effective(&context.environment, &settings.environment_file);
    let (feed, programs) = Feed::new();
    let (gate, mut problems) = Gate::open(variables, &settings.state_dir);
    problems.extend(file_problem);
    for problem in &problems {
        tracing::error!(problem, "input refused");
    }
    let tls = Tls::new(
        gate.rules().access.https,
        &settings.certificate,
        &settings.key,
    )
    .context("failed to set up TLS")?;
    let front = Arc::new(Front {
        gate,
        tls,
        upstreams: Upstreams::new(),
        programs,
        logs: Logs::new(&settings.supervisor_socket),
        board: Board::default(),
        failures: Failures::new(),
        room: Room::of_process(settings.max_connections),
        body_timeout: Duration::from_secs(settings.body_timeout),
        sample: Sample::every(settings.access_log_every),
        tasks: context.tasks.clone(),
    });
    let wellness = ipc::Wellness::despite(&context.problems);
    front.board.set_problems("settings", context.problems);
    front.board.set_problems("input", problems);

    let (views, receiver) = watch::channel(Numbered {
        generation: 1,
        view: Arc::new(board::view(&front)),
    });
    let tasks = &context.tasks;
    let sites = Sites::new(front.clone(), settings.clone(), context.environment);
    tasks.spawn("sites", info_span!("sites"), sites.follow());
    start(tasks, "publish", {
        let front = front.clone();
        async move { board::publish(&front, views).await }
    });
    start(tasks, "certificate", {
        let front = front.clone();
        async move { front.tls.follow().await }
    });
    start_tunnelled(tasks, &settings, &front);
    let supervisor = settings.supervisor_socket.clone();
    start(tasks, "supervisord", async move {
        feed.follow(&supervisor).await
    });

    let service = Service {
        epoch,
        views: receiver,
        front,
    };
    let server = ipc::Server::new(api::FILE_DESCRIPTOR_SET)
        .add_service(ProxyServiceServer::new(service))
        .wellness(wellness);
    let stop = tasks.stop().clone();
    let token = stop.token();
    tasks.spawn("grpc", info_span!("grpc"), async move {
        if let Err(error) = server.serve(listener, token).await {
            tracing::error!(error = %error, "gRPC ended");
            stop.request();
        }
    });
    tracing::info!(
        socket = %settings.socket.display(),
        version = env!("CARGO_PKG_VERSION"),
        "proxyd is ready"
    );
    tasks.stop().requested().await;
    Ok(())
}

/// Visitors through a tunnel; without their socket the ports are served as ever.
fn start_tunnelled(tasks: &Tasks, settings: &Settings, front: &Arc<Front>) {
    let listener = match ipc::Listener::bind(&settings.tunnel_socket) {
        Ok(listener) => listener,
        Err(error) => {
            let problem = format!("{error}; nobody can come through a tunnel");
            tracing::error!(problem);
            return front.board.set_problems("tunnel", vec![problem]);
        }
    };
    let own = nix::unistd::Uid::effective().as_raw();
    let uid = settings.tunnel_uid.unwrap_or(own);
    let front = front.clone();
    start(tasks, "tunnelled", async move {
        tunnelled::run(listener, front, uid).await
    });
}

/// Starts work that has no end of its own and nothing to finish.
fn start<F>(tasks: &Tasks, name: &'static str, work: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let stop = tasks.stop().clone();
    tasks.spawn(name, info_span!("part", name), async move {
        tokio::select! {
            () = work => {}
            () = stop.requested() => {}
        }
    });
}
