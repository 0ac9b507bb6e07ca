//! A supervisor with a configuration of the benchmark, run on the host in a directory of its own.
//!
//! Both supervisors get the same file and are watched from outside: by the lines of their log,
//! which have the same form, and by what their programs write when they run.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use tempfile::TempDir;

use super::{processes, rest};

/// Which supervisor, by the directory of its programs.
#[derive(Debug)]
pub(crate) enum Supervisor {
    Ours(PathBuf),
    /// The scripts of a Python environment.
    Stock(PathBuf),
}

/// A running supervisor. Dropping it ends it and its programs.
#[derive(Debug)]
pub(crate) struct Supervised {
    child: Child,
    began: Instant,
    log: Receiver<Line>,
    told: Receiver<Line>,
    dir: TempDir,
}

/// A line and when it was read.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) at: Instant,
    pub(crate) text: String,
}

impl Supervised {
    /// Starts the supervisor on `programs`, sections of a configuration in which `{dir}` is the
    /// directory of this run. What a program writes to `{dir}/told` is heard.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(supervisor: &Supervisor, programs: &str) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("berth-bench-").tempdir()?;
        let told = hear(&dir.path().join(TOLD))?;
        let config = dir.path().join(CONFIG);
        let place = dir.path().display().to_string();
        fs::write(
            &config,
            format!("{GENERAL}{programs}").replace("{dir}", &place),
        )?;
        let mut command = supervisor.command("supervisord");
        command.arg("-n").arg("-c").arg(&config);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .env("HOME", dir.path());
        command.env("SUPERVISORD_SOCKET", dir.path().join("berth.sock"));
        command.current_dir(dir.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn().context("start the supervisor")?;
        let output = child
            .stdout
            .take()
            .context("the supervisor has no output")?;
        Ok(Self {
            child,
            began,
            log: lines_of(output, |line| !line.starts_with(b" ")),
            told,
            dir,
        })
    }

    /// The next line that a program told.
    ///
    /// # Errors
    /// When none comes in time.
    pub(crate) fn told(&self) -> anyhow::Result<Line> {
        self.told
            .recv_timeout(PATIENCE)
            .context("no program started in time")
    }

    /// The time from the start of the supervisor to the `count`th line that holds `text`.
    ///
    /// # Errors
    /// When the supervisor ends, or not so many lines come in time.
    pub(crate) fn until(&self, text: &str, count: usize) -> anyhow::Result<Duration> {
        let mut seen = 0;
        while seen < count {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else {
                bail!("{seen} of {count} lines with {text:?} in time");
            };
            if line.text.contains(text) {
                seen += 1;
            }
            if seen == count {
                return Ok(line.at.duration_since(self.began));
            }
        }
        Ok(Duration::ZERO)
    }

    /// The programs that run, by their name.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub(crate) fn running(&self, name: &str) -> anyhow::Result<usize> {
        let children = processes::children_of(self.pid()?)?;
        let named = |pid: &Pid| processes::name(*pid).as_deref() == Some(name);
        Ok(children.iter().filter(|pid| named(pid)).count())
    }

    /// The directory of this run.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The supervisor itself.
    ///
    /// # Errors
    /// When the number is no pid.
    pub(crate) fn pid(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }

    /// Runs its supervisorctl and gives what that printed.
    ///
    /// # Errors
    /// When it cannot be run.
    pub(crate) fn ctl(&self, supervisor: &Supervisor, command: &str) -> anyhow::Result<String> {
        let output = supervisor
            .command("supervisorctl")
            .arg("-c")
            .arg(self.dir().join(CONFIG))
            .arg(command)
            .output()
            .context("run supervisorctl")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Asks politely, then ends what is left.
    fn end(&mut self) -> anyhow::Result<()> {
        let pid = self.pid()?;
        let _ = kill(pid, Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                let programs = processes::children_of(pid)?;
                self.child.kill()?;
                for program in programs {
                    let _ = kill(program, Signal::SIGKILL);
                }
            }
            rest(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        // Neither failure leaves anything that could be done here.
        let _ = self.end();
        let fifo = OpenOptions::new()
            .write(true)
            .open(self.dir.path().join(TOLD));
        let _ = fifo.and_then(|mut fifo| writeln!(fifo, "{FAREWELL}"));
    }
}

impl Supervisor {
    fn command(&self, program: &str) -> Command {
        match self {
            Self::Ours(directory) => Command::new(directory.join(program)),
            Self::Stock(directory) => {
                let mut command = Command::new(directory.join("python3"));
                command.arg(directory.join(program));
                command
            }
        }
    }
}

/// Makes a FIFO and listens to it.
fn hear(path: &Path) -> anyhow::Result<Receiver<Line>> {
    mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).context("make a FIFO")?;
    // Held open for writing too, so that it never ends between two programs.
    let fifo = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .context("open the FIFO")?;
    Ok(lines_of(fifo, |_| true))
}

/// Reads lines in a thread of its own, so that the time of each is its arrival. Those that are not
/// `wanted` cost the reader no more than finding their end.
fn lines_of(source: impl Read + Send + 'static, wanted: fn(&[u8]) -> bool) -> Receiver<Line> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut source = BufReader::with_capacity(READ_AHEAD, source);
        let mut bytes = Vec::new();
        while source
            .read_until(b'\n', &mut bytes)
            .is_ok_and(|size| size > 0)
        {
            if wanted(&bytes) {
                let line = Line {
                    at: Instant::now(),
                    text: String::from_utf8_lossy(&bytes).trim_end().to_owned(),
                };
                if line.text == FAREWELL || sender.send(line).is_err() {
                    break;
                }
            }
            bytes.clear();
        }
    });
    receiver
}

const GENERAL: &str = "\
[unix_http_server]
file={dir}/supervisor.sock

[supervisord]
logfile={dir}/supervisord.log
pidfile={dir}/supervisord.pid
childlogdir={dir}
minfds=4096
berth_portal_log_dir={dir}/raw
berth_log_dir={dir}/clean

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{dir}/supervisor.sock

";
const CONFIG: &str = "supervisord.conf";
const READ_AHEAD: usize = 256 << 10;
const TOLD: &str = "told";
const FAREWELL: &str = "the benchmark is over";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const PATIENCE: Duration = Duration::from_secs(20);
