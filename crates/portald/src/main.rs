//! The web page of an instance: apps, processes, logs, tunnels, GPU.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::main(
        daemon::About {
            name: "portald",
            version: env!("CARGO_PKG_VERSION"),
            purpose: "The web page of an instance: apps, processes, logs, tunnels, GPU",
        },
        |settings: portald::Settings, context| portald::run(settings, context),
    )
}
