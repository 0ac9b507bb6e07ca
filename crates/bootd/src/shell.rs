//! The boot shell: one long-lived bash that sources the scripts of a boot.
//!
//! A script that calls `exit` or dies costs itself: the shell is started again with the variables,
//! functions, umask and directory that it had. Whether a script has ended is known from a marker on
//! a descriptor of its own and from the shell's own end, never from end-of-file.

mod output;
mod report;

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
};

use instance::Variables;
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::pipe2,
};

use crate::system::{Children, Ending, ExitWatch, Group, Owner, Spawn};

use report::{Report, Reports};

/// Runs scripts in one shell that it starts when first needed.
#[derive(Debug)]
pub(crate) struct Shell {
    program: PathBuf,
    /// Directory for the shell's state; only root may read it.
    state_dir: PathBuf,
    log: PathBuf,
    children: Arc<Children>,
    /// Process group of the running shell for whoever must end it, 0 if none.
    group: Arc<AtomicI32>,
    output: Option<OwnedFd>,
    running: Option<Running>,
    /// The exported variables of the last report: what the running shell has, and what the next one
    /// takes from the state.
    reported: Option<Variables>,
}

/// What is known of a script that was sourced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced {
    pub(crate) end: ScriptEnd,
    pub(crate) exports: Exports,
}

/// Whether what a script exports has been taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exports {
    Taken,
    /// The shell could not tell; the variables are those from before.
    Unknown,
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScriptEnd {
    /// It ran to its end with this status.
    Returned(i32),
    /// It ended the shell.
    EndedShell(Ending),
}

#[derive(Debug)]
struct Running {
    watch: Arc<ExitWatch>,
    commands: File,
    reports: File,
    parser: Reports,
    /// The exported variables it was started with.
    environment: Variables,
}

impl Shell {
    /// A shell that is not running yet.
    pub(crate) fn new(
        program: &Path,
        state_dir: &Path,
        log: &Path,
        children: Arc<Children>,
        group: Arc<AtomicI32>,
    ) -> Self {
        Self {
            program: program.to_owned(),
            state_dir: state_dir.to_owned(),
            log: log.to_owned(),
            children,
            group,
            output: None,
            running: None,
            reported: None,
        }
    }

    /// Sources a script and takes over the variables it exports.
    pub(crate) fn source(
        &mut self,
        script: &Path,
        environment: &mut Variables,
    ) -> io::Result<Sourced> {
        self.hand_over(environment)?;
        self.run(script, environment)
    }

    /// Reads assignments as `set -a; . FILE` does.
    pub(crate) fn source_exporting(
        &mut self,
        file: &Path,
        environment: &mut Variables,
    ) -> io::Result<Sourced> {
        let quoted = quote(&file.to_string_lossy())?;
        let text = format!("set -a; . {quoted}; set +a\n");
        let snippet = self.write_snippet(&text)?;
        self.source(&snippet, environment)
    }

    /// Starts a shell if none runs, and exports what native steps have changed since the last
    /// script. A shell in the place of an ended one needs that too: its state is older.
    fn hand_over(&mut self, environment: &Variables) -> io::Result<()> {
        let running = match self.running.take() {
            Some(running) => running,
            None => self.start(environment)?,
        };
        let has = self.reported.as_ref().unwrap_or(&running.environment);
        let changes = report::changes(has, environment);
        self.running = Some(running);
        if changes.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for (name, value) in changes {
            match value {
                Some(value) => text.push_str(&format!("export {name}={}\n", quote(&value)?)),
                None => text.push_str(&format!("unset {name}\n")),
            }
        }
        let snippet = self.write_snippet(&text)?;
        self.run(&snippet, &mut environment.clone()).map(drop)
    }

