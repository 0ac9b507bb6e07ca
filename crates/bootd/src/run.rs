//! From the command line to the exit code.

use std::{
    io,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use daemon::{
    Exit,
    settings::{Loaded, Sources},
    telemetry::{self, Logs, Telemetry},
};
use instance::Variables;
use nix::sys::prctl::set_child_subreaper;
use tokio_util::sync::CancellationToken;

use ipc::Wellness;

use crate::{
    board::Board,
    cli::{Arguments, Command, HELP},
    facts::Facts,
    init::{Handle, Init},
    plan::{Plan, plan},
    sequence::Sequence,
    service,
    settings::Settings,
    shutdown::SERVICE_END,
    system::{Children, Disk, FileLimit, Signals},
};

/// Runs bootd from its command line to its exit code.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = Arguments::parse(
        std::env::args_os()
            .skip(1)
            .map(|argument| argument.to_string_lossy().into_owned()),
    );
    let environment = Environment::read();
    match arguments.command {
        Command::Help => print(HELP),
        Command::Version => print(concat!("bootd ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Check => return check(&arguments, &environment.variables),
        Command::PrintConfig => match load(&arguments, &environment.variables) {
            Ok(loaded) => print(&format!("{}\n", loaded.describe())),
            Err(error) => return refuse(&error),
        },
        Command::Plan => {
            let (settings, _) = settings(&arguments, &environment.variables);
            let disk = Disk::at(&settings.root);
            let facts = Facts::read(&disk, &settings, environment.variables, arguments.options);
            print(&plan(&facts, &settings.boot_dir).to_string());
        }
        Command::Boot => return boot(arguments, environment, started),
    }
    Exit::Clean.into()
}

/// The environment bootd was started with.
struct Environment {
    variables: Variables,
    /// Names of variables that are no valid text; what cannot be read in them was replaced.
    damaged: Vec<String>,
}

impl Environment {
    fn read() -> Self {
        let mut damaged = Vec::new();
        let variables = std::env::vars_os().map(|(name, value)| {
            let text = name.to_string_lossy().into_owned();
            if name.to_str().is_none() || value.to_str().is_none() {
                damaged.push(text.clone());
            }
            (text, value.to_string_lossy().into_owned())
        });
        let variables = variables.collect();
        Self { variables, damaged }
    }
}

fn boot(arguments: Arguments, environment: Environment, started: Instant) -> ExitCode {
    // Before any other thread exists, so that all of them inherit the mask.
    let signals = match Signals::block_all() {
        Ok(signals) => signals,
        Err(error) => return give_up(&format!("failed to read signals: {error}")),
    };
    let (settings, problems) = settings(&arguments, &environment.variables);
    if UnixStream::connect(&settings.socket).is_ok() {
        let socket = settings.socket.display();
        return give_up(&format!("another bootd answers on {socket}; it goes on"));
    }
    let _logs = install_telemetry(&settings, &environment.variables);
    let disk = Disk::at(&settings.root);
    let facts = Facts::read(&disk, &settings, environment.variables, arguments.options);
    if !facts.is_init
        && let Err(error) = set_child_subreaper(true)
    {
        tracing::error!(%error, "cannot adopt orphans; those of programs go to another init");
    }
    let plan = plan(&facts, &settings.boot_dir);
    let board = Board::new(&plan, started);
    for problem in &problems {
        board.mistake("settings", problem.clone());
    }
    for name in environment.damaged {
        board.notice(name, "is not valid UTF-8; the invalid bytes were replaced");
    }
    let wellness = Wellness::despite(&problems);
    let boot = Boot {
        plan,
        settings,
        environment: facts.environment,
        board,
        disk,
        wellness,
    };
    match boot.run(signals) {
        Ok(code) => {
            tracing::info!(code, ran = ?started.elapsed(), "bootd stopped");
            code.into()
        }
        Err(error) => {
            tracing::error!(%error, "failed to open an event descriptor");
            Exit::Failed.into()
        }
    }
}

/// What the threads are made from.
struct Boot {
    plan: Plan,
    settings: Settings,
    environment: Variables,
    board: Board,
    disk: Disk,
    wellness: Wellness,
}

impl Boot {
    /// Starts the other threads and is the init until the instance has ended; gives the exit code.
    fn run(self, signals: Signals) -> io::Result<u8> {
        let files = FileLimit::lift();
        if let Err(error) = files {
            tracing::warn!(%error, "the limit of open files stays; fewer programs can be kept");
        }
        let children = Arc::new(Children::new(files.ok()));
        let init = Init::new(
            signals,
            Arc::clone(&children),
            self.board.clone(),
            self.settings.supervisor.clone(),
        )?;
        let socket = self.settings.socket.clone();
        let service = Service::start(&self.board, init.handle(), socket, self.wellness);
        let sequence = Sequence {
            plan: self.plan,
            settings: self.settings,
            environment: self.environment,
            board: self.board.clone(),
            init: init.handle(),
            children,
            disk: self.disk,
        };
        start_thread("boot", &self.board, || sequence.run());
        let code = init.run();
        service.stop();
        Ok(code)
    }
}

/// The thread of the gRPC service.
struct Service {
    stop: CancellationToken,
    ended: mpsc::Receiver<()>,
}

impl Service {
    fn start(board: &Board, init: Handle, socket: PathBuf, wellness: Wellness) -> Self {
        let stop = CancellationToken::new();
        let (sender, ended) = mpsc::channel();
        let (token, notices) = (stop.clone(), board.clone());
        start_thread("boot-service", board, move || {
            // Dropped when the thread ends, however it does.
            let _sender = sender;
            let runtime = match daemon::runtime() {
                Ok(runtime) => runtime,
                Err(error) => {
                    notices.notice("bootd.sock", format!("failed to start a runtime: {error}"));
                    return;
                }
            };
            let served = service::serve(notices.clone(), init, &socket, wellness, token);
            if let Err(error) = runtime.block_on(served) {
                notices.notice("bootd.sock", error);
            }
            runtime.shutdown_background();
        });
        Self { stop, ended }
    }

    /// Ends the service and waits a moment for it, so that its socket is removed.
    fn stop(self) {
        self.stop.cancel();
        let _ = self.ended.recv_timeout(SERVICE_END);
    }
}

/// Starts a thread whose panic costs only itself and is told.
fn start_thread(name: &'static str, board: &Board, body: impl FnOnce() + Send + 'static) {
    let told = board.clone();
    let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let body = std::panic::AssertUnwindSafe(body);
        if std::panic::catch_unwind(body).is_err() {
            told.notice(name, "this part of bootd has failed; see bootd's log");
        }
    });
    if let Err(error) = started {
        board.notice(name, format!("failed to start a thread: {error}"));
    }
}

