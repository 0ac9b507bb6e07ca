//! A terminal of the sandbox, joined to the caller's, for `exec --tty`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use super::enter::handled_signals;
use super::launch::exit_code;
use super::system;

/// Opens a terminal on the file system of this process: the caller has entered the sandbox.
pub(super) fn open() -> anyhow::Result<(PtyMaster, OwnedFd)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let ours = posix_openpt(flags).context("open a terminal")?;
    grantpt(&ours).context("grant the terminal")?;
    unlockpt(&ours).context("unlock the terminal")?;
    let name = ptsname_r(&ours).context("name the terminal")?;
    let theirs = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(&name)
        .with_context(|| format!("open {name}"))?;
    Ok((ours, theirs.into()))
}

/// Makes `terminal` the standard streams and the controlling terminal of this process.
pub(super) fn adopt(terminal: &OwnedFd) -> anyhow::Result<()> {
    setsid().context("start a session")?;
    system::take_terminal(terminal).context("take the terminal")?;
    dup2_stdin(terminal).context("take standard input")?;
    dup2_stdout(terminal).context("take standard output")?;
    dup2_stderr(terminal).context("take standard error")
}

/// Carries bytes between the caller's terminal and ours until the child ends.
pub(super) fn relay(ours: &PtyMaster, child: Pid) -> anyhow::Result<i32> {
    let signals = SignalFd::with_flags(&handled_signals(), SfdFlags::SFD_CLOEXEC)
        .context("listen for signals")?;
    let _raw = Raw::set(io::stdin().as_fd());
    let mut typed = TypedInput::open()?;
    let mut terminal = File::from(
        ours.as_fd()
            .try_clone_to_owned()
            .context("share the terminal")?,
    );
    // False once the child has closed it: a hang-up would wake us again and again.
    let mut open = true;
    let _ = system::copy_window_size(io::stdin().as_fd(), ours.as_fd());
    loop {
        let ready = Ready::wait(&signals, open.then_some(&terminal), &typed)?;
        if ready.shown {
            open = show(&mut terminal);
        }
        if ready.typed {
            typed.carry(&mut terminal);
        }
        if ready.signalled
            && let Some(code) = handle_signal(&signals, ours, child)?
        {
            drain(&mut terminal);
            return Ok(code);
        }
    }
}

/// What can be read without waiting.
struct Ready {
    signalled: bool,
    shown: bool,
    typed: bool,
}

impl Ready {
    fn wait(
        signals: &SignalFd,
        terminal: Option<&File>,
        typed: &TypedInput,
    ) -> anyhow::Result<Self> {
        let mut waited = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        waited.extend(terminal.map(|terminal| PollFd::new(terminal.as_fd(), PollFlags::POLLIN)));
        waited.extend(typed.poll_fd());
        match poll(&mut waited, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("wait for the terminal"),
        }
        let mut ready = waited.iter().map(|fd| fd.any().unwrap_or(false));
        Ok(Self {
            signalled: ready.next().unwrap_or(false),
            shown: terminal.is_some() && ready.next().unwrap_or(false),
            typed: ready.next().unwrap_or(false),
        })
    }
}

fn handle_signal(signals: &SignalFd, ours: &PtyMaster, child: Pid) -> anyhow::Result<Option<i32>> {
    let Some(info) = signals.read_signal().context("read a signal")? else {
        return Ok(None);
    };
    let number = i32::try_from(info.ssi_signo).unwrap_or_default();
    let signal = Signal::try_from(number).context("name a signal")?;
    if signal == Signal::SIGCHLD {
        return exit_code(child);
    }
    if signal == Signal::SIGWINCH {
        let _ = system::copy_window_size(io::stdin().as_fd(), ours.as_fd());
    } else {
        let _ = kill(child, signal);
    }
    Ok(None)
}

/// Shows what the child wrote. False when nothing is left to come.
fn show(terminal: &mut File) -> bool {
    let mut buffer = [0; 4096];
    match terminal.read(&mut buffer) {
        Ok(count) if count > 0 => {
            let mut output = io::stdout().lock();
            let text = buffer.get(..count).unwrap_or_default();
            output.write_all(text).and_then(|()| output.flush()).is_ok()
        }
        Ok(_) | Err(_) => false,
    }
}

/// Shows the child's last words, without waiting for children of its own that hold the terminal.
fn drain(terminal: &mut File) {
    loop {
        let waited = terminal.try_clone();
        let Ok(waited) = waited else { return };
        let mut waited = [PollFd::new(waited.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut waited, PollTimeout::ZERO).is_ok_and(|count| count > 0);
        if !ready || !show(terminal) {
            return;
        }
    }
}

/// The caller's standard input, until it ends.
#[derive(Debug)]
struct TypedInput(Option<File>);

impl TypedInput {
    fn open() -> anyhow::Result<Self> {
        let input = io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .context("share standard input")?;
        Ok(Self(Some(input.into())))
    }

    fn poll_fd(&self) -> Option<PollFd<'_>> {
        self.0
            .as_ref()
            .map(|input| PollFd::new(input.as_fd(), PollFlags::POLLIN))
    }

    fn carry(&mut self, terminal: &mut File) {
        let Some(input) = &mut self.0 else { return };
        let mut buffer = [0; 4096];
        let count = input.read(&mut buffer).unwrap_or(0);
        if count == 0 {
            self.0 = None;
            // A terminal has no half-close: its end-of-file character says the same.
            let _ = terminal.write_all(&[END_OF_FILE]);
            return;
        }
        let _ = terminal.write_all(buffer.get(..count).unwrap_or_default());
    }
}

/// The caller's terminal in raw mode, until dropped.
struct Raw(Option<Termios>);

impl Raw {
    /// Does nothing when standard input is no terminal.
    fn set(input: BorrowedFd<'_>) -> Self {
        let Ok(before) = tcgetattr(input) else {
            return Self(None);
        };
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        let changed = tcsetattr(input, SetArg::TCSANOW, &raw).is_ok();
        Self(changed.then_some(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, before);
        }
    }
}

const END_OF_FILE: u8 = 4;
