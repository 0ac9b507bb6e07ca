//! The child that becomes PID 1: from fork to exec. Single-threaded; it never returns.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{dup2_stdin, execve, sethostname, setsid};

use super::launch::{FAILED, UNSHARED};
use super::spec::{Network, Privileges, Spec};
use super::{filesystem, system};

/// The two pipe ends that init speaks to the outer process with.
#[derive(Debug)]
pub(super) struct Talk {
    /// Carries the progress bytes, then an error text; exec closes it.
    pub(super) report: File,
    /// Carries one byte once the outer process is ready.
    pub(super) go: File,
}

/// Builds the sandbox around this process and becomes the command.
pub(super) fn become_init(spec: &Spec, scratch: &Path, mut talk: Talk) -> ! {
    let Err(error) = prepare(spec, scratch, &mut talk);
    // Should the outer process be gone, nobody is left to tell.
    let _ = talk.report.write_all(&[FAILED]);
    let _ = write!(talk.report, "{error:#}");
    system::exit_now(125)
}

fn prepare(spec: &Spec, scratch: &Path, talk: &mut Talk) -> anyhow::Result<Infallible> {
    set_pdeathsig(Signal::SIGKILL).context("tie init to the outer process")?;
    setsid().context("start a session")?;
    unshare(namespaces(spec.network)).context("unshare namespaces")?;
    talk.report
        .write_all(&[UNSHARED])
        .context("report to the outer process")?;
    // An end of file here means that the outer process died before the tie above existed.
    talk.go
        .read_exact(&mut [0])
        .context("wait for the outer process")?;
    umask(Mode::from_bits_truncate(0o022));
    sethostname(spec.name.as_str()).context("set the host name")?;
    match spec.network {
        Network::Private => system::bring_up_loopback().context("bring up loopback")?,
        Network::Host => {}
    }
    filesystem::enter_new_root(spec, scratch)?;
    let command = Command::resolve(&spec.command, &spec.environment)?;
    command.execute(spec.privileges)
}

pub(super) fn namespaces(network: Network) -> CloneFlags {
    let own = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    match network {
        Network::Private => own | CloneFlags::CLONE_NEWNET,
        Network::Host => own,
    }
}

/// A program ready for exec: found on the path, all strings in C form.
#[derive(Debug)]
pub(super) struct Command {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Command {
    pub(super) fn resolve(
        command: &[String],
        environment: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let name = command.first().context("the command is empty")?;
        let path = environment.iter().rev().find(|(key, _)| key == "PATH");
        let program = find_program(name, path.map_or("", |(_, value)| value))?;
        let c = |text: &str| CString::new(text).with_context(|| format!("{text:?} contains NUL"));
        Ok(Self {
            program: CString::new(program.as_os_str().as_encoded_bytes())?,
            arguments: command
                .iter()
                .map(|argument| c(argument))
                .collect::<Result<_, _>>()?,
            environment: environment
                .iter()
                .map(|(key, value)| c(&format!("{key}={value}")))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Becomes init, with nothing on standard input.
    fn execute(self, privileges: Privileges) -> anyhow::Result<Infallible> {
        let null = File::open("/dev/null").context("open /dev/null")?;
        dup2_stdin(&null).context("detach standard input")?;
        drop_privileges(privileges)?;
        self.exec()
    }

    /// Becomes the program.
    pub(super) fn exec(self) -> anyhow::Result<Infallible> {
        system::keep_only_standard_descriptors().context("mark descriptors")?;
        system::reset_signals().context("reset signals")?;
        execve(&self.program, &self.arguments, &self.environment)
            .with_context(|| format!("run {}", self.program.to_string_lossy()))
    }
}

pub(super) fn drop_privileges(privileges: Privileges) -> anyhow::Result<()> {
    match privileges {
        Privileges::Full => Ok(()),
        Privileges::Container => {
            system::keep_only_container_capabilities().context("drop capabilities")
        }
    }
}

fn find_program(name: &str, path: &str) -> anyhow::Result<PathBuf> {
    if name.contains('/') {
        return Ok(name.into());
    }
    let runs = |file: &PathBuf| {
        fs::metadata(file)
            .is_ok_and(|kind| kind.is_file() && kind.permissions().mode() & 0o111 != 0)
    };
    match path
        .split(':')
        .map(|dir| Path::new(dir).join(name))
        .find(runs)
    {
        Some(found) => Ok(found),
        None => bail!("no program {name} on the path {path}"),
    }
}
