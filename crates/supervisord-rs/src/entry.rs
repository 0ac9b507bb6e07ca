//! The order in which supervisord starts and ends.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use api::supervisor::supervisor_service_server::SupervisorServiceServer;
use daemon::{Epoch, Exit, Outcome, Stop, Tasks};
use nix::unistd::Uid;
use tokio::sync::mpsc;
use tracing::{info, info_span, warn};

use crate::{
    BOOTD_FD, SUPERVISOR_VERSION,
    config::{Config, DaemonSection, LogLevel, search_paths},
    driver::{Driver, Handle, Parts, introduce},
    logs::{Destinations, Files, MainLog, Outlets},
    options::{Mode, Options},
    pid_file::PidFile,
    process::{self, Custody, FileLimit, Held, Side, Starting},
    rpc::Servers,
    service::Service,
    signals::Signals,
    telemetry,
};

/// Runs supervisord from its command line to its exit code: 0 after any ordered end, 2 for a wrong
/// command line or configuration, 1 when it could not start otherwise.
pub fn main() -> ExitCode {
    process::prepare();
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<_> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let inherited: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    let own_home = inherited.get(OsStr::new("HOME")).map(Path::new);
    let options = match Options::parse(&arguments, own_home) {
        Ok(options) => options,
        Err(error) => return usage(&error),
    };
    match options.mode {
        Mode::Version => return say(SUPERVISOR_VERSION),
        Mode::Help => return say(HELP),
        Mode::Run | Mode::Check => {}
    }
    let file = match options.configuration.clone() {
        Some(file) => file,
        None => match find_configuration(Path::new(&program)) {
            Ok(file) => file,
            Err(error) => return usage(&error),
        },
    };
    if options.mode == Mode::Check {
        return check(&file, &inherited);
    }
    let mut config = match Config::load(&file, &inherited) {
        Ok(config) => config,
        Err(error) => return usage(&error.to_string()),
    };
    options.apply(&mut config.daemon);
    let side = match config.daemon.nodaemon {
        true => Ok(Side::Child(Starting::here())),
        false => process::fork_away(),
    };
    match side {
        Ok(Side::Parent { code }) => code.into(),
        Ok(Side::Child(starting)) => start(config, options, inherited, starting),
        Err(error) => usage(&format!("could not go to the background: {error}")),
    }
}

/// Everything that is done by the process that stays.
fn start(
    mut config: Config,
    options: Options,
    inherited: BTreeMap<OsString, OsString>,
    starting: Starting,
) -> ExitCode {
    if let Err(error) = become_user(&config.daemon) {
        return usage(&error);
    }
    let files = match raise_limits(&mut config) {
        Ok(files) => files,
        Err(error) => return usage(&error),
    };
    telemetry::install(&readable(&inherited));
    match daemon::runtime() {
        Ok(runtime) => {
            let exit = runtime.block_on(run(config, options, inherited, files, starting));
            // A task that is stuck in a file system that hangs is not waited for.
            runtime.shutdown_background();
            exit
        }
        Err(error) => usage(&format!("failed to start the runtime: {error}")),
    }
}

/// Names and values as text, for the variables that we ourselves know.
fn readable(inherited: &BTreeMap<OsString, OsString>) -> BTreeMap<String, String> {
    let text = |value: &OsString| value.to_string_lossy().into_owned();
    let pairs = inherited
        .iter()
        .map(|(name, value)| (text(name), text(value)));
    pairs.collect()
}

/// Raises what the configuration wants raised. As in the original that is after we became another
/// account, whose rights decide.
fn raise_limits(config: &mut Config) -> Result<FileLimit, String> {
    let (files, more_files) = process::raise_file_limit(config.daemon.minfds)?;
    let more_processes = process::raise_process_limit(config.daemon.minprocs)?;
    let remarks = more_files.into_iter().chain(more_processes);
    config
        .remarks
        .extend(remarks.map(|text| (LogLevel::Info, text)));
    Ok(files)
}

/// Goes to another account, if so configured.
fn become_user(daemon: &DaemonSection) -> Result<(), String> {
    let Some(name) = &daemon.user else {
        return Ok(());
    };
    let account = nix::unistd::User::from_name(name).ok().flatten();
    let account = account.ok_or_else(|| format!("Can't find username {name}"))?;
    if account.uid == Uid::current() {
        return Ok(());
    }
    if !Uid::current().is_root() {
        return Err("Can't drop privilege as nonroot user".to_owned());
    }
    let groups = std::ffi::CString::new(name.as_str())
        .ok()
        .and_then(|name| nix::unistd::getgrouplist(&name, account.gid).ok())
        .unwrap_or_else(|| vec![account.gid]);
    nix::unistd::setgroups(&groups)
        .and_then(|()| nix::unistd::setgid(account.gid))
        .and_then(|()| nix::unistd::setuid(account.uid))
        .map_err(|error| format!("could not become {name}: {error}"))
}

