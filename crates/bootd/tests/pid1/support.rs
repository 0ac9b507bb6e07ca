//! An instance in a sandbox with bootd and a supervisor that the test controls.
#![expect(clippy::unwrap_used, reason = "a broken bench shall fail the test")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

use api::{
    boot::{
        BootSnapshot, GetSnapshotRequest, Phase, ShutdownRequest, SupervisorLink,
        boot_service_client::BootServiceClient,
    },
    supervisor::{self, Program, ProgramState, supervisor_service_client::SupervisorServiceClient},
};
use nix::sys::signal::Signal;
use testkit::Sandbox;

/// The supervisor inside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Supervisor {
    /// Greets, has programs, ends when asked.
    Polite,
    /// Greets, has programs, ignores TERM as they do.
    Deaf,
    /// Has its programs held, as `/etc/heir.json` says.
    Heir,
    /// Our own supervisord, with the programs of `/etc/survival.d`.
    Real,
    /// There is none.
    Missing,
}

/// Describes an instance.
pub(crate) fn instance(name: &str) -> Description {
    Description {
        builder: Sandbox::builder(&format!("bootd-{name}")),
        supervisor: Supervisor::Polite,
        arguments: Vec::new(),
        shell: None,
        socket: "/run/berth/bootd.sock".to_owned(),
    }
}

/// What an instance shall be made of.
pub(crate) struct Description {
    builder: testkit::Builder,
    supervisor: Supervisor,
    arguments: Vec<String>,
    shell: Option<String>,
    socket: String,
}

impl Description {
    pub(crate) fn supervisor(mut self, supervisor: Supervisor) -> Self {
        self.supervisor = supervisor;
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.env(name, value);
        self
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.builder = self.builder.file(path, text, false);
        self
    }

    /// A flag of the entry point.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// PID 1 is a shell with this text.
    pub(crate) fn shell(mut self, text: &str) -> Self {
        self.shell = Some(text.to_owned());
        self
    }

    pub(crate) fn socket(mut self, path: &str) -> Self {
        path.clone_into(&mut self.socket);
        self
    }

    pub(crate) fn start(self) -> Instance {
        let bin = tempfile::tempdir().unwrap();
        fs::copy(env!("CARGO_BIN_EXE_bootd"), bin.path().join("bootd")).unwrap();
        let mut builder = self.builder.bin_dir(bin.path());
        let text = match self.supervisor {
            Supervisor::Polite => Some(SUPERVISOR.to_owned()),
            Supervisor::Deaf => Some(SUPERVISOR.replace("DEAF = False", "DEAF = True")),
            Supervisor::Heir => Some(HEIR.to_owned()),
            Supervisor::Real => {
                builder = builder.file("/etc/supervisor/supervisord.conf", CONFIG, false);
                let program = testkit::program("supervisord")
                    .expect("supervisord is built: cargo build -p supervisord-rs");
                fs::copy(program, bin.path().join("supervisord")).unwrap();
                None
            }
            Supervisor::Missing => None,
        };
        if let Some(text) = text {
            let path = bin.path().join("supervisord");
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        if let Some(shell) = &self.shell {
            builder = builder.command(&["/bin/sh", "-c", shell]);
        } else if !self.arguments.is_empty() {
            let mut command = vec!["/usr/local/bin/entrypoint.sh"];
            command.extend(self.arguments.iter().map(String::as_str));
            builder = builder.command(&command);
        }
        let sandbox = builder.start().unwrap();
        Instance {
            socket: self.socket,
            sandbox,
            _bin: bin,
        }
    }
}

/// A running instance.
pub(crate) struct Instance {
    sandbox: Sandbox,
    socket: String,
    _bin: tempfile::TempDir,
}

impl Instance {
    /// Waits until every step has ended.
    pub(crate) fn wait_until_up(&self) -> BootSnapshot {
        self.wait_for("phase up", |snapshot| snapshot.phase() == Phase::Up)
    }

    /// Waits until a snapshot is as it shall be.
    pub(crate) fn wait_for(
        &self,
        what: &str,
        holds: impl Fn(&BootSnapshot) -> bool,
    ) -> BootSnapshot {
        testkit::wait_for(what, TIMEOUT, || self.snapshot().filter(|s| holds(s))).unwrap()
    }

    fn snapshot(&self) -> Option<BootSnapshot> {
        runtime().block_on(async {
            let mut client = BootServiceClient::new(ipc::connect(&self.socket()));
            let answer = client.get_snapshot(GetSnapshotRequest {}).await.ok()?;
            answer.into_inner().snapshot
        })
    }

