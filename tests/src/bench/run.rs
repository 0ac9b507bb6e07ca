//! One run of the benchmarks: chosen groups, one after the other, then the reports.
//!
//! Owns the order of things and the exit code. A goal that does not hold is a result and not a
//! failure; a measurement that could not be made is a failure and never a row.

mod boot;
mod https;
mod machine;
mod memory;
mod peer;
mod processes;
mod proxy;
mod report;
mod row;
mod sample;
mod stack;
mod supervised;
mod supervisor;

use std::io::Write;

use anyhow::Context;
use testkit::Checkout;

use machine::Machine;
use report::Report;
use row::{Found, Group};

/// Measures Berth beside what it replaces; writes target/bench/results.json.
#[derive(Debug, clap::Parser)]
#[command(name = "bench", version)]
pub(crate) struct Options {
    /// Measure this group only.
    #[arg(long, value_enum)]
    only: Option<Group>,
    /// Interleaved rounds of each measurement; below 5 the medians mean little.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Seconds between the first answer and the memory measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    idle: u64,
}

/// How a run ended when nothing went wrong around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every measurement was made.
    Measured,
    /// At least one measurement could not be made.
    Incomplete,
}

/// Runs the chosen groups and writes the reports.
///
/// # Errors
/// When the environment is not usable at all or a report cannot be written.
pub(crate) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let checkout = Checkout::find();
    let machine = Machine::describe(&checkout)?;
    say(&machine.to_string())?;
    let mut report = Report::default();
    let mut outcome = Outcome::Measured;
    for group in Group::ALL {
        if options.only.is_some_and(|only| only != group) {
            continue;
        }
        let found = measure(group, options, &checkout);
        if found.rows.is_empty() && found.failures.is_empty() {
            say(&format!("{group}: no rows yet"))?;
        }
        for failure in &found.failures {
            outcome = Outcome::Incomplete;
            say(&format!("{group}: measurement failed: {failure:#}"))?;
        }
        report.rows.extend(found.rows);
    }
    if !report.rows.is_empty() {
        say(&format!("\n{}", report.table()))?;
    }
    say(&format!(
        "load average at the end: {}",
        machine::load_average()?
    ))?;
    let dir = checkout.top().join("target/bench");
    let written = report.write(&dir, &machine)?;
    say(&format!("written: {}", written.display()))?;
    Ok(outcome)
}

fn measure(group: Group, options: &Options, checkout: &Checkout) -> Found {
    match group {
        Group::Boot => boot::measure(options, checkout).into(),
        Group::Supervisor => supervisor::measure(options, checkout).into(),
        Group::Proxy => proxy::measure(options, checkout),
        Group::Sync | Group::Tunnel | Group::Gpu | Group::Portal => Found::default(),
    }
}

/// One line for the person who watches.
fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("write to standard output")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark lets the system rest for a stated time; nothing signals the end of that"
)]
fn rest(pause: std::time::Duration) {
    std::thread::sleep(pause);
}
