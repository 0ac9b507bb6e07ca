//! What the neighbours say about themselves, in this crate's own words.
//!
//! These are the values of their last snapshots. They serialise as the page reads them. The
//! generated types stop at `feeds`; nothing here knows how a value arrived.

use serde::Serialize;

/// A daemon whose snapshots the page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Daemon {
    Bootd,
    Supervisord,
    Proxyd,
    Tunneld,
    Gpuprobe,
}

impl Daemon {
    pub(crate) const ALL: [Self; 5] = [
        Self::Bootd,
        Self::Supervisord,
        Self::Proxyd,
        Self::Tunneld,
        Self::Gpuprobe,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bootd => "bootd",
            Self::Supervisord => "supervisord",
            Self::Proxyd => "proxyd",
            Self::Tunneld => "tunneld",
            Self::Gpuprobe => "gpuprobe",
        }
    }

    /// What a person loses while this daemon is away.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Bootd => "the boot timeline is not updated, and a lost supervisor stays lost",
            Self::Supervisord => {
                "program states are the last known ones; start and stop do not work"
            }
            Self::Proxyd => "apps may not be reachable from outside; their routes are not updated",
            Self::Tunneld => "direct links and ssh lines are the last known ones",
            Self::Gpuprobe => "GPU figures are the last known ones",
        }
    }
}

/// One snapshot of one neighbour.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Boot(Boot),
    Supervisor(Supervisor),
    Proxy(Proxy),
    Tunnel(Tunnel),
    Gpu(Gpu),
}

impl Said {
    pub(crate) fn epoch(&self) -> u64 {
        match self {
            Self::Boot(said) => said.epoch,
            Self::Supervisor(said) => said.epoch,
            Self::Proxy(said) => said.epoch,
            Self::Tunnel(said) => said.epoch,
            Self::Gpu(said) => said.epoch,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Boot {
    #[serde(skip)]
    pub(crate) epoch: u64,
    pub(crate) phase: Phase,
    pub(crate) steps: Vec<Step>,
    pub(crate) supervisor: SupervisorLink,
    pub(crate) orphans_reaped: u64,
    pub(crate) instance_id: String,
    pub(crate) is_init: bool,
    pub(crate) notices: Vec<Notice>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    #[default]
    Unknown,
    Booting,
    Up,
    Stopping,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) script: bool,
    pub(crate) outcome: Outcome,
    pub(crate) started_us: Option<u64>,
    pub(crate) duration_us: Option<u64>,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Unknown,
    Pending,
    Running,
    Done,
    Skipped,
    Degraded,
    Failed,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct SupervisorLink {
    pub(crate) state: LinkState,
    pub(crate) pid: i32,
    pub(crate) restarts: u32,
    pub(crate) last_exit: String,
    pub(crate) leftovers_stopped: Vec<String>,
    pub(crate) last_restart_unix_us: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkState {
    #[default]
    Unknown,
    NotStarted,
    Running,
    Restarting,
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Notice {
    pub(crate) unix_us: u64,
    pub(crate) subject: String,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Supervisor {
    pub(crate) epoch: u64,
    pub(crate) programs: Vec<Program>,
    pub(crate) problems: Vec<ConfigProblem>,
    pub(crate) shutting_down: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) state: ProgramState,
    pub(crate) readiness: Readiness,
    pub(crate) probe: String,
    pub(crate) pid: i32,
    #[serde(skip)]
    pub(crate) incarnation: u64,
    pub(crate) started_unix_us: u64,
    pub(crate) stopped_unix_us: u64,
    pub(crate) last_exit: Option<Exit>,
    pub(crate) restarts: u32,
    pub(crate) description: String,
    pub(crate) spawn_error: String,
    pub(crate) log_path: String,
    pub(crate) command: String,
    pub(crate) autostart: bool,
    pub(crate) defined_in: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProgramState {
    Stopped,
    Starting,
    Running,
    Backoff,
    Stopping,
    Exited,
    Fatal,
    #[default]
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Readiness {
    #[default]
    NoProbe,
    NotReady,
    Ready,
}

/// How a run of a program ended: exactly one of code and signal is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Exit {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) expected: bool,
}

impl Exit {
    pub(crate) fn in_words(self) -> String {
        match (self.code, self.signal) {
            (_, Some(signal)) => match nix::sys::signal::Signal::try_from(signal) {
                Ok(name) => format!("killed by {name}"),
                Err(_) => format!("killed by signal {signal}"),
            },
            (Some(code), None) => format!("ended with code {code}"),
            (None, None) => "ended".to_owned(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ConfigProblem {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) section: String,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Proxy {
    pub(crate) epoch: u64,
    pub(crate) routes: Vec<Route>,
    pub(crate) tls: bool,
    pub(crate) tls_reason: String,
    pub(crate) auth: bool,
    pub(crate) problems: Vec<String>,
}

/// Counters of a route are left out: nothing on the page shows them, and a page that does not
/// show a value must not be redrawn by it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub(crate) app: String,
    pub(crate) listen_port: u32,
    pub(crate) listening: bool,
    pub(crate) listen_error: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tunnel {
    pub(crate) epoch: u64,
    pub(crate) relay: RelayState,
    pub(crate) relay_advice: String,
    pub(crate) apps: Vec<AppAccess>,
    pub(crate) notices: Vec<String>,
    pub(crate) problems: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RelayState {
    #[default]
    Unknown,
    NotConfigured,
    Connecting,
    Connected,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct AppAccess {
    pub(crate) app: String,
    pub(crate) direct_url: String,
    pub(crate) direct_problem: String,
    pub(crate) ssh_command: String,
    pub(crate) ssh_url: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Gpu {
    #[serde(skip)]
    pub(crate) epoch: u64,
    pub(crate) state: DriverState,
    pub(crate) state_text: String,
    pub(crate) advice: String,
    pub(crate) driver_version: String,
    pub(crate) cuda_version: String,
    pub(crate) sampled_unix_us: u64,
    pub(crate) devices: Vec<Device>,
    /// Part of what needs attention, not of the figures.
    #[serde(skip)]
    pub(crate) problems: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DriverState {
    #[default]
    Unknown,
    Ok,
    NoDriver,
    Mismatch,
    NoDevice,
    Hung,
    Error,
}

/// A figure that the driver does not offer is absent, never zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Device {
    pub(crate) index: u32,
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) error: String,
    pub(crate) utilization_percent: Option<u32>,
    pub(crate) memory_total_bytes: Option<u64>,
    pub(crate) memory_used_bytes: Option<u64>,
    pub(crate) temperature_celsius: Option<u32>,
    pub(crate) power_milliwatts: Option<u32>,
    pub(crate) power_limit_milliwatts: Option<u32>,
    pub(crate) sm_clock_mhz: Option<u32>,
    pub(crate) fan_percent: Option<u32>,
    pub(crate) processes: Vec<GpuProcess>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GpuProcess {
    pub(crate) pid: u32,
    pub(crate) memory_used_bytes: Option<u64>,
    pub(crate) name: String,
}
