//! The real NVML path against small libraries that lack most of NVML, as very old drivers do.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop anywhere"
)]

use std::{fs, path::Path, process::Command};

use gpuprobe::{Device, FailureKind, Nvml, Pulse, Source as _};

/// What every library below begins with: a driver with one device.
const ONE_DEVICE: &str = r"
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = &nvmlInit_v2; return 0; }
";

#[test]
fn a_library_without_shutdown_is_opened_read_and_closed_without_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let pulse = Pulse::default();
    let mut nvml = library(dir.path(), ONE_DEVICE);
    nvml.open(&pulse).unwrap();
    let readings = nvml.read(&pulse).unwrap();
    // Not one field is offered, and none is made up.
    assert_eq!(readings[0].values, Ok(Box::new(Device::default())));
    assert_eq!(nvml.processes(&pulse), [[]]);
    nvml.close(&pulse);
    nvml.open(&pulse).unwrap();
    drop(nvml);
}

#[test]
fn values_come_through_and_the_library_is_shut_down() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("shut_down");
    let source = format!(
        r#"{ONE_DEVICE}
#include <stdio.h>
#include <string.h>
int nvmlShutdown(void) {{ fclose(fopen("{}", "w")); return 0; }}
int nvmlSystemGetDriverVersion(char *text, unsigned length) {{ strncpy(text, "580.82.07", length); return 0; }}
int nvmlSystemGetCudaDriverVersion_v2(int *version) {{ *version = 13020; return 0; }}
int nvmlDeviceGetUtilizationRates(void *d, unsigned *rates) {{ rates[0] = 97; rates[1] = 12; return 0; }}
int nvmlDeviceGetPowerUsage(void *d, unsigned *power) {{ *power = 250000; return 0; }}
int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *t) {{ *t = 66; return 0; }}
int nvmlDeviceGetFanSpeed_v2(void *d, unsigned fan, unsigned *speed) {{ return 3; }}
"#,
        told.display()
    );
    let pulse = Pulse::default();
    let mut nvml = library(dir.path(), &source);
    let driver = nvml.open(&pulse).unwrap();
    assert_eq!(
        (driver.version.as_str(), driver.cuda.as_str()),
        ("580.82.07", "13.2")
    );
    let values = nvml.read(&pulse).unwrap().remove(0).values.unwrap();
    assert_eq!(values.utilization_percent, Some(97));
    assert_eq!(values.memory_utilization_percent, Some(12));
    assert_eq!(values.power_milliwatts, Some(250_000));
    assert_eq!(values.temperature_celsius, Some(66));
    assert_eq!(values.fan_percent, None);
    assert_eq!(values.memory_total_bytes, None);
    assert!(!told.exists());
    nvml.close(&pulse);
    assert!(told.exists());
}

#[test]
fn a_lost_device_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let source = r"
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
static int devices[2];
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **device) { *device = &devices[i]; return 0; }
int nvmlDeviceGetPowerUsage(void *d, unsigned *power) { *power = 1; return d == &devices[1] ? 15 : 0; }
";
    let pulse = Pulse::default();
    let mut nvml = library(dir.path(), source);
    nvml.open(&pulse).unwrap();
    let readings = nvml.read(&pulse).unwrap();
    assert_eq!(
        readings[0].values.as_ref().unwrap().power_milliwatts,
        Some(1)
    );
    let lost = readings[1].values.as_ref().unwrap_err();
    assert!(lost.contains("fell off the bus"), "{lost}");
}

#[test]
fn a_driver_that_refuses_says_which_way() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        (9, FailureKind::NotLoaded),
        (18, FailureKind::Mismatch),
        (999, FailureKind::Detached),
        (27, FailureKind::Other),
    ];
    for (code, kind) in cases {
        let source = format!("int nvmlInit_v2(void) {{ return {code}; }}");
        let failure = library(dir.path(), &source)
            .open(&Pulse::default())
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
    }
}

/// Compiles a library of its own name: the loader would hand out the first of equal names again.
fn library(dir: &Path, source: &str) -> Nvml {
    let number = fs::read_dir(dir).unwrap().count();
    let c = dir.join(format!("nvml{number}.c"));
    let so = dir.join(format!("libnvml{number}.so"));
    fs::write(&c, source).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-o"])
        .args([&so, &c])
        .output()
        .expect("a C compiler, which building Berth needs anyway");
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{said}");
    Nvml::new(so.display().to_string())
}
