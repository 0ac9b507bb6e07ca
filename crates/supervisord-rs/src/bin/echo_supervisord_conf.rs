//! `echo_supervisord_conf`: prints a sample configuration.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

fn main() -> ExitCode {
    match io::stdout().write_all(supervisord_rs::SAMPLE_CONFIGURATION.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
