//! Standing in for a process that runs in the background.
//!
//! Signals go to the process that the pid file names. We end when the command and that process
//! are both gone, and always with exit code 0, as in the original. Different from it, a signal that
//! asks for the end does not end us before it has ended the process, so that whoever waits for us
//! waits for the process.

use std::{
    ffi::OsString,
    fs,
    future::pending,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    signal::unix::{self, SignalKind},
    time::{Instant, MissedTickBehavior, interval},
};

/// Runs the program from its command line to its exit code.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(pidfile), Some(command)) = (arguments.next(), arguments.next()) else {
        return complain(USAGE);
    };
    let done = daemon::runtime().and_then(|runtime| {
        runtime.block_on(run(
            Path::new(&pidfile),
            &command,
            &arguments.collect::<Vec<_>>(),
        ))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("pidproxy: {error}")),
    }
}

async fn run(pidfile: &Path, command: &OsString, arguments: &[OsString]) -> io::Result<()> {
    let mut signals = Signals::listen()?;
    // As in the original the command is not looked for along PATH.
    let path = std::path::absolute(command).unwrap_or_else(|_| PathBuf::from(command));
    let child = Command::new(path).arg0(command).args(arguments).spawn();
    let mut child = Some(child.map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}", command.display()))
    })?);
    let mut look = interval(LOOK_AGAIN);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Told to end before the command has ended, we need not wait for the command itself.
    let mut told = false;
    // A process that goes into the background may write its pid only after the command has ended.
    let mut patience = Instant::now();
    loop {
        tokio::select! {
            signal = signals.next() => {
                let ends = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT].contains(&signal);
                told |= pass_on(signal, pidfile) && ends;
            }
            () = ended(&mut child) => {
                child = None;
                patience = Instant::now() + GRACE;
            }
            _ = look.tick(), if told || child.is_none() => {
                if is_alive(pidfile) {
                    patience = Instant::now();
                } else if told || Instant::now() >= patience {
                    return Ok(());
                }
            }
        }
    }
}

/// Waits for the command to end; once it has, for ever.
async fn ended(child: &mut Option<Child>) {
    match child {
        Some(child) => {
            let _ = child.wait().await;
        }
        None => pending().await,
    }
}

/// Whether there was a pid to send the signal to.
fn pass_on(signal: Signal, pidfile: &Path) -> bool {
    let Some(pid) = pid(pidfile) else {
        complain(&format!("Can't read child pidfile {}!", pidfile.display()));
        return false;
    };
    let _ = kill(pid, signal);
    true
}

/// Whether the process of the pid in the file runs, and is not an older one that a file left
/// behind names by chance.
fn is_alive(pidfile: &Path) -> bool {
    let started = pid(pidfile).and_then(started);
    started.is_some_and(|started| Some(started) >= self::started(Pid::this()))
}

/// When a process started, in ticks since the machine did; `None` if it has ended, even if nobody
/// has waited for it.
fn started(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything; the fields after it do not.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    (!["Z", "X"].contains(&state)).then_some(started)
}

/// The pid in the file. One that would mean many processes, or all, is none.
fn pid(pidfile: &Path) -> Option<Pid> {
    let number: i32 = fs::read_to_string(pidfile).ok()?.trim().parse().ok()?;
    (number > 1).then(|| Pid::from_raw(number))
}

/// The signals that are passed on.
struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    fn listen() -> io::Result<Self> {
        let passed = [
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGINT,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
            Signal::SIGQUIT,
        ];
        let listen = |signal| {
            let stream = unix::signal(SignalKind::from_raw(signal as i32))?;
            Ok((signal, stream))
        };
        passed
            .into_iter()
            .map(listen)
            .collect::<io::Result<_>>()
            .map(Self)
    }

    async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (signal, stream) in &mut self.0 {
                if stream.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*signal);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

#[expect(clippy::print_stdout, reason = "the original says it there")]
fn complain(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::FAILURE
}

const USAGE: &str = "\
pidproxy -- run a command and pass signals on to the process that its pid file names.

Usage: pidproxy PIDFILE COMMAND [ARGUMENTS]";

/// How long after the end of the command we wait for the process to be named.
const GRACE: Duration = Duration::from_secs(1);
/// How often we look whether the process is still there.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
