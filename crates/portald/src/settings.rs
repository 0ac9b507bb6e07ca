//! What can be set from outside.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of portald; see `portald --print-config`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Address of the page. The proxy is the door to the outside, so this is loopback.
    pub listen: String,
    /// Socket of `berth.portal.v1`.
    pub socket: PathBuf,
    /// Directory with the sockets of the neighbours.
    pub sockets: PathBuf,
    /// Where events are kept over a restart.
    pub state_dir: PathBuf,
    /// Directory whose `*.log` files the log page shows.
    pub log_dir: PathBuf,
    /// The list of apps.
    pub portal_yaml: PathBuf,
    /// File system shown beside the container's own, if it is another one.
    pub workspace: PathBuf,
    /// Serves the page from this directory instead of the built-in copy (for development).
    pub web_dir: Option<PathBuf>,
}

impl daemon::Settings for Settings {}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:11111".to_owned(),
            socket: PathBuf::from("/run/berth/portald.sock"),
            sockets: PathBuf::from(ipc::RUN_DIR),
            state_dir: PathBuf::from("/var/lib/berth/portald"),
            log_dir: PathBuf::from("/var/log/portal"),
            portal_yaml: PathBuf::from("/etc/portal.yaml"),
            workspace: PathBuf::from("/workspace"),
            web_dir: None,
        }
    }
}
