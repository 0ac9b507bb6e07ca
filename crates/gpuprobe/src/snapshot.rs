//! What is known about the GPUs, and what each state means in words. Pure.

use crate::{Driver, Failure, FailureKind, Identity, Reading};

/// The newest knowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Grows with every change.
    pub generation: u64,
    /// What state the driver is in.
    pub state: State,
    /// The driver; empty fields if unknown.
    pub driver: Driver,
    /// When the devices were read, microseconds since the Unix epoch; 0 if never.
    pub sampled_unix_us: u64,
    /// The devices, in index order.
    pub readings: Vec<Reading>,
    /// Processes on each device, in the same order; shorter if not asked yet.
    pub processes: Vec<Vec<Process>>,
}

/// The driver as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is known yet.
    Starting,
    /// At least one device answers.
    Ok,
    /// The driver works and finds no device.
    NoDevice,
    /// The driver cannot be used.
    Failed(Failure),
    /// Every device fails.
    AllLost {
        /// How many there are.
        devices: usize,
    },
    /// A call has not returned.
    Hung {
        /// Name of the call.
        call: &'static str,
        /// Seconds it has been under way when this was noticed.
        seconds: u64,
    },
}

/// Values of one device. Absent means that the device does not offer it, never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Percent of the last sample period in which a kernel ran.
    pub utilization_percent: Option<u32>,
    /// Percent of the last sample period in which device memory was read or written.
    pub memory_utilization_percent: Option<u32>,
    /// Bytes.
    pub memory_total_bytes: Option<u64>,
    /// Bytes.
    pub memory_used_bytes: Option<u64>,
    /// Degrees Celsius of the die.
    pub temperature_celsius: Option<u32>,
    /// Milliwatts.
    pub power_milliwatts: Option<u32>,
    /// Milliwatts.
    pub power_limit_milliwatts: Option<u32>,
    /// Megahertz.
    pub sm_clock_mhz: Option<u32>,
    /// Megahertz.
    pub memory_clock_mhz: Option<u32>,
    /// Percent of the fan's maximum.
    pub fan_percent: Option<u32>,
}

/// A process that uses a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id as the driver tells it.
    pub pid: u32,
    /// Device memory in bytes, where the driver tells it.
    pub memory_used_bytes: Option<u64>,
    /// Name of the process if it is in this container; empty otherwise.
    pub name: String,
}

impl Snapshot {
    /// The snapshot before the first answer of the driver.
    pub fn starting() -> Self {
        Self {
            generation: 1,
            state: State::Starting,
            driver: Driver::default(),
            sampled_unix_us: 0,
            readings: Vec::new(),
            processes: Vec::new(),
        }
    }

    /// A driver that cannot be used: nothing of an earlier sample is shown as if it were valid.
    pub fn failed(failure: Failure) -> Self {
        Self {
            state: State::Failed(failure),
            ..Self::starting()
        }
    }

    /// A sample.
    pub fn sampled(
        driver: Driver,
        readings: Vec<Reading>,
        processes: Vec<Vec<Process>>,
        sampled_unix_us: u64,
    ) -> Self {
        let state = if readings.is_empty() {
            State::NoDevice
        } else if readings.iter().all(|reading| reading.values.is_err()) {
            State::AllLost {
                devices: readings.len(),
            }
        } else {
            State::Ok
        };
        Self {
            generation: 1,
            state,
            driver,
            sampled_unix_us,
            readings,
            processes,
        }
    }

    /// This snapshot while a call does not return: devices keep their names and lose their values.
    #[must_use]
    pub fn hung(&self, call: &'static str, seconds: u64) -> Self {
        let silent = |identity: &Identity| Reading {
            identity: identity.clone(),
            values: Err(format!("no answer: driver call {call} has not returned")),
        };
        Self {
            state: State::Hung { call, seconds },
            readings: self.readings.iter().map(|r| silent(&r.identity)).collect(),
            processes: Vec::new(),
            ..self.clone()
        }
    }

    /// Whether a reader would notice the difference to `other`.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let generation = other.generation;
        *other
            != Self {
                generation,
                ..self.clone()
            }
    }
}

impl State {
    /// What the state means.
    pub fn text(&self) -> String {
        match self {
            Self::Starting => "The driver has not answered yet".to_owned(),
            Self::Ok => "The driver answers".to_owned(),
            Self::NoDevice => "The driver is loaded and finds no device".to_owned(),
            Self::Failed(failure) => failure.summary(),
            Self::AllLost { devices: 1 } => "The GPU does not answer".to_owned(),
            Self::AllLost { devices } => format!("None of {devices} GPUs answers"),
            Self::Hung { call, seconds } => {
                format!("Driver call {call} has not returned for {seconds} s")
            }
        }
    }