async fn run(
    config: Config,
    options: Options,
    inherited: BTreeMap<OsString, OsString>,
    files: FileLimit,
    starting: Starting,
) -> ExitCode {
    let environment = readable(&inherited);
    let epoch = Epoch::now().micros();
    let stop = Stop::new();
    let tasks = Tasks::new(stop.clone());
    let (signals, outlets) = match (Signals::listen(), Outlets::start()) {
        (Ok(signals), Ok(outlets)) => (signals, outlets),
        (Err(error), _) | (_, Err(error)) => return refuse(&error.to_string()).into(),
    };
    let log = MainLog::open(&config.daemon, &outlets);
    introduce(&config, &log);
    let (custody, kept) = take_over(&environment, epoch).await;
    let (bootd, held) = kept.unzip();
    let (reopen, reopened) = mpsc::channel(1);
    let (driver, handle) = Driver::new(Parts {
        config: config.clone(),
        inherited,
        files,
        destinations: Destinations {
            outlets: outlets.clone(),
            files: Files::default(),
            log: log.clone(),
        },
        tasks: tasks.clone(),
        custody,
        bootd,
        held: held.unwrap_or_default(),
        state_dir: directory(
            &environment,
            "SUPERVISORD_STATE_DIR",
            "/var/lib/berth/supervisord",
        ),
        cgroup_dir: directory(&environment, "SUPERVISORD_CGROUP_DIR", "/sys/fs/cgroup"),
        epoch,
        overrides: options,
        servers: reopen,
    });
    match Servers::open(&config, &handle, &log, &tasks).await {
        Ok(servers) => tasks.spawn(
            "http servers",
            info_span!("http servers"),
            servers.follow(reopened),
        ),
        Err(error) => return refuse(&error).into(),
    }
    open_grpc(&config, &environment, &handle, &log, &tasks);
    // As in the original the servers are open by then, and the pid file comes after.
    let daemon = &config.daemon;
    if let Err(error) = starting.ready(daemon.directory.as_deref(), daemon.umask, &log) {
        return refuse(&format!("could not go to the background: {error}")).into();
    }
    let pid_file = PidFile::write(&config.daemon, &log);
    info!(version = SUPERVISOR_VERSION, config = %config.file.display(), "supervisord is ready");
    let code = driver.run(signals, pid_file).await;
    stop.request();
    let outcome = tasks.shut_down(GRACE).await;
    outlets.stdout().flush(FLUSH);
    match outcome {
        Outcome::Drained => info!("supervisord stopped"),
        // The exit code stays 0, as every client of the original expects after a shutdown.
        Outcome::Abandoned(left) => warn!(?left, "supervisord stopped and left tasks behind"),
    }
    ExitCode::from(code)
}

/// Greets bootd, if it is our parent, and takes over what it kept.
async fn take_over(
    environment: &BTreeMap<String, String>,
    epoch: u64,
) -> (Option<Custody>, Option<(u64, Vec<Held>)>) {
    let Some(value) = environment.get(BOOTD_FD) else {
        info!("no channel to bootd; programs do not survive us");
        return (None, None);
    };
    let custody = match Custody::adopt(value) {
        Ok(custody) => custody,
        Err(error) => {
            warn!(%error, "no channel to bootd");
            return (None, None);
        }
    };
    match tokio::time::timeout(GREETING, custody.greet(epoch)).await {
        Ok(Ok((bootd, held))) => {
            info!(bootd, held = held.len(), "bootd has answered");
            (Some(custody), Some((bootd, held)))
        }
        Ok(Err(error)) => {
            warn!(%error, "bootd does not answer; programs do not survive us");
            (None, None)
        }
        Err(_) => {
            warn!("bootd does not answer in time; programs do not survive us");
            (None, None)
        }
    }
}

fn directory(environment: &BTreeMap<String, String>, name: &str, default: &str) -> PathBuf {
    PathBuf::from(environment.get(name).map_or(default, String::as_str))
}

