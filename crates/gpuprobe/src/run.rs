//! Puts the parts together and starts them.

use anyhow::Context as _;
use daemon::{Context, Epoch};
use tokio::sync::oneshot;

use crate::{
    nvml::Nvml,
    sampler::{self, Sampler},
    service,
    settings::Settings,
    source::Source,
    watchdog,
};

/// Runs gpuprobe on the NVML library of the settings until it is asked to stop.
///
/// # Errors
/// When the socket cannot be bound or the sampler thread cannot be started.
pub async fn run(settings: Settings, context: Context) -> anyhow::Result<()> {
    let library = settings.library.clone();
    run_with(settings, context, move || Nvml::new(library)).await
}

/// Runs gpuprobe on the source that `make` returns; `make` is called on the sampler thread.
///
/// # Errors
/// When the socket cannot be bound or the sampler thread cannot be started.
pub async fn run_with<S, F>(settings: Settings, context: Context, make: F) -> anyhow::Result<()>
where
    S: Source,
    F: FnOnce() -> S + Send + 'static,
{
    let (pace, problems) = (settings.pace(), context.problems);
    let listener = ipc::Listener::bind(&settings.socket)?;
    let (ended, mut end) = oneshot::channel();
    let sampler =
        Sampler::start(pace, make, ended).context("failed to start the sampler thread")?;
    let stop = context.tasks.stop().clone();
    context.tasks.spawn(
        "watchdog",
        tracing::info_span!("watchdog"),
        watchdog::run(sampler.clone(), pace, stop.clone()),
    );
    tracing::info!(
        socket = %settings.socket.display(),
        library = settings.library,
        version = env!("CARGO_PKG_VERSION"),
        "ready"
    );
    let serving = service::serve(listener, sampler.clone(), Epoch::now(), &problems, stop);
    let served = tokio::select! {
        served = serving => served,
        // Without it the last figures would be shown for ever; a fresh start is the better answer.
        _ = &mut end => anyhow::bail!("the sampler thread has panicked"),
    };
    sampler.stop();
    // Killing a process inside a driver call has frozen cards, so the thread gets time to leave.
    if tokio::time::timeout(sampler::PARTING, end).await.is_err() {
        tracing::warn!("a driver call has not returned; leaving without it");
    }
    served.map_err(Into::into)
}