    /// What the reader can do; empty if nothing.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Starting | Self::Ok => "",
            Self::NoDevice => {
                "Start the container with access to a GPU (docker run --gpus all), or rent an offer with one"
            }
            Self::Failed(failure) => failure.kind.advice(),
            Self::AllLost { .. } => {
                "Restart the instance; if the GPU stays away, report it to the host or move to another machine"
            }
            Self::Hung { .. } => {
                "Wait a minute: drivers recover from some stalls. Otherwise stop and start the instance; if that does not help, report it to the host"
            }
        }
    }
}

impl Failure {
    fn summary(&self) -> String {
        match self.kind {
            FailureKind::NoLibrary => format!(
                "No NVIDIA driver library in this container ({})",
                self.text
            ),
            FailureKind::NotLoaded => "The NVIDIA driver is not loaded on the host".to_owned(),
            FailureKind::Mismatch => {
                "The host's NVIDIA driver was changed while this container ran: library and kernel module differ"
                    .to_owned()
            }
            FailureKind::Detached => {
                format!("The GPU is detached from this container ({})", self.text)
            }
            FailureKind::NoPermission => {
                format!("This account may not ask the NVIDIA driver ({})", self.text)
            }
            FailureKind::Other => format!("NVML failed: {}", self.text),
        }
    }
}

impl FailureKind {
    fn advice(self) -> &'static str {
        match self {
            Self::NoLibrary => {
                "Nothing to do if this machine has no NVIDIA GPU; otherwise start the container with the NVIDIA runtime (docker run --gpus all)"
            }
            Self::NotLoaded => {
                "Report it to the host: the nvidia kernel module must be loaded there"
            }
            Self::Mismatch | Self::Detached => {
                "Stop and start the instance, so that it gets the host's present driver"
            }
            Self::NoPermission => {
                "Run gpuprobe as root, or give its account access to /dev/nvidia*"
            }
            Self::Other => "Restart the instance; if it stays, report these words to the host",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(index: u32, values: Result<Device, &str>) -> Reading {
        Reading {
            identity: Identity {
                index,
                name: format!("GPU {index}"),
                ..Identity::default()
            },
            values: values.map(Box::new).map_err(str::to_owned),
        }
    }

    fn sampled(readings: Vec<Reading>) -> Snapshot {
        Snapshot::sampled(Driver::default(), readings, Vec::new(), 5)
    }

    #[test]
    fn one_lost_device_of_two_is_its_own_problem() {
        let snapshot = sampled(vec![
            reading(0, Ok(Device::default())),
            reading(1, Err("lost")),
        ]);
        assert_eq!(snapshot.state, State::Ok);
    }

    #[test]
    fn losing_every_device_is_a_state_with_advice() {
        let snapshot = sampled(vec![reading(0, Err("lost")), reading(1, Err("lost"))]);
        assert_eq!(snapshot.state.text(), "None of 2 GPUs answers");
        assert!(!snapshot.state.advice().is_empty());
    }

    #[test]
    fn a_driver_without_devices_is_told_apart_from_no_driver() {
        assert_eq!(sampled(Vec::new()).state, State::NoDevice);
        let failed = Snapshot::failed(Failure {
            kind: FailureKind::NoLibrary,
            text: "libnvidia-ml.so.1: cannot open".to_owned(),
        });
        assert!(failed.state.text().contains("libnvidia-ml.so.1"));
        assert!(failed.state.advice().contains("--gpus all"));
    }

    #[test]
    fn a_hung_driver_shows_names_without_values() {
        let snapshot = sampled(vec![reading(0, Ok(Device::default()))]);
        let hung = snapshot.hung("nvmlDeviceGetUtilizationRates", 4);
        assert_eq!(hung.readings[0].identity.name, "GPU 0");
        assert!(hung.readings[0].values.is_err());
        assert!(hung.state.text().contains("nvmlDeviceGetUtilizationRates"));
        assert_eq!(hung.sampled_unix_us, 5);
    }

    #[test]
    fn the_generation_alone_is_no_difference() {
        let mut later = Snapshot::starting();
        later.generation = 9;
        assert!(!Snapshot::starting().differs(&later));
        assert!(sampled(Vec::new()).differs(&later));
    }

    #[test]
    fn every_failure_says_what_and_what_to_do() {
        for kind in [
            FailureKind::NoLibrary,
            FailureKind::NotLoaded,
            FailureKind::Mismatch,
            FailureKind::Detached,
            FailureKind::NoPermission,
            FailureKind::Other,
        ] {
            let state = State::Failed(Failure {
                kind,
                text: "words".to_owned(),
            });
            assert!(!state.text().is_empty() && !state.advice().is_empty());
        }
    }
}