/// Opens the gRPC socket. Without it the programs still run, so a failure is only told.
fn open_grpc(
    config: &Config,
    environment: &BTreeMap<String, String>,
    handle: &Handle,
    log: &MainLog,
    tasks: &Tasks,
) {
    let path = environment
        .get("SUPERVISORD_SOCKET")
        .map(PathBuf::from)
        .or_else(|| config.daemon.socket.clone())
        .unwrap_or_else(|| Path::new(ipc::RUN_DIR).join("supervisord.sock"));
    let listener = match ipc::Listener::bind(&path) {
        Ok(listener) => listener,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|e| format!(": {e}"));
            return log.error(&format!("no gRPC: {error}{}", cause.unwrap_or_default()));
        }
    };
    let service = Service::new(handle.clone(), tasks.clone());
    let server = ipc::Server::new(api::FILE_DESCRIPTOR_SET)
        .add_service(SupervisorServiceServer::new(service));
    let (handle, log, stop) = (handle.clone(), log.clone(), tasks.stop().token());
    tasks.spawn("grpc server", info_span!("grpc"), async move {
        handle.begun().await;
        if let Err(error) = server.serve(listener, stop).await {
            log.error(&format!("gRPC ended: {error}"));
        }
    });
}

fn find_configuration(program: &Path) -> Result<PathBuf, String> {
    if Uid::current().is_root() {
        complain(
            "supervisord runs as root and looks for its configuration in several places, among \
             them the current directory; give an absolute path with -c to be safe",
        );
    }
    let searched = search_paths(program);
    let found = searched.iter().find(|path| path.exists());
    found.cloned().ok_or_else(|| {
        let searched: Vec<_> = searched.iter().map(|p| p.display().to_string()).collect();
        format!(
            "No config file found at default paths ({}); use the -c option to specify a config \
             file at a different path",
            searched.join(", ")
        )
    })
}

fn check(file: &Path, environment: &BTreeMap<OsString, OsString>) -> ExitCode {
    let problems = match Config::check(file, environment) {
        Ok(problems) => problems,
        Err(error) => return usage(&error.to_string()),
    };
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    if problems.is_empty() {
        return Exit::Clean.into();
    }
    complain(&problems.join("\n"));
    Exit::Usage.into()
}

fn usage(error: &str) -> ExitCode {
    complain(&format!("Error: {error}\nFor help, use supervisord -h"));
    Exit::Usage.into()
}

fn refuse(error: &str) -> Exit {
    complain(&format!("Error: {error}\nFor help, use supervisord -h"));
    Exit::Usage
}

#[expect(clippy::print_stderr, reason = "there is no log for this")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "the answer to a flag")]
fn say(text: &str) -> ExitCode {
    println!("{text}");
    Exit::Clean.into()
}

const HELP: &str = "\
supervisord -- run a set of applications and keep them running.

Usage: supervisord [options]

Options:
-c/--configuration FILENAME -- configuration file (searched for if not given)
-n/--nodaemon -- stay in the foreground (same as nodaemon=true)
-s/--silent -- no log on stdout (same as silent=true)
-h/--help -- print this message and exit
-v/--version -- print the version and exit
-u/--user USER -- run as this user, by name or number
-m/--umask UMASK -- umask when going to the background (default 022)
-d/--directory DIRECTORY -- directory when going to the background
-l/--logfile FILENAME -- use FILENAME as the main log
-y/--logfile_maxbytes BYTES -- size at which the main log is rotated
-z/--logfile_backups NUM -- number of rotated main logs that are kept
-e/--loglevel LEVEL -- critical, error, warn, info, debug, trace or blather
-j/--pidfile FILENAME -- write our pid to FILENAME
-i/--identifier STR -- identifier of this instance
-q/--childlogdir DIRECTORY -- where automatically named logs go
-k/--nocleanup -- keep automatically named logs of earlier runs
-a/--minfds NUM -- number of file descriptors that must be available
-t/--strip_ansi -- strip escape sequences from the output of programs
--minprocs NUM -- number of processes that must be available
--profile_options OPTIONS -- accepted and ignored
--check [FILENAME] -- list everything that is wrong with the configuration and
                      exit, with status 0 if nothing is

Berth's own keys are described in docs/supervisord-extensions.md.";

/// How long bootd may take to say what it kept.
const GREETING: Duration = Duration::from_secs(2);
/// How long our own tasks may take once all programs have ended.
const GRACE: Duration = Duration::from_millis(300);
/// How long a slow reader of our output may take.
const FLUSH: Duration = Duration::from_millis(200);
