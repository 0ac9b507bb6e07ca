//! What an instance is, as pure values: its apps, its port map, its secrets and access rules, and
//! the file `/etc/environment`.
//!
//! Nothing here reads the environment, the clock or the network. The functions that touch files
//! ([`portal_yaml`]) take their path as an argument.

mod access;
mod app;
pub mod environment_file;
pub mod portal_config;
pub mod portal_yaml;
mod ports;
mod secret;

pub use access::{Access, Credentials, Problem};
pub use app::{App, AppAccess, AppError, Port, ProgramName};
pub use ports::PortMap;
pub use secret::Secret;

/// The environment of a process, by name.
pub type Variables = std::collections::BTreeMap<String, String>;

/// Apps of an instance whose template names none.
pub const DEFAULT_PORTAL_CONFIG: &str = "localhost:1111:11111:/:Instance Portal\
|localhost:8080:18080:/:Jupyter\
|localhost:8188:18188:/:ComfyUI\
|localhost:6006:16006:/:TensorBoard";
