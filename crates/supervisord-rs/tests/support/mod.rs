//! A supervisord in a directory of its own.

use std::{
    fs,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use testkit::wait_for;

/// A running supervisord; it is stopped on drop.
pub(crate) struct Supervisor {
    dir: tempfile::TempDir,
    child: Child,
}

/// What a client printed and returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) code: i32,
}

impl Supervisor {
    /// Starts `program` on a fresh directory with `programs` as its conf.d file, and waits until it
    /// listens.
    pub(crate) fn start(program: &Path, programs: &str) -> Self {
        let supervisor = Self::begin(program, programs);
        let socket = supervisor.path("s.sock");
        wait_for("the socket of supervisord", PATIENCE, || {
            UnixStream::connect(&socket)
        })
        .expect("supervisord listens");
        supervisor
    }

    /// The same without the wait, for one that may have ended before anybody looks.
    pub(crate) fn begin(program: &Path, programs: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let at = dir.path().display();
        fs::create_dir(dir.path().join("conf.d")).expect("a fresh directory");
        fs::write(dir.path().join("conf.d/programs.conf"), programs).expect("a fresh file");
        let main = format!(
            "[unix_http_server]\nfile={at}/s.sock\n[supervisord]\nnodaemon=true\nuser=root\n\
             logfile={at}/main.log\npidfile={at}/s.pid\nchildlogdir={at}\n\
             berth_portal_log_dir={at}/raw\nberth_log_dir={at}/clean\nberth_socket={at}/g.sock\n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             [supervisorctl]\nserverurl=unix://{at}/s.sock\n[include]\nfiles=conf.d/*.conf\n"
        );
        fs::write(dir.path().join("supervisord.conf"), main).expect("a fresh file");
        let out = fs::File::create(dir.path().join("stdout")).expect("a fresh file");
        let child = Command::new(program)
            .arg("-c")
            .arg(dir.path().join("supervisord.conf"))
            .env("BERTH_LOG_DIR", "")
            .env_remove("SUPERVISORD_SOCKET")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("supervisord starts");
        Self { dir, child }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What supervisord has printed.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(self.path("stdout")).unwrap_or_default()
    }

    /// Runs a supervisorctl command line.
    pub(crate) fn ctl(&self, client: &Path, line: &str) -> Said {
        let output = Command::new(client)
            .arg("-c")
            .arg(self.path("supervisord.conf"))
            .args(line.split_whitespace())
            .output()
            .expect("supervisorctl runs");
        Said {
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// Starts a supervisorctl and does not wait for it.
    pub(crate) fn spawn_ctl(&self, line: &str) -> Child {
        Command::new(ours("supervisorctl"))
            .arg("-c")
            .arg(self.path("supervisord.conf"))
            .args(line.split_whitespace())
            .stdout(Stdio::null())
            .spawn()
            .expect("supervisorctl runs")
    }

    /// Waits until a program is in a state.
    pub(crate) fn wait_state(&self, name: &str, state: &str) {
        wait_for(&format!("{name} to be {state}"), PATIENCE, || {
            let said = self.ctl(ours("supervisorctl"), &format!("status {name}"));
            said.text.contains(state).then_some(()).ok_or(said.text)
        })
        .expect("the program gets there");
    }

    pub(crate) fn pid_of(&self, name: &str) -> i32 {
        let said = self.ctl(ours("supervisorctl"), &format!("pid {name}"));
        said.text.trim().parse().unwrap_or(0)
    }

    /// Sends a signal to supervisord and waits for its end.
    pub(crate) fn end(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        wait_for("supervisord to end", PATIENCE, || {
            self.child.try_wait().ok().flatten()
        })
        .expect("supervisord ends")
    }

    /// Waits for supervisord to end by itself.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        wait_for("supervisord to end", PATIENCE, || {
            self.child.try_wait().ok().flatten()
        })
        .expect("supervisord ends")
    }

    /// Sends a signal to supervisord and to these processes.
    pub(crate) fn signal_all(&self, pids: &[i32], signal: Signal) {
        self.signal(signal);
        for pid in pids {
            // 0 would be everybody, this test included.
            assert!(*pid > 1, "{pid} is no process");
            let _ = kill(Pid::from_raw(*pid), signal);
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = self.end(Signal::SIGTERM);
        }
    }
}

/// One of our own programs.
pub(crate) fn ours(name: &str) -> &'static Path {
    Path::new(match name {
        "supervisord" => env!("CARGO_BIN_EXE_supervisord"),
        _ => env!("CARGO_BIN_EXE_supervisorctl"),
    })
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
