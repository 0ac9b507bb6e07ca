//! The tunneld program.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::main(
        daemon::About {
            name: "tunneld",
            version: env!("CARGO_PKG_VERSION"),
            purpose: "Finds ways from outside to the apps and serves berth.tunnel.v1.",
        },
        |settings: tunneld::Settings, context| tunneld::run(settings, context),
    )
}
