//! A place to start supervisord in, the original or ours.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use testkit::{venv_program, wait_for};

use crate::support::{PATIENCE, ours};

/// A directory with a configuration, for one of the two programs.
pub(crate) struct Place {
    dir: tempfile::TempDir,
    program: PathBuf,
}

impl Place {
    /// `{D}` in the configuration is the directory.
    pub(crate) fn new(program: PathBuf, config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mode = fs::Permissions::from_mode(0o777);
        fs::set_permissions(dir.path(), mode).expect("its mode");
        let place = Self { dir, program };
        place.write("supervisord.conf", config);
        place
    }

    /// The same for the original and for ours.
    pub(crate) fn both(config: &str) -> [Self; 2] {
        [venv_program("supervisord"), ours("supervisord").to_owned()].map(|program| {
            let base = "[unix_http_server]\nfile={D}/s.sock\n[supervisord]\nlogfile={D}/main.log\n\
                        pidfile={D}/s.pid\nchildlogdir={D}\n";
            Self::new(program, &format!("{base}{config}"))
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let at = self.dir.path().display().to_string();
        fs::write(self.path(name), text.replace("{D}", &at)).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// supervisord after the words of `before`, which run it.
    pub(crate) fn command(&self, before: &[&str]) -> Command {
        let program = self.program.display().to_string();
        let mut words = before.iter().copied().chain([program.as_str(), "-c"]);
        let mut command = Command::new(words.next().expect("a program"));
        command
            .args(words)
            .arg(self.path("supervisord.conf"))
            .env("BERTH_LOG_DIR", "")
            .env("SUPERVISORD_SOCKET", self.path("g.sock"))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// What is wrong, as it says before it ends.
    pub(crate) fn refusal(&self, output: &Output) -> (String, Option<i32>) {
        let text = String::from_utf8_lossy(&output.stderr);
        let error = text.lines().find(|line| line.starts_with("Error: "));
        let error = error.unwrap_or_else(|| panic!("no error in {text:?}"));
        let at = self.dir.path().display().to_string();
        (error.replace(&at, "{D}"), output.status.code())
    }

    /// Waits for text in a file.
    pub(crate) fn wait_text(&self, name: &str, wanted: &str) -> String {
        wait_for(&format!("{wanted} in {name}"), PATIENCE, || {
            let text = self.read(name);
            if text.contains(wanted) {
                Ok(text)
            } else {
                Err(format!("{text}{}", self.read("main.log")))
            }
        })
        .expect("it is written")
    }
}

/// What a failed test leaves is ended.
impl Drop for Place {
    fn drop(&mut self) {
        if let Some(pid) = pid(self) {
            let _ = kill(pid, Signal::SIGTERM);
        }
    }
}

/// Ends a supervisord by its pid file.
pub(crate) fn end(place: &Place) {
    let pid = pid(place).expect("a pid");
    let _ = kill(pid, Signal::SIGTERM);
    let stat = format!("/proc/{pid}/stat");
    wait_for("its end", PATIENCE, || match fs::read_to_string(&stat) {
        Ok(stat) => stat.contains(") Z ").then_some(()),
        Err(_) => Some(()),
    })
    .expect("it ends");
}

fn pid(place: &Place) -> Option<Pid> {
    // A reload may have moved it.
    let text = ["s.pid", "other.pid"].map(|name| place.read(name)).concat();
    let pid = text.trim().parse().ok()?;
    (pid > 1).then(|| Pid::from_raw(pid))
}
