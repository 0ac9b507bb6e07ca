//! Puts the parts together and starts them.

use daemon::{Context, Epoch};
use tracing::info_span;

use crate::{apps, facts::Facts, http_api, service, settings::Settings, state::Desk};

/// Runs tunneld until it is asked to stop.
///
/// # Errors
/// When the socket cannot be bound.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    let problems = context.problems;
    let facts = Facts::from_variables(&context.environment);
    let listener = ipc::Listener::bind(&settings.socket)?;
    let desk = Desk::new(facts, problems.clone());
    log_once(&desk);
    let stop = context.tasks.stop().clone();
    apps::read(&settings.portal_yaml, &desk);
    context.tasks.spawn(
        "portal.yaml",
        info_span!("apps"),
        apps::follow(settings.portal_yaml.clone(), desk.clone(), stop.clone()),
    );
    context.tasks.spawn(
        "http",
        info_span!("http"),
        http_api::serve(settings.listen.clone(), desk.clone(), stop.clone()),
    );
    tracing::info!(
        socket = %settings.socket.display(),
        listen = settings.listen,
        version = env!("CARGO_PKG_VERSION"),
        "ready"
    );
    service::serve(listener, desk, Epoch::now(), &problems, stop).await?;
    Ok(())
}

/// What a person should find in the log once, and not with every request.
fn log_once(desk: &Desk) {
    tracing::info!("no relay is configured; direct links and SSH forwardings are offered");
    let state = desk.state();
    for notice in state.notices() {
        tracing::warn!(notice, "notice");
    }
    for problem in state.problems() {
        tracing::warn!(problem, "input refused");
    }
}
