//! PID 1 of an instance.

use std::process::ExitCode;

fn main() -> ExitCode {
    bootd::main()
}
