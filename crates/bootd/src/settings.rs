//! Settings of bootd: `/etc/berth/bootd.toml`, variables `BOOTD_…`, `--set`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where bootd finds and puts things. The defaults are those of an instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Directory that stands for `/` in all steps; tests use another one.
    pub root: PathBuf,
    /// Socket of `berth.boot.v1`.
    pub socket: PathBuf,
    /// Directory of scripts that are sourced at boot.
    pub boot_dir: PathBuf,
    /// Directory of bootd's state.
    pub state_dir: PathBuf,
    /// Command that starts the supervisor in the foreground.
    pub supervisor: Vec<String>,
    /// The shell that sources boot scripts; bash.
    pub shell: PathBuf,
}

impl daemon::Settings for Settings {}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root: "/".into(),
            socket: "/run/berth/bootd.sock".into(),
            boot_dir: "/etc/vast_boot.d".into(),
            state_dir: "/var/lib/berth/bootd".into(),
            supervisor: [
                "/opt/berth/bin/supervisord",
                "-n",
                "-c",
                "/etc/supervisor/supervisord.conf",
            ]
            .map(str::to_owned)
            .into(),
            shell: "/bin/bash".into(),
        }
    }
}
