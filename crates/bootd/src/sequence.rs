//! Carries out a plan, one step after the other, on a thread of its own.
//!
//! A step that fails or panics costs itself: the next one runs. Between steps the thread looks
//! whether the instance is about to end.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use instance::Variables;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{
    board::{Board, LinkState, Outcome, Phase},
    init::Handle,
    keeper::Launch,
    plan::{Action, Plan},
    settings::Settings,
    shell::{Exports, ScriptEnd, Shell, Sourced},
    steps::{self, Native, Report, Work},
    system::{Children, Disk, Ending, ExitWatch, Group, Owner, Spawn, System, longest, too_long},
};

/// Everything a boot needs.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) plan: Plan,
    pub(crate) settings: Settings,
    pub(crate) environment: Variables,
    pub(crate) board: Board,
    pub(crate) init: Handle,
    pub(crate) children: Arc<Children>,
    pub(crate) disk: Disk,
}

impl Sequence {
    /// Runs the steps.
    pub(crate) fn run(mut self) {
        for (subject, text) in &self.plan.notices {
            self.board.notice(subject.clone(), text.clone());
        }
        let mut shell = Shell::new(
            &self.settings.shell,
            &self.disk.resolve(&self.settings.state_dir),
            &self.disk.resolve(Path::new("/var/log/portal/boot.log")),
            Arc::clone(&self.children),
            Arc::clone(&self.init.shell_group),
        );
        let steps = std::mem::take(&mut self.plan.steps);
        for (index, step) in steps.iter().enumerate() {
            if self.init.is_stopping() {
                return;
            }
            self.board.step_started(index);
            let report = catch_unwind(AssertUnwindSafe(|| {
                self.perform(index, &step.action, &mut shell)
            }));
            let report = report.unwrap_or_else(|_| {
                Some(Report::failed(
                    "a defect of bootd ended this step; see its log",
                ))
            });
            if let Some(report) = report {
                self.board.step_ended(index, report.outcome, report.message);
            }
        }
        self.board.change(|state| {
            if state.phase == Phase::Booting {
                state.phase = Phase::Up;
            }
        });
        let ms = u64::try_from(self.board.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), ms, "instance ready");
    }

    /// Does one step; nothing if it goes on in the background and ends itself.
    fn perform(&mut self, index: usize, action: &Action, shell: &mut Shell) -> Option<Report> {
        match action {
            Action::Skip(reason) => Some(Report::skipped(reason.clone())),
            Action::Source(path) => {
                let path = self.disk.resolve(path);
                let sourced = shell.source(&path, &mut self.environment);
                if let Ok(Sourced {
                    end: ScriptEnd::Returned(_) | ScriptEnd::EndedShell(Ending::Code(_)),
                    exports: Exports::Unknown,
                }) = &sourced
                {
                    self.board
                        .notice(path.display().to_string(), UNKNOWN_EXPORTS);
                }
                Some(script_report(sourced))
            }
            Action::Run(Native::SshHostKeys) => self.host_keys(index),
            Action::Run(Native::SupervisorLaunch) => Some(self.launch()),
            Action::Run(Native::SupervisorWait) => Some(self.wait_for_supervisor()),
            Action::Run(native) => {
                let report = self.work(|work| native.run(work))?;
                if *native == Native::PrepareEnvironment {
                    return Some(self.source_dot_env(shell, report));
                }
                Some(report)
            }
        }
    }

    fn work<T>(&mut self, step: impl FnOnce(&mut Work<'_>) -> T) -> T {
        let mut work = Work {
            system: &self.disk,
            settings: &self.settings,
            options: &self.plan.options,
            environment: &mut self.environment,
            notices: Vec::new(),
        };
        let result = step(&mut work);
        for (subject, text) in work.notices {
            self.board.notice(subject, text);
        }
        result
    }

    /// `${WORKSPACE}/.env` is shell code by tradition; the boot shell reads it.
    fn source_dot_env(&mut self, shell: &mut Shell, report: Report) -> Report {
        let workspace = self.environment.get("WORKSPACE").map_or("", String::as_str);
        let path = self.disk.resolve(&Path::new(workspace).join(".env"));
        if self.plan.options.no_export_env || !path.is_file() {
            return report;
        }
        match shell.source_exporting(&path, &mut self.environment) {
            Ok(Sourced {
                end: ScriptEnd::EndedShell(ending),
                ..
            }) => Report::degraded(format!(
                "{}; {} ended the shell: {ending}",
                report.message,
                path.display()
            )),
            Ok(Sourced {
                end: ScriptEnd::Returned(_),
                exports: Exports::Unknown,
            }) => Report::degraded(format!(
                "{}; {}: {UNKNOWN_EXPORTS}",
                report.message,
                path.display()
            )),
            Ok(Sourced {
                end: ScriptEnd::Returned(_),
                exports: Exports::Taken,
            }) => report,
            Err(error) => Report::degraded(format!(
                "{}; failed to read {}: {error}",
                report.message,
                path.display()
            )),
        }
    }

    fn launch(&mut self) -> Report {
        // Scripts may have changed variables since the file was written.
        let refreshed = self.work(steps::write_environment_file);
        if let Err(error) = refreshed {
            self.board.notice("/etc/environment", error);
        }
        for (name, size) in too_long(&self.environment) {
            self.board.notice(
                name,
                format!(
                    "takes {size} bytes, and the system hands a program at most {} in one \
                     variable; services do not get it",
                    longest()
                ),
            );
        }
        let workspace = self
            .environment
            .get("WORKSPACE")
            .map_or("/", String::as_str);
        let launch = Launch {
            environment: self.environment.clone(),
            directory: PathBuf::from(workspace),
        };
        match self.init.launch(launch) {
            Ok(pid) => Report::done(format!("pid {pid}")),
            Err(error) => Report::failed(error),
        }
    }

    fn wait_for_supervisor(&self) -> Report {
        let mut states = self.board.subscribe();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let Ok(runtime) = runtime else {
            return Report::degraded("cannot wait: the system refuses a timer");
        };
        let stopping = self.init.clone();
        let greeted = runtime.block_on(async {
            let greeted = states.wait_for(|state| {
                state.supervisor.channel_open
                    || state.supervisor.pid.is_none()
                    || stopping.is_stopping()
            });
            tokio::time::timeout(GREETING, greeted).await.is_ok()
        });
        let link = self.board.state().supervisor;
        if link.state == LinkState::NotStarted {
            return Report::skipped(
                "bootd has not started a supervisor, so there is none to wait for",
            );
        }
        match (link.pid, link.channel_open, greeted) {
            (None, _, _) => {
                Report::failed(format!("the supervisor does not run: {}", link.last_exit))
            }
            (Some(_), true, _) => Report::done("the supervisor has greeted"),
            (Some(_), false, _) => {
                Report::done("the supervisor runs; it does not greet as supervisord-rs does")
            }
        }
    }

    /// Generating keys takes a second, so nothing waits for it but sshd.
    fn host_keys(&self, index: usize) -> Option<Report> {
        let dir = Path::new("/etc/ssh");
        let names = self.disk.list(dir);
        let kinds = ["rsa", "ecdsa", "ed25519"];
        let missing = |kind: &&str| !names.contains(&format!("ssh_host_{kind}_key"));
        if !kinds.iter().any(missing) {
            return Some(Report::done("all exist"));
        }
        let path = self.environment.get("PATH").map_or("", String::as_str);
        let Some(program) = crate::system::find("ssh-keygen", path) else {
            return Some(Report::skipped("openssh-server is not installed"));
        };
        let (board, children) = (self.board.clone(), Arc::clone(&self.children));
        let arguments = vec![
            "-A".to_owned(),
            "-f".to_owned(),
            self.settings.root.display().to_string(),
        ];
        let environment = self.environment.clone();
        let started = std::thread::Builder::new()
            .name("boot-host-keys".to_owned())
            .spawn(move || {
                let report = generate(program, arguments, environment, &children);
                board.step_ended(index, report.outcome, report.message);
            });
        match started {
            Ok(_) => None,
            Err(error) => Some(Report::failed(format!("failed to start a thread: {error}"))),
        }
    }
}

