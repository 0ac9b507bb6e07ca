//! The command line, and the only place that prints.

use std::{
    future::Future,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::{
    answer::{Answer, Exit, Failure},
    commands::{self, act::Action},
    paint::Paint,
    sockets::Sockets,
};

/// Looks after an instance: its daemons, programs, GPUs and the ways to its apps.
#[derive(Debug, Parser)]
#[command(name = "berth", version, after_help = EXIT_CODES)]
struct Arguments {
    /// Print JSON instead of text; fields are named as in the .proto files
    #[arg(long, global = true)]
    json: bool,
    /// Directory of the daemons' sockets
    #[arg(long, global = true, value_name = "DIR", default_value = ipc::RUN_DIR)]
    run_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Daemons, programs and everything that is wrong
    Status,
    /// What happened at boot, step by step
    Boot,
    /// What each program uses, the hungriest first; on a terminal it goes on until interrupted
    Top {
        /// Print once and end
        #[arg(long)]
        once: bool,
    },
    /// Which program waits for which, and where each stands
    Graph,
    /// What a program waits for or why it died, with the end of its log
    Why {
        /// Program or daemon
        name: String,
    },
    /// The log of a program
    Logs {
        /// Program or daemon
        name: String,
        /// Print what is appended until interrupted
        #[arg(short, long)]
        follow: bool,
        /// Lines from the end to start with
        #[arg(short = 'n', long, default_value_t = 50)]
        lines: u32,
    },
    /// The GPUs and who uses them
    Gpu,
    /// How each app is opened from outside
    Apps,
    /// State of the tunnels
    Tunnel,
    /// Start a program
    Start(Target),
    /// Stop a program
    Stop(Target),
    /// Stop a program if it runs, then start it
    Restart(Target),
    /// Ask every daemon for its health
    Selftest,
}

#[derive(Debug, clap::Args)]
struct Target {
    /// Program or daemon
    name: String,
    /// Return at once instead of when it is done
    #[arg(long)]
    no_wait: bool,
}

const EXIT_CODES: &str = "\
A daemon's name stands for its program: proxyd for caddy, portald for instance_portal, tunneld for tunnel_manager.

Exit codes:
  0  all is well, or it was done
  1  something is wrong; the output says what
  2  wrong command line or unknown name
  4  the daemon cannot be reached";

/// Parses, runs and prints.
pub(crate) fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to stdout, mistakes to stderr; nobody is left to tell of a failure.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Ok.into()
            };
        }
    };
    let paint = Paint::new(
        !arguments.json
            && io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb"),
    );
    let sockets = Sockets::new(arguments.run_dir);
    let result = block_on(execute(arguments.command, &sockets, paint, arguments.json));
    match result {
        Ok(answer) => {
            let text = if arguments.json {
                format!("{:#}\n", answer.json)
            } else {
                answer.text
            };
            // A reader that has gone away (`berth status | head -1`) is no failure.
            let _ = write(text.as_bytes());
            answer.exit.into()
        }
        Err(failure) => {
            let _ = writeln!(io::stderr(), "berth: {}", failure.text);
            failure.exit.into()
        }
    }
}

async fn execute(
    command: Command,
    sockets: &Sockets,
    paint: Paint,
    json: bool,
) -> Result<Answer, Failure> {
    match command {
        // Six clients at once make a large future.
        Command::Status => Box::pin(commands::status::run(sockets, paint)).await,
        Command::Boot => commands::boot::run(sockets, paint).await,
        Command::Top { once } => {
            let show = match once || json {
                true => commands::top::Show::Once,
                false => commands::top::Show::Live,
            };
            commands::top::run(sockets, paint, show).await
        }
        Command::Graph => commands::graph::run(sockets, paint).await,
        Command::Why { name } => commands::why::run(sockets, paint, &name).await,
        Command::Logs {
            name,
            follow,
            lines,
        } => {
            let options = commands::logs::Options {
                follow,
                lines,
                json,
            };
            commands::logs::run(sockets, &name, options).await
        }
        Command::Gpu => commands::gpu::run(sockets, paint).await,
        Command::Apps => commands::apps::run(sockets, paint).await,
        Command::Tunnel => commands::tunnel::run(sockets, paint).await,
        Command::Start(target) => act(sockets, Action::Start, target).await,
        Command::Stop(target) => act(sockets, Action::Stop, target).await,
        Command::Restart(target) => act(sockets, Action::Restart, target).await,
        Command::Selftest => commands::selftest::run(sockets, paint).await,
    }
}

async fn act(sockets: &Sockets, action: Action, target: Target) -> Result<Answer, Failure> {
    commands::act::run(sockets, action, &target.name, !target.no_wait).await
}

/// One thread is enough for a handful of calls, and starts at once.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure {
            text: format!("failed to start: {error}"),
            exit: Exit::Wrong,
        })?;
    runtime.block_on(work)
}

/// Writes bytes to stdout at once.
pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
