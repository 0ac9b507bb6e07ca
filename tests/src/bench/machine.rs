//! Where and when a run was made, and with which builds. Reads only.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::unistd::Pid;
use testkit::Checkout;

use super::processes;

/// The facts printed above every table.
#[derive(Debug)]
pub(crate) struct Machine {
    date: String,
    revision: String,
    programs: PathBuf,
    processor: String,
    cores: usize,
    memory: String,
    kernel: String,
    load: String,
}

impl Machine {
    /// # Errors
    /// When the kernel does not show its figures.
    pub(crate) fn describe(checkout: &Checkout) -> anyhow::Result<Self> {
        Ok(Self {
            date: jiff::Timestamp::now()
                .strftime("%Y-%m-%d %H:%M UTC")
                .to_string(),
            revision: revision(checkout),
            programs: checkout.bin_dir(),
            processor: field("/proc/cpuinfo", "model name")?,
            cores: std::thread::available_parallelism()?.get(),
            memory: field("/proc/meminfo", "MemTotal")?,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            load: load_average()?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "date      {}", self.date)?;
        writeln!(
            f,
            "berth     {} ({})",
            env!("CARGO_PKG_VERSION"),
            self.revision
        )?;
        writeln!(f, "programs  {}", self.programs.display())?;
        writeln!(
            f,
            "machine   {} x {}, {}",
            self.cores, self.processor, self.memory
        )?;
        writeln!(f, "kernel    {}", self.kernel)?;
        write!(f, "load      {} at the start", self.load)
    }
}

/// The three load averages. Figures of a busy machine are worth less.
///
/// # Errors
/// When the kernel does not show them.
pub(crate) fn load_average() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/loadavg").context("read /proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// What others do on the machine meanwhile: figures are worth less the more that is.
#[derive(Debug)]
pub(crate) struct Others {
    began: Instant,
    busy: Duration,
    own: Duration,
}

impl Others {
    /// Looks from here on.
    ///
    /// # Errors
    /// When the kernel does not show who uses the processors.
    pub(crate) fn watch() -> anyhow::Result<Self> {
        Ok(Self {
            began: Instant::now(),
            busy: processes::busy_time()?,
            own: processes::processor_time(Pid::this())?,
        })
    }

    /// The share of all processors that neither was idle nor went to this process and those it
    /// started, in percent.
    ///
    /// # Errors
    /// As [`Self::watch`].
    pub(crate) fn share(&self) -> anyhow::Result<f64> {
        let busy = processes::busy_time()?.saturating_sub(self.busy);
        let own = processes::processor_time(Pid::this())?.saturating_sub(self.own);
        let cores = u32::try_from(std::thread::available_parallelism()?.get())?;
        let all = self.began.elapsed() * cores;
        Ok(busy.saturating_sub(own).as_secs_f64() / all.as_secs_f64() * 100.0)
    }
}

fn field(file: &str, name: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("read {file}"))?;
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line
        .and_then(|line| line.split_once(':'))
        .map_or("unknown", |(_, value)| value);
    Ok(value.trim().to_owned())
}

fn revision(checkout: &Checkout) -> String {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(checkout.top())
        .args(["describe", "--always", "--dirty"]);
    match git.output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        // A source archive has no history.
        Ok(_) | Err(_) => "no revision".to_owned(),
    }
}