    /// A program as our own supervisord shows it.
    pub(crate) fn program(&self, name: &str) -> Option<Program> {
        runtime().block_on(async {
            let mut client = SupervisorServiceClient::new(ipc::connect(&self.supervisord()));
            let answer = client.get_snapshot(supervisor::GetSnapshotRequest {}).await;
            let snapshot = answer.ok()?.into_inner().snapshot?;
            snapshot.programs.into_iter().find(|p| p.name == name)
        })
    }

    /// Waits until our own supervisord shows a program in a state.
    pub(crate) fn wait_state(&self, name: &str, state: ProgramState) -> Program {
        testkit::wait_for(&format!("{name} to be {state:?}"), TIMEOUT, || {
            self.program(name).filter(|p| p.state() == state)
        })
        .unwrap_or_else(|error| panic!("{error}\n{:?}\n{}", self.snapshot(), self.console()))
    }

    pub(crate) fn stop_program(&self, name: &str) {
        let request = supervisor::StopProgramRequest {
            name: name.to_owned(),
            wait: true,
        };
        runtime().block_on(async {
            let mut client = SupervisorServiceClient::new(ipc::connect(&self.supervisord()));
            client.stop_program(request).await.unwrap();
        });
    }

    /// Has our own supervisord end to be started anew.
    pub(crate) fn reexec(&self) {
        runtime().block_on(async {
            let mut client = SupervisorServiceClient::new(ipc::connect(&self.supervisord()));
            // It may be gone before it has answered.
            let _ = client.reexec(supervisor::ReexecRequest {}).await;
        });
    }

    fn supervisord(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.sandbox.init_pid()));
        root.join("run/berth/supervisord.sock")
    }

    /// Kills the supervisor and waits until another has taken over, or not; gives how it stands.
    pub(crate) fn kill_supervisor(&self) -> SupervisorLink {
        let before = self.wait_until_up().supervisor.unwrap();
        self.run(&format!("kill -KILL {}", before.pid));
        self.wait_restart(before.restarts + 1)
    }

    /// Waits until the supervisor was started so many times again and has greeted.
    pub(crate) fn wait_restart(&self, restarts: u32) -> SupervisorLink {
        let snapshot = self.wait_for("a restart", |snapshot| {
            let link = snapshot.supervisor.as_ref().unwrap();
            link.restarts == restarts && link.channel_open
        });
        snapshot.supervisor.unwrap()
    }

    pub(crate) fn request_shutdown(&self, reason: &str) {
        let reason = reason.to_owned();
        runtime().block_on(async {
            let mut client = BootServiceClient::new(ipc::connect(&self.socket()));
            client.shutdown(ShutdownRequest { reason }).await.unwrap();
        });
    }

    /// The socket as the host sees it.
    fn socket(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.sandbox.init_pid()));
        root.join(self.socket.trim_start_matches('/'))
    }

    /// Runs shell text inside as root and returns its output.
    pub(crate) fn run(&self, text: &str) -> String {
        self.sandbox.exec(&["sh", "-c", text]).unwrap().stdout
    }

    /// Whether Python text runs without an exception as this account.
    pub(crate) fn python_as(&self, account: &str, text: &str) -> bool {
        let command = ["/usr/bin/python3", "-c", text];
        self.sandbox.exec_as(account, &command).unwrap().success()
    }

    /// The token made by this boot.
    pub(crate) fn token(&self) -> String {
        self.run("cat /var/lib/berth/open_button_token")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.sandbox.signal(signal).unwrap();
    }

    /// Signals PID 1 and waits for its end, which must be an ordered one.
    pub(crate) fn end(&mut self, signal: Signal) -> Duration {
        let asked = Instant::now();
        self.signal(signal);
        let status = self.wait_exit();
        let took = asked.elapsed();
        assert_eq!(status.code(), Some(0), "{}", self.console());
        took
    }

    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        self.sandbox.wait_exit(TIMEOUT).unwrap()
    }

    pub(crate) fn console(&self) -> String {
        self.sandbox.console()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

const TIMEOUT: Duration = Duration::from_secs(30);

/// Greets as supervisord-rs does and starts three programs in its own session: a marked one, one
/// that ignores TERM, and one that starts without a mark; and a session of somebody else.
const SUPERVISOR: &str = include_str!("support/supervisord.py");

const HEIR: &str = include_str!("support/heir.py");

/// As shipped, but with the programs of a test alone.
const CONFIG: &str = "\
[unix_http_server]
file=/var/run/supervisor.sock
[supervisord]
nodaemon=true
user=root
logfile=/var/log/supervisor/supervisord.log
pidfile=/var/run/supervisord.pid
childlogdir=/var/log/supervisor
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///var/run/supervisor.sock
[include]
files=/etc/survival.d/*.conf
";
