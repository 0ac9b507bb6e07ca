//! Group supervisor: how soon a killed service is back, and how soon many programs run.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::Checkout;

use super::peer::Venv;
use super::row::{Goal, Group, Peer, Row};
use super::sample::Sample;
use super::supervised::{Line, Supervised, Supervisor};
use super::{Options, rest, say};

/// Runs ours and the stock supervisor in turn on the same configuration.
///
/// # Errors
/// When any round fails: a median over fewer rounds would hide it.
pub(crate) fn measure(options: &Options, checkout: &Checkout) -> anyhow::Result<Vec<Row>> {
    let venv = Venv::find(checkout)?;
    let ours = Supervisor::Ours(checkout.bin_dir().join("supervisord"));
    let stock = Supervisor::Stock {
        python: venv.program("python3"),
        script: venv.program("supervisord"),
    };
    let mut our_figures = Figures::default();
    let mut stock_figures = Figures::default();
    for round in 1..=options.rounds {
        for (name, supervisor, figures) in [
            ("ours", &ours, &mut our_figures),
            ("stock", &stock, &mut stock_figures),
        ] {
            let back = killed_service(supervisor).with_context(|| format!("kill under {name}"))?;
            let many = many_programs(supervisor).with_context(|| format!("start {name}"))?;
            say(&format!(
                "supervisor round {round}, {name}: back after {back:.1?} ms, all started after \
                 {many:.3} s"
            ))?;
            figures.back.extend(back);
            figures.many.push(many);
        }
    }
    rows(our_figures, stock_figures, &venv.version("supervisor")?)
}

/// The values of one supervisor.
#[derive(Debug, Default)]
struct Figures {
    /// Milliseconds from the signal to the first act of the next process.
    back: Vec<f64>,
    /// Seconds from the start of the supervisor to the last program RUNNING.
    many: Vec<f64>,
}

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
        values.push(back.at.duration_since(killed).as_secs_f64() * 1000.0);
        victim = pid_in(&back)?;
    }
    Ok(values)
}

fn many_programs(supervisor: &Supervisor) -> anyhow::Result<f64> {
    let mut programs = String::new();
    for number in 0..MANY {
        // A String never refuses to be written to.
        let _ = write!(
            programs,
            "[program:p{number:03}]\ncommand=/bin/sleep infinity\nstartsecs=0\n\n"
        );
    }
    let supervised = Supervised::start(supervisor, &programs)?;
    let taken = supervised.until("entered RUNNING state", MANY)?;
    let running = supervised.running("sleep")?;
    ensure!(running == MANY, "{running} of {MANY} programs really run");
    Ok(taken.as_secs_f64())
}

fn pid_in(line: &Line) -> anyhow::Result<Pid> {
    let pid = line
        .text
        .trim()
        .parse()
        .with_context(|| format!("read the pid {:?}", line.text))?;
    Ok(Pid::from_raw(pid))
}

fn rows(ours: Figures, stock: Figures, version: &str) -> anyhow::Result<Vec<Row>> {
    let (back, many) = (Sample::new(ours.back)?, Sample::new(ours.many)?);
    let live = |values| -> anyhow::Result<Peer> {
        let (program, version) = ("supervisor".to_owned(), version.to_owned());
        Ok(Peer::Live {
            sample: Sample::new(values)?,
            program,
            version,
        })
    };
    let killed = |peer| Row {
        group: Group::Supervisor,
        name: "killed service is back",
        unit: "ms",
        ours: back.clone(),
        peer: Some(peer),
        goal: Goal::AtMost(50.0),
    };
    let started = |peer| Row {
        group: Group::Supervisor,
        name: "200 programs started",
        unit: "s",
        ours: many.clone(),
        peer: Some(peer),
        goal: Goal::AtMost(0.5),
    };
    Ok(vec![
        killed(live(stock.back)?),
        killed(recorded(1003.0)),
        started(live(stock.many)?),
        started(recorded(2.79)),
    ])
}

/// A figure of the contracts: stock Supervisor on a machine like this.
fn recorded(value: f64) -> Peer {
    Peer::Recorded {
        value,
        program: "supervisor",
        version: "4.3.0",
    }
}

/// Tells its pid as its first act.
const VICTIM: &str = "\
[program:victim]
command=/bin/sh -c 'echo $$ >{dir}/told; exec sleep infinity'
autorestart=true
";
const KILLS: usize = 3;
const MANY: usize = 200;
const SETTLED: Duration = Duration::from_millis(1500);