    fn run(&mut self, script: &Path, environment: &mut Variables) -> io::Result<Sourced> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start(environment)?,
        };
        let mut line = script.as_os_str().as_encoded_bytes().to_vec();
        line.push(b'\n');
        // A shell that is gone is noticed below, by its end.
        let _ = running.commands.write_all(&line);
        let (report, ending) = running.wait()?;
        let status = report.as_ref().map_or(0, |report| report.status);
        let exports = match report.and_then(|report| report.environment) {
            Some(reported) => {
                self.take_over(reported, environment);
                Exports::Taken
            }
            None => Exports::Unknown,
        };
        let end = match ending {
            Some(ending) => {
                self.group.store(0, Ordering::SeqCst);
                ScriptEnd::EndedShell(ending)
            }
            None => {
                self.running = Some(running);
                ScriptEnd::Returned(status)
            }
        };
        Ok(Sourced { end, exports })
    }

    fn take_over(&mut self, mut reported: Variables, environment: &mut Variables) {
        for (name, value) in report::unseen(environment) {
            reported.insert(name.clone(), value.clone());
        }
        environment.clone_from(&reported);
        self.reported = Some(reported);
    }

    fn start(&mut self, environment: &Variables) -> io::Result<Running> {
        if let Err(error) = self.prepare_state() {
            let dir = self.state_dir.display();
            tracing::warn!(%error, %dir, "the boot shell cannot keep its state");
        }
        let output = self.output()?;
        let (commands_out, commands) = pipe2(OFlag::O_CLOEXEC)?;
        let (reports, reports_in) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&reports, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let watch = ExitWatch::new()?;
        let mark = format!("berth-{}-{}", std::process::id(), reports_in.as_raw_fd());
        let workspace = environment.get("WORKSPACE").map_or("/", String::as_str);
        let spawn = Spawn {
            program: self.program.clone(),
            arguments: self.arguments(&commands_out, &reports_in, &mark),
            environment: environment.clone(),
            directory: workspace.into(),
            umask: 0o002,
            group: Group::Own,
            output: Some(output),
            keep: vec![commands_out, reports_in],
        };
        let owner = Owner::Watched(Arc::clone(&watch));
        let pid = self.children.spawn(spawn, owner)?;
        self.group.store(pid.as_raw(), Ordering::SeqCst);
        Ok(Running {
            watch,
            commands: commands.into(),
            reports: reports.into(),
            parser: Reports::new(&mark),
            environment: environment.clone(),
        })
    }

    fn arguments(&self, commands: &OwnedFd, reports: &OwnedFd, mark: &str) -> Vec<String> {
        let file = |name: &str| self.state_dir.join(name).display().to_string();
        ["--noprofile", "--norc", "-c", DRIVER, "bash"]
            .map(str::to_owned)
            .into_iter()
            .chain([
                commands.as_raw_fd().to_string(),
                reports.as_raw_fd().to_string(),
                mark.to_owned(),
                file(STATE_FILE),
                file(LIST_FILE),
            ])
            .collect()
    }

    /// Makes the files that a shell writes, so that nobody but root can read the secrets in them
    /// whatever the umask of a script. A first shell must not find the state of a boot that was
    /// killed.
    fn prepare_state(&self) -> io::Result<()> {
        self.make_state_dir()?;
        for name in [STATE_FILE, LIST_FILE] {
            let path = self.state_dir.join(name);
            if self.reported.is_none() {
                let _ = fs::remove_file(&path);
            }
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).mode(0o600).open(&path)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(())
    }

    /// The step that makes the directory may not have run.
    fn make_state_dir(&self) -> io::Result<()> {
        if let Some(parent) = self.state_dir.parent() {
            fs::create_dir_all(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(&self.state_dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::set_permissions(&self.state_dir, Permissions::from_mode(0o700))
    }

    /// The output of every shell of this boot.
    fn output(&mut self) -> io::Result<OwnedFd> {
        if let Some(output) = &self.output {
            return output.try_clone();
        }
        let output = output::open(&self.log)?;
        self.output = Some(output.try_clone()?);
        Ok(output)
    }

    fn write_snippet(&self, text: &str) -> io::Result<PathBuf> {
        self.make_state_dir()?;
        let path = self.state_dir.join(SNIPPET_FILE);
        let _ = fs::remove_file(&path);
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }
}

/// The state holds every variable, so it must not outlive the boot.
impl Drop for Shell {
    fn drop(&mut self) {
        self.group.store(0, Ordering::SeqCst);
        for name in [STATE_FILE, LIST_FILE, SNIPPET_FILE] {
            let _ = fs::remove_file(self.state_dir.join(name));
        }
    }
}

impl Running {
    /// Waits for the end of a script: its report, the shell's end, or both.
    fn wait(&mut self) -> io::Result<(Option<Report>, Option<Ending>)> {
        loop {
            let mut descriptors = [
                PollFd::new(self.reports.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.watch.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut descriptors, PollTimeout::NONE) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            // Looked at first: what the shell wrote before its end is then in the pipe.
            let ending = self.watch.ending();
            self.read_reports();
            let report = self.parser.next();
            match (&report, ending) {
                (Some(report), None) if !report.is_exit => return Ok((Some(report.clone()), None)),
                (_, Some(_)) => return Ok((report, ending)),
                // After the report of an exit the shell's own end follows at once.
                (Some(_), None) => {
                    let ending = self.wait_for_end()?;
                    return Ok((report, Some(ending)));
                }
                (None, None) => {}
            }
        }
    }

    fn wait_for_end(&self) -> io::Result<Ending> {
        loop {
            if let Some(ending) = self.watch.ending() {
                return Ok(ending);
            }
            let mut descriptors = [PollFd::new(self.watch.as_fd(), PollFlags::POLLIN)];
            match poll(&mut descriptors, PollTimeout::NONE) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn read_reports(&mut self) {
        let mut chunk = [0_u8; 16384];
        while let Ok(length) = self.reports.read(&mut chunk) {
            if length == 0 {
                break;
            }
            self.parser.push(&chunk[..length]);
        }
    }
}

fn quote(text: &str) -> io::Result<String> {
    shlex::try_quote(text)
        .map(std::borrow::Cow::into_owned)
        .map_err(io::Error::other)
}

const DRIVER: &str = include_str!("shell/driver.sh");
const STATE_FILE: &str = "shell-state";
const LIST_FILE: &str = "shell-names";
const SNIPPET_FILE: &str = "shell-snippet";

#[cfg(test)]
mod tests;
