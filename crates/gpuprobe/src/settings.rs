//! What can be set in `/etc/berth/gpuprobe.toml`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Settings of gpuprobe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where the gRPC service listens.
    pub socket: PathBuf,
    /// Name or path of the NVML library.
    pub library: String,
    /// Seconds between samples while somebody watches.
    pub interval: u64,
    /// Seconds between samples while nobody does.
    pub idle_interval: u64,
    /// Seconds without return after which a driver call counts as hung. Opening the library may
    /// take ten times as long: without persistence mode it initialises every card.
    pub hang_after: u64,
}

/// How often and how patiently the driver is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) watched: Duration,
    pub(crate) idle: Duration,
    pub(crate) hang_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            socket: Path::new(ipc::RUN_DIR).join("gpuprobe.sock"),
            library: "libnvidia-ml.so.1".to_owned(),
            interval: 1,
            idle_interval: 10,
            hang_after: 3,
        }
    }
}

impl daemon::Settings for Settings {
    fn problems(&self) -> Vec<String> {
        self.checked().1
    }
}

impl Settings {
    /// The times, with the default for each that was refused.
    pub(crate) fn pace(&self) -> Pace {
        self.checked().0
    }

    fn checked(&self) -> (Pace, Vec<String>) {
        let default = Self::default();
        let mut problems = Vec::new();
        let mut seconds = |key: &str, value: u64, default: u64| {
            if (1..=MAX_SECONDS).contains(&value) {
                return Duration::from_secs(value);
            }
            problems.push(format!(
                "{key}: {value} is not between 1 and {MAX_SECONDS} seconds; {default} is used"
            ));
            Duration::from_secs(default)
        };
        let pace = Pace {
            watched: seconds("interval", self.interval, default.interval),
            idle: seconds("idle_interval", self.idle_interval, default.idle_interval),
            hang_after: seconds("hang_after", self.hang_after, default.hang_after),
        };
        (pace, problems)
    }
}

const MAX_SECONDS: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_useless_time_is_refused_by_name_and_costs_only_itself() {
        let settings = Settings {
            interval: 0,
            idle_interval: 30,
            hang_after: 86_400,
            ..Settings::default()
        };
        let (pace, problems) = settings.checked();
        assert_eq!(pace.watched, Duration::from_secs(1));
        assert_eq!(pace.idle, Duration::from_secs(30));
        assert_eq!(pace.hang_after, Duration::from_secs(3));
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("interval: 0 "), "{problems:?}");
    }
}
