//! `make bench`: measures what Berth promises beside what it replaces.
//!
//! See docs/benchmarks.md for how it measures. Exit codes: 0 measured (also when a goal does not
//! hold), 1 a measurement failed, 2 wrong usage.

#[path = "../bench/run.rs"]
mod run;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let options = run::Options::parse();
    match run::run(&options) {
        Ok(run::Outcome::Measured) => ExitCode::SUCCESS,
        Ok(run::Outcome::Incomplete) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to do when standard error is gone.
            let _ = writeln!(std::io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
