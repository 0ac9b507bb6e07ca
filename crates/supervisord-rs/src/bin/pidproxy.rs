//! `pidproxy PIDFILE COMMAND [ARGUMENTS]`: runs a command that leaves its real process in the
//! background, and stands in for that process.

use std::process::ExitCode;

fn main() -> ExitCode {
    supervisord_rs::pidproxy()
}
