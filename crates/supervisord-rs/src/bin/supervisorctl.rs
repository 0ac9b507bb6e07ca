//! `supervisorctl`: what a person or script tells supervisord.

use std::process::ExitCode;

fn main() -> ExitCode {
    supervisord_rs::ctl::main()
}
