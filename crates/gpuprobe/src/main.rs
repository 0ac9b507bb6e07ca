//! The gpuprobe program.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::main(
        daemon::About {
            name: "gpuprobe",
            version: env!("CARGO_PKG_VERSION"),
            purpose: "Reads NVIDIA devices through NVML and serves berth.gpu.v1.",
        },
        |settings: gpuprobe::Settings, context| gpuprobe::run(settings, context),
    )
}
