//! A supervisord in a directory of its own.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use testkit::wait_for;

use super::Which;

/// What is special about a configuration. `{D}` stands for the directory in all of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setup<'a> {
    /// The file in conf.d.
    pub(crate) programs: &'a str,
    /// More lines of `[unix_http_server]`.
    pub(crate) unix: &'a str,
    /// More lines of `[supervisorctl]`.
    pub(crate) ctl: &'a str,
    /// More sections of the main file.
    pub(crate) more: &'a str,
    /// Leave out `[rpcinterface:supervisor]`.
    pub(crate) without_rpc: bool,
}

/// A running supervisord; it is stopped on drop.
#[derive(Debug)]
pub(crate) struct Server {
    dir: tempfile::TempDir,
    child: Child,
}

impl Server {
    pub(crate) fn start(which: Which, setup: &Setup<'_>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("conf.d")).expect("a fresh directory");
        let write = |name: &str, text: &str| write(dir.path(), name, text);
        write("supervisord.conf", &main_file(setup));
        write("conf.d/programs.conf", setup.programs);
        write("puppet.sh", "while read -r line; do eval \"$line\"; done\n");
        write("not-executable", "");
        write(
            "late.sh",
            "trap 'sleep 3; exit 0' TERM\necho ready\nwhile :; do sleep 0.05; done\n",
        );
        write(
            "deaf.sh",
            "trap '' TERM\necho ready\nwhile :; do sleep 0.05; done\n",
        );
        let out = fs::File::create(dir.path().join("stdout")).expect("a fresh file");
        let err = out.try_clone().expect("another descriptor");
        let child = Command::new(which.program("supervisord"))
            .arg("-c")
            .arg(dir.path().join("supervisord.conf"))
            .env("BERTH_LOG_DIR", "")
            .env_remove("SUPERVISORD_SOCKET")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .expect("supervisord starts");
        let mut server = Self { dir, child };
        let socket = server.path("s.sock");
        wait_for("the socket of supervisord", PATIENCE, || {
            let ended = server.child.try_wait().ok().flatten();
            assert!(ended.is_none(), "it has ended: {}", server.printed());
            UnixStream::connect(&socket)
        })
        .expect("supervisord listens");
        server
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory, as it stands in answers.
    pub(crate) fn dir(&self) -> String {
        self.dir.path().display().to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}/s.sock", self.dir())
    }

    /// What supervisord has printed.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(self.path("stdout")).unwrap_or_default()
    }

    /// Writes a file into the directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        write(self.dir.path(), name, text);
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("supervisord to end", PATIENCE, || {
            self.child.try_wait().ok().flatten()
        })
        .expect("supervisord ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = kill(self.pid(), Signal::SIGTERM);
            self.ended();
        }
    }
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::write(&path, text.replace("{D}", &dir.display().to_string())).expect("a file");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(path, mode).expect("its mode");
}

fn main_file(setup: &Setup<'_>) -> String {
    let rpc = match setup.without_rpc {
        true => "",
        false => {
            "[rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        }
    };
    format!(
        "[unix_http_server]\nfile={{D}}/s.sock\n{}\n[supervisord]\nnodaemon=true\nuser=root\n\
         logfile={{D}}/main.log\npidfile={{D}}/s.pid\nchildlogdir={{D}}\n\
         berth_portal_log_dir={{D}}/raw\nberth_log_dir={{D}}/clean\nberth_socket={{D}}/g.sock\n\
         {rpc}[supervisorctl]\nserverurl=unix://{{D}}/s.sock\n{}[include]\n\
         files=conf.d/*.conf\n{}",
        setup.unix, setup.ctl, setup.more
    )
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
