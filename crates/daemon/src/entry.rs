//! The order in which a daemon starts and ends.

use std::{
    collections::BTreeMap, future::Future, path::PathBuf, process::ExitCode, time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

use crate::{
    Exit, Outcome, Settings, Stop, Tasks,
    settings::{self, Loaded, Sources},
    telemetry::{self, Telemetry},
};

/// Fixed facts about a daemon.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Name of the program, its settings file and its log.
    pub name: &'static str,
    /// Version of the program, `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// One sentence for `--help`.
    pub purpose: &'static str,
}

/// What a daemon's `run` is given besides its settings.
#[derive(Debug)]
pub struct Context {
    /// Starts the daemon's tasks and knows when to stop.
    pub tasks: Tasks,
    /// The environment at start; nothing below reads it again.
    pub environment: BTreeMap<String, String>,
    /// Settings that were not understood. They are ignored, logged, and degrade the health.
    pub problems: Vec<String>,
}

/// Runs a daemon from its command line to its exit code.
///
/// Flags: `--config FILE`, `--set KEY=VALUE`, `--check`, `--print-config`, `--version`, `--help`.
pub fn main<S, F, Fut>(about: About, run: F) -> ExitCode
where
    S: Settings,
    F: FnOnce(S, Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let matches = command(about).get_matches();
    let environment = environment();
    let loaded = match settings::load::<S>(&sources(about, &matches, &environment)) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(about, &error),
    };
    if matches.get_flag("check") {
        return check(about, &loaded);
    }
    if matches.get_flag("print-config") {
        print(&loaded.describe());
        return Exit::Clean.into();
    }
    let _logs = telemetry::install(&Telemetry {
        filter: environment
            .get("BERTH_LOG")
            .map_or_else(|| "info".to_owned(), Clone::clone),
        file: log_file(about, &environment),
    });
    for problem in &loaded.problems {
        tracing::error!(problem, "setting refused, its default is used");
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "failed to start the runtime");
            return Exit::Failed.into();
        }
    };
    run_on(runtime, serve(about, loaded, environment, run)).into()
}

/// Blocking work, such as the look-up of a name, takes as long as it likes and is not waited for:
/// the tasks have had their time.
fn run_on<T>(runtime: Runtime, daemon: impl Future<Output = T>) -> T {
    let result = runtime.block_on(daemon);
    runtime.shutdown_background();
    result
}

async fn serve<S, F, Fut>(
    about: About,
    loaded: Loaded<S>,
    environment: BTreeMap<String, String>,
    run: F,
) -> Exit
where
    S: Settings,
    F: FnOnce(S, Context) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let stop = Stop::new();
    let tasks = Tasks::new(stop.clone());
    watch_signals(&tasks);
    let context = Context {
        tasks: tasks.clone(),
        environment,
        problems: loaded.problems,
    };
    let started = std::time::Instant::now();
    let result = tokio::select! {
        result = Box::pin(run(loaded.settings, context)) => result,
        () = stop.pressed() => Ok(()),
    };
    stop.request();
    let outcome = tasks.shut_down(GRACE).await;
    let ran = started.elapsed();
    match (result, outcome) {
        (Err(error), _) => {
            tracing::error!(error = format!("{error:#}"), ?ran, "{} gave up", about.name);
            Exit::Failed
        }
        (Ok(()), Outcome::Drained) => {
            tracing::info!(?ran, "{} stopped", about.name);
            Exit::Clean
        }
        (Ok(()), Outcome::Abandoned(_)) => Exit::Abandoned,
    }
}

/// The runtime of a daemon: two workers, whatever the machine shows.
///
/// A rented container sees every core of its host and may use a few of them.
///
/// # Errors
/// When the operating system refuses threads or descriptors.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()
}

/// The first signal asks to end, every further one presses.
fn watch_signals(tasks: &Tasks) {
    let stop = tasks.stop().clone();
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("cannot listen for signals");
        return;
    };
    // Not one of `Tasks`: it lives until the process ends, to hear the second signal.
    #[expect(
        clippy::disallowed_methods,
        reason = "must outlive the drain of all other tasks"
    )]
    drop(tokio::spawn(async move {
        let mut heard = false;
        loop {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            if heard {
                tracing::warn!("asked again to stop; nothing is waited for");
                stop.press();
            }
            heard = true;
            stop.request();
        }
    }));
}

fn command(about: About) -> Command {
    Command::new(about.name)
        .version(about.version)
        .about(about.purpose)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help(format!(
                    "Settings file [default: /etc/berth/{}.toml]",
                    about.name
                )),
        )
        .arg(
            Arg::new("set")
                .long("set")
                .value_name("KEY=VALUE")
                .action(ArgAction::Append)
                .help("Sets one setting, over file and environment"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Lists every mistake in the settings and exits"),
        )
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Prints the effective settings with their origin and exits"),
        )
}

/// The environment as text; names or values that are not UTF-8 are replaced lossily.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect()
}

fn sources(about: About, matches: &ArgMatches, environment: &BTreeMap<String, String>) -> Sources {
    let file = matches.get_one::<PathBuf>("config").cloned();
    Sources {
        daemon: about.name,
        required: file.is_some(),
        file: file.unwrap_or_else(|| PathBuf::from(format!("/etc/berth/{}.toml", about.name))),
        environment: environment.clone(),
        flags: matches
            .get_many::<String>("set")
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    }
}

fn log_file(about: About, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    match environment.get("BERTH_LOG_DIR").map(String::as_str) {
        Some("") => None,
        Some(dir) => Some(PathBuf::from(dir).join(format!("{}.log", about.name))),
        None => Some(PathBuf::from(format!("/var/log/berth/{}.log", about.name))),
    }
}

fn check<S>(about: About, loaded: &Loaded<S>) -> ExitCode {
    if loaded.problems.is_empty() {
        return Exit::Clean.into();
    }
    refuse(about, &loaded.problems.join("\n"))
}

#[expect(clippy::print_stderr, reason = "logging does not exist yet")]
fn refuse(about: About, error: &str) -> ExitCode {
    eprintln!("{}: {error}", about.name);
    Exit::Usage.into()
}

#[expect(clippy::print_stdout, reason = "the answer to --print-config")]
fn print(text: &str) {
    println!("{text}");
}

/// How long tasks may take to end once asked. Part of the shutdown budget in ARCHITECTURE.md.
const GRACE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    fn terminate_myself() {
        let me = std::process::id().to_string();
        let sent = std::process::Command::new("kill").arg(me).status();
        assert!(sent.unwrap().success());
    }

    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_presses() {
        let tasks = Tasks::new(Stop::new());
        watch_signals(&tasks);
        terminate_myself();
        tasks.stop().requested().await;
        // A daemon that ends in order asks once more by itself.
        tasks.stop().request();
        let pressed = tokio::time::timeout(Duration::ZERO, tasks.stop().pressed()).await;
        assert!(pressed.is_err());
        terminate_myself();
        tasks.stop().pressed().await;
    }

    #[test]
    fn a_blocking_task_does_not_hold_the_end() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        run_on(runtime().unwrap(), async move {
            tokio::task::spawn_blocking(move || held.recv());
        });
        drop(release);
    }
}
