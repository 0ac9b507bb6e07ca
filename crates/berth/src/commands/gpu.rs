//! `berth gpu`: the GPUs and who uses them.

use api::gpu::{Device, DriverState, GpuProcess, GpuSnapshot};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Exit, Failure},
    paint::{Paint, Tone},
    sockets::Sockets,
    span,
    table::{self, Cell},
    words,
};

pub(crate) async fn run(sockets: &Sockets, paint: Paint) -> Result<Answer, Failure> {
    let gpu = sockets.gpu().await?.snapshot;
    let broken = gpu.devices.iter().any(|device| !device.error.is_empty());
    Ok(Answer {
        text: text(&gpu, paint, span::now()),
        json: json(&gpu),
        exit: Exit::when(is_fine(gpu.state()) && !broken),
    })
}

/// Whether nothing is broken. A machine without a GPU is not.
pub(crate) fn is_fine(state: DriverState) -> bool {
    match state {
        DriverState::Ok | DriverState::NoDriver | DriverState::NoDevice => true,
        DriverState::Unspecified
        | DriverState::Mismatch
        | DriverState::Hung
        | DriverState::Error => false,
    }
}

fn text(gpu: &GpuSnapshot, paint: Paint, now: u64) -> String {
    let (_, tone) = words::driver(gpu.state());
    let mut text = paint.apply(tone, &gpu.state_text);
    if !gpu.driver_version.is_empty() {
        text.push_str(&format!(", driver {}", gpu.driver_version));
    }
    if !gpu.cuda_version.is_empty() {
        text.push_str(&format!(", CUDA up to {}", gpu.cuda_version));
    }
    if gpu.sampled_unix_us > 0 {
        text.push_str(&format!(", {} ago", span::since(now, gpu.sampled_unix_us)));
    }
    text.push('\n');
    if !gpu.advice.is_empty() {
        text.push_str(&gpu.advice);
        text.push('\n');
    }
    if !gpu.devices.is_empty() {
        text.push('\n');
        text.push_str(&devices(&gpu.devices, paint));
    }
    let users: Vec<[Cell; 4]> = gpu.devices.iter().flat_map(users).collect();
    if !users.is_empty() {
        text.push('\n');
        let head = ["GPU", "PID", "MEMORY", "PROCESS"];
        text.push_str(&table::render(paint, head, users));
    }
    text
}

fn devices(devices: &[Device], paint: Paint) -> String {
    let head = [
        "GPU", "NAME", "USE", "MEMORY", "TEMP", "POWER", "SM", "FAN", "PROBLEM",
    ];
    table::render(paint, head, devices.iter().map(device).collect())
}

fn device(device: &Device) -> [Cell; 9] {
    [
        device.index.to_string().into(),
        device.name.as_str().into(),
        with(device.utilization_percent, " %").into(),
        of(
            device.memory_used_bytes.map(span::size),
            device.memory_total_bytes.map(span::size),
        )
        .into(),
        with(device.temperature_celsius, " °C").into(),
        of(
            device.power_milliwatts.map(watts),
            device.power_limit_milliwatts.map(watts),
        )
        .into(),
        with(device.sm_clock_mhz, " MHz").into(),
        with(device.fan_percent, " %").into(),
        Cell::new(Tone::Bad, device.error.as_str()),
    ]
}

fn users(device: &Device) -> Vec<[Cell; 4]> {
    let row = |process: &GpuProcess| {
        let name = if process.name.is_empty() {
            Cell::new(Tone::Faint, "(not in this container)")
        } else {
            process.name.as_str().into()
        };
        [
            device.index.to_string().into(),
            process.pid.to_string().into(),
            process
                .memory_used_bytes
                .map_or_else(|| "-".to_owned(), span::size)
                .into(),
            name,
        ]
    };
    device.processes.iter().map(row).collect()
}

fn with(value: Option<u32>, unit: &str) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value}{unit}"))
}

fn of(used: Option<String>, total: Option<String>) -> String {
    match (used, total) {
        (Some(used), Some(total)) => format!("{used} of {total}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "-".to_owned(),
    }
}

fn watts(milliwatts: u32) -> String {
    format!("{} W", milliwatts / 1000)
}

fn json(gpu: &GpuSnapshot) -> Value {
    let device = |device: &Device| {
        json!({
            "index": device.index,
            "uuid": device.uuid,
            "name": device.name,
            "pci_bus_id": device.pci_bus_id,
            "error": device.error,
            "utilization_percent": device.utilization_percent,
            "memory_utilization_percent": device.memory_utilization_percent,
            "memory_total_bytes": device.memory_total_bytes,
            "memory_used_bytes": device.memory_used_bytes,
            "temperature_celsius": device.temperature_celsius,
            "power_milliwatts": device.power_milliwatts,
            "power_limit_milliwatts": device.power_limit_milliwatts,
            "sm_clock_mhz": device.sm_clock_mhz,
            "memory_clock_mhz": device.memory_clock_mhz,
            "fan_percent": device.fan_percent,
            "processes": device.processes.iter().map(|p| json!({
                "pid": p.pid,
                "memory_used_bytes": p.memory_used_bytes,
                "name": p.name,
            })).collect::<Vec<_>>(),
        })
    };
    json!({
        "epoch": gpu.epoch,
        "generation": gpu.generation,
        "state": words::driver(gpu.state()).0,
        "state_text": gpu.state_text,
        "advice": gpu.advice,
        "driver_version": gpu.driver_version,
        "cuda_version": gpu.cuda_version,
        "sampled_unix_us": gpu.sampled_unix_us,
        "devices": gpu.devices.iter().map(device).collect::<Vec<_>>(),
    })
}
