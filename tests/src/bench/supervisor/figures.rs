//! The figures of a supervisor, each measured from outside.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::rest;
use super::super::row::Goal;
use super::super::supervised::{Line, Supervised, Supervisor};

/// Something that is measured, and what was promised about it.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    /// The figure of the contracts: stock Supervisor on a machine like this.
    pub(crate) recorded: Option<f64>,
    /// The values of one round.
    pub(crate) measure: fn(&Supervisor) -> anyhow::Result<Vec<f64>>,
}

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        name: "killed service is back",
        unit: "ms",
        goal: Goal::AtMost(50.0),
        recorded: Some(1003.0),
        measure: killed_service,
    },
    Figure {
        name: "200 programs started",
        unit: "s",
        goal: Goal::AtMost(0.5),
        recorded: Some(2.79),
        measure: |supervisor| started(supervisor, MANY),
    },
    Figure {
        name: "1000 programs started",
        unit: "s",
        goal: Goal::AtMostPeer,
        recorded: None,
        measure: |supervisor| started(supervisor, VERY_MANY),
    },
    Figure {
        name: "supervisorctl status, 200 programs",
        unit: "ms",
        goal: Goal::AtMost(10.0),
        recorded: Some(130.0),
        measure: status,
    },
    Figure {
        name: "resident memory, 200 programs",
        unit: "MiB",
        goal: Goal::AtMost(10.0),
        recorded: Some(27.7),
        measure: memory,
    },
    Figure {
        name: "wake-ups in 10 s, idle",
        unit: "times",
        goal: Goal::AtMost(0.0),
        recorded: None,
        measure: wake_ups,
    },
    Figure {
        name: "256 MiB of log lines, three tiers to one",
        unit: "s",
        goal: Goal::AtMostPeer,
        recorded: None,
        measure: logged,
    },
];

/// Milliseconds from the signal to the first act of the next process.
fn killed_service(supervisor: &Supervisor) -> anyhow::Result<Vec<f64>> {
    let supervised = Supervised::start(supervisor, VICTIM)?;
    let mut victim = pid_in(&supervised.told()?)?;
    let mut values = Vec::new();
    for _ in 0..KILLS {
        // A service that just started would be a crash loop, which is held back on purpose.
        rest(SETTLED);
        let killed = Instant::now();
        kill(victim, Signal::SIGKILL).context("kill the service")?;
        let back = supervised.told()?;
        values.push(milliseconds(back.at.duration_since(killed)));
        victim = pid_in(&back)?;
    }
    Ok(values)
}

/// Seconds from the start of the supervisor to the last program RUNNING.
fn started(supervisor: &Supervisor, count: usize) -> anyhow::Result<Vec<f64>> {
    let (_, taken) = with_sleepers(supervisor, count)?;
    Ok(vec![taken.as_secs_f64()])
}

/// Milliseconds from the start of the client to its end.
fn status(supervisor: &Supervisor) -> anyhow::Result<Vec<f64>> {
    let (supervised, _) = with_sleepers(supervisor, MANY)?;
    let mut values = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        let printed = supervised.ctl(supervisor, "status")?;
        values.push(milliseconds(began.elapsed()));
        let running = printed.matches("RUNNING").count();
        ensure!(running == MANY, "{running} of {MANY} RUNNING: {printed:?}");
    }
    Ok(values)
}

/// What stays in memory of the supervisor's process, in MiB.
fn memory(supervisor: &Supervisor) -> anyhow::Result<Vec<f64>> {
    let (supervised, _) = with_sleepers(supervisor, MANY)?;
    rest(SETTLED);
    let status = format!("/proc/{}/status", supervised.pid()?);
    let status = fs::read_to_string(status).context("read the supervisor's size")?;
    let kibibytes = number_after(&status, "VmRSS:").context("find the supervisor's size")?;
    Ok(vec![kibibytes / 1024.0])
}

/// How often any thread of the supervisor was given a processor while nothing happened.
fn wake_ups(supervisor: &Supervisor) -> anyhow::Result<Vec<f64>> {
    let (supervised, _) = with_sleepers(supervisor, FEW)?;
    rest(SETTLED);
    let before = switches(supervised.pid()?)?;
    rest(IDLE);
    Ok(vec![switches(supervised.pid()?)? - before])
}

