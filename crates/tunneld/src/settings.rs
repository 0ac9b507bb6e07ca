//! What can be set in `/etc/berth/tunneld.toml`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Settings of tunneld.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where the gRPC service listens.
    pub socket: PathBuf,
    /// Where the HTTP API listens.
    pub listen: String,
    /// The file that lists the apps.
    pub portal_yaml: PathBuf,
    /// Address of a relay; empty for none. Not usable in this version.
    pub relay: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            socket: Path::new(ipc::RUN_DIR).join("tunneld.sock"),
            listen: "127.0.0.1:11112".to_owned(),
            portal_yaml: PathBuf::from(instance::portal_yaml::PATH),
            relay: String::new(),
        }
    }
}

impl daemon::Settings for Settings {
    fn problems(&self) -> Vec<String> {
        // The address is not repeated: people put credentials into such things.
        let refused = "relay: relay connections are not part of this version; \
                       remove the setting and use the direct links or the ssh lines";
        if self.relay.trim().is_empty() {
            Vec::new()
        } else {
            vec![refused.to_owned()]
        }
    }
}
