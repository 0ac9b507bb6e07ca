//! `supervisord`: keeps the programs of an instance running.

use std::process::ExitCode;

fn main() -> ExitCode {
    supervisord_rs::main()
}
