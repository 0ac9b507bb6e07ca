//! The `proxyd` program: authenticated HTTPS in front of every app.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::main(
        daemon::About {
            name: "proxyd",
            version: env!("CARGO_PKG_VERSION"),
            purpose: "Authenticated HTTPS in front of every app of an instance",
        },
        proxyd::run,
    )
}