fn generate(
    program: PathBuf,
    arguments: Vec<String>,
    environment: Variables,
    children: &Children,
) -> Report {
    let run = || -> std::io::Result<Ending> {
        let watch = ExitWatch::new()?;
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
        let spawn = Spawn {
            program,
            arguments,
            environment,
            directory: "/".into(),
            umask: 0o077,
            group: Group::Own,
            output: Some(null.into()),
            keep: Vec::new(),
        };
        children.spawn(spawn, Owner::Watched(Arc::clone(&watch)))?;
        loop {
            if let Some(ending) = watch.ending() {
                return Ok(ending);
            }
            let mut descriptors = [PollFd::new(
                std::os::fd::AsFd::as_fd(&*watch),
                PollFlags::POLLIN,
            )];
            let _ = poll(&mut descriptors, PollTimeout::NONE);
        }
    };
    match run() {
        Ok(Ending::Code(0)) => Report::done("generated"),
        Ok(ending) => Report::failed(format!("ssh-keygen {ending}")),
        Err(error) => Report::failed(format!("failed to start ssh-keygen: {error}")),
    }
}

/// A status says little, as the last command of a sourced file sets it; an `exit` is worth a word.
fn script_report(result: std::io::Result<Sourced>) -> Report {
    let sourced = match result {
        Ok(sourced) => sourced,
        Err(error) => return Report::failed(format!("failed to run the boot shell: {error}")),
    };
    let (outcome, message) = match sourced.end {
        ScriptEnd::Returned(0) => (Outcome::Done, "sourced".to_owned()),
        ScriptEnd::Returned(status) => (Outcome::Done, format!("sourced, last status {status}")),
        ScriptEnd::EndedShell(Ending::Code(0)) => (
            Outcome::Done,
            "called exit; later scripts run in a shell with its state".to_owned(),
        ),
        ScriptEnd::EndedShell(ending @ Ending::Code(_)) => (
            Outcome::Degraded,
            format!("{ending}; later scripts run in a shell with its state"),
        ),
        ScriptEnd::EndedShell(ending @ Ending::Signal { .. }) => {
            return Report::failed(format!("the boot shell was {ending}"));
        }
    };
    match sourced.exports {
        Exports::Taken => Report { outcome, message },
        Exports::Unknown => Report::degraded(format!("{message}; {UNKNOWN_EXPORTS}")),
    }
}

const UNKNOWN_EXPORTS: &str = "the boot shell did not list the exported variables, so those from \
before the script stay; see whether the disk is full or the script has an EXIT trap of its own";
/// How long the supervisor may take to greet.
const GREETING: Duration = Duration::from_secs(2);
