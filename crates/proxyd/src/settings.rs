//! What can be set in `/etc/berth/proxyd.toml`, `PROXYD_*` variables and flags.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

/// Settings of proxyd. What concerns the instance as a whole (credentials, `ENABLE_HTTPS`, ports)
/// comes from the instance's own variables instead.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Address to listen on, for every external port.
    pub bind: IpAddr,
    /// Socket of `berth.proxy.v1`.
    pub socket: PathBuf,
    /// The list of apps.
    pub portal_yaml: PathBuf,
    /// PEM certificate chain for HTTPS.
    pub certificate: PathBuf,
    /// PEM private key for HTTPS.
    pub key: PathBuf,
    /// Where the session key is kept.
    pub state_dir: PathBuf,
    /// Variables that override those of the process, so that an edit and a restart take effect.
    pub environment_file: PathBuf,
    /// Socket for visitors who come through a tunnel.
    pub tunnel_socket: PathBuf,
    /// User id of tunneld, the only one who may bring them. Without it, that of proxyd itself.
    pub tunnel_uid: Option<u32>,
    /// How many connections there may be; one client may have half of them. Without it, half as many
    /// as there may be descriptors.
    pub max_connections: Option<usize>,
    /// Seconds for which a client may send nothing of a body that the app is waiting for.
    pub body_timeout: u64,
    /// Tells every so many answers in the access log; 0 only those with a status of 500 upwards,
    /// which are always told.
    pub access_log_every: u32,
    /// Socket of supervisord, which tells why an app is not ready.
    pub supervisor_socket: PathBuf,
}

impl daemon::Settings for Settings {}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            socket: "/run/berth/proxyd.sock".into(),
            portal_yaml: instance::portal_yaml::PATH.into(),
            certificate: "/etc/instance.crt".into(),
            key: "/etc/instance.key".into(),
            state_dir: "/var/lib/berth/proxyd".into(),
            environment_file: "/etc/environment".into(),
            tunnel_socket: "/run/berth/proxyd-tunnel.sock".into(),
            tunnel_uid: None,
            max_connections: None,
            body_timeout: 60,
            access_log_every: 0,
            supervisor_socket: "/run/berth/supervisord.sock".into(),
        }
    }
}