fn install_telemetry(settings: &Settings, environment: &Variables) -> Logs {
    let file = match environment.get("BERTH_LOG_DIR").map(String::as_str) {
        Some("") => None,
        Some(dir) => Some(PathBuf::from(dir).join("bootd.log")),
        None => Some(settings.root.join("var/log/berth/bootd.log")),
    };
    telemetry::install(&Telemetry {
        filter: environment
            .get("BERTH_LOG")
            .map_or_else(|| "info".to_owned(), Clone::clone),
        file,
    })
}

/// Settings to boot with: unreadable ones are no reason to leave a machine without an init.
fn settings(arguments: &Arguments, environment: &Variables) -> (Settings, Vec<String>) {
    match load(arguments, environment) {
        Ok(loaded) => (loaded.settings, loaded.problems),
        Err(error) => (Settings::default(), vec![error]),
    }
}

fn load(arguments: &Arguments, environment: &Variables) -> Result<Loaded<Settings>, String> {
    daemon::settings::load(&Sources {
        daemon: "bootd",
        required: arguments.config.is_some(),
        file: arguments
            .config
            .clone()
            .unwrap_or_else(|| "/etc/berth/bootd.toml".into()),
        environment: environment.clone(),
        flags: arguments.set.clone(),
    })
}

fn check(arguments: &Arguments, environment: &Variables) -> ExitCode {
    match load(arguments, environment) {
        Ok(loaded) if loaded.problems.is_empty() => Exit::Clean.into(),
        Ok(loaded) => refuse(&loaded.problems.join("\n")),
        Err(error) => refuse(&error),
    }
}

#[expect(clippy::print_stderr, reason = "logging does not exist yet")]
fn give_up(error: &str) -> ExitCode {
    eprintln!("bootd: {error}");
    Exit::Failed.into()
}

#[expect(clippy::print_stderr, reason = "the answer to a wrong command line")]
fn refuse(error: &str) -> ExitCode {
    eprintln!("bootd: {error}");
    Exit::Usage.into()
}

#[expect(
    clippy::print_stdout,
    reason = "the answer to a question of the command line"
)]
fn print(text: &str) {
    print!("{text}");
}