/// Seconds until every line that one program writes, as fast as it can, stands in every log: raw,
/// clean and on the supervisor's output for ours, in one file for the stock supervisor.
fn logged(supervisor: &Supervisor) -> anyhow::Result<Vec<f64>> {
    let (keys, logs): (_, &[&str]) = match supervisor {
        Supervisor::Ours(_) => ("log_tiers=true", &["raw/writer.log", "clean/writer.log"]),
        Supervisor::Stock(_) => ("stdout_logfile={dir}/writer.log", &["writer.log"]),
    };
    let programs = format!("{WRITER}{keys}\n");
    let supervised = Supervised::start(supervisor, &programs)?;
    // The program waits until it has something to write.
    write_lines(&supervised.dir().join("lines"))?;
    let began = supervised.told()?.at;
    for log in logs {
        await_last_line(&supervised.dir().join(log))?;
    }
    if let Supervisor::Ours(_) = supervisor {
        supervised.until(LAST, 1)?;
    }
    Ok(vec![began.elapsed().as_secs_f64()])
}

/// A supervisor whose programs all run, and how long that took.
fn with_sleepers(supervisor: &Supervisor, count: usize) -> anyhow::Result<(Supervised, Duration)> {
    let mut programs = String::new();
    for number in 0..count {
        // A String never refuses to be written to.
        let _ = write!(
            programs,
            "[program:p{number:03}]\ncommand=/bin/sleep infinity\nstartsecs=0\n\n"
        );
    }
    let supervised = Supervised::start(supervisor, &programs)?;
    let taken = supervised.until("entered RUNNING state", count)?;
    let running = supervised.running("sleep")?;
    ensure!(running == count, "{running} of {count} programs really run");
    Ok((supervised, taken))
}

fn pid_in(line: &Line) -> anyhow::Result<Pid> {
    let pid = line
        .text
        .trim()
        .parse()
        .with_context(|| format!("read the pid {:?}", line.text))?;
    Ok(Pid::from_raw(pid))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Context switches of all threads so far.
fn switches(pid: Pid) -> anyhow::Result<f64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).context("list the threads")?;
    let mut sum = 0.0;
    for thread in threads {
        let status = fs::read_to_string(thread?.path().join("status"))?;
        for kind in [
            "\nvoluntary_ctxt_switches:",
            "\nnonvoluntary_ctxt_switches:",
        ] {
            sum += number_after(&status, kind).context("find the switches of a thread")?;
        }
    }
    Ok(sum)
}

fn number_after(text: &str, name: &str) -> Option<f64> {
    let (_, rest) = text.split_once(name)?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Lines of a hundred bytes that begin with a blank, by which they are told from those of the
/// supervisor, and one to know the end by. The file is there when it is complete.
fn write_lines(path: &Path) -> anyhow::Result<()> {
    let draft = path.with_extension("draft");
    let mut file = BufWriter::new(File::create(&draft).context("write the lines")?);
    for number in 0..LINES {
        writeln!(
            file,
            "{number:>9} {}",
            "a line of a program ".repeat(4) + "ends here"
        )?;
    }
    writeln!(file, "{LAST}")?;
    file.flush()?;
    fs::rename(draft, path).context("publish the lines")
}

/// Waits until a log ends with the last line; it may be set aside meanwhile.
fn await_last_line(log: &Path) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let old = log.with_extension("log.old");
    while !ends_with_last_line(log) && !ends_with_last_line(&old) {
        if Instant::now() > deadline {
            bail!("{} never got its last line", log.display());
        }
        rest(Duration::from_millis(2));
    }
    Ok(())
}

fn ends_with_last_line(log: &Path) -> bool {
    let end = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let mut end = String::new();
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(64)))?;
        file.read_to_string(&mut end)?;
        Ok(end)
    };
    end().is_ok_and(|end| end.trim_end().ends_with(LAST))
}

/// Tells its pid as its first act.
const VICTIM: &str = "\
[program:victim]
command=/bin/sh -c 'echo $$ >{dir}/told; exec sleep infinity'
autorestart=true
";
/// Tells when it begins to write.
const WRITER: &str = "\
[program:writer]
command=/bin/sh -c 'until [ -e {dir}/lines ]; do sleep 0.05; done; echo begun >{dir}/told; exec cat {dir}/lines'
autorestart=false
stdout_logfile_maxbytes=0
";
const LAST: &str = "the last line of the benchmark";
const LINES: usize = (256 << 20) / 100;
const KILLS: usize = 3;
const CALLS: usize = 5;
const FEW: usize = 10;
const MANY: usize = 200;
const VERY_MANY: usize = 1000;
const SETTLED: Duration = Duration::from_millis(1500);
const IDLE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);
