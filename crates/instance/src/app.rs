//! One app of an instance.

use std::{fmt, num::NonZeroU16, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A TCP port, 1 to 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Port(NonZeroU16);

/// Name of a program of the supervisor, such as `jupyter`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProgramName(String);

/// An app that people open: where it listens and where it is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Name shown to people; unique within an instance.
    pub name: String,
    /// Host the app listens on, normally `localhost`.
    pub hostname: String,
    /// Port the app is served on to the outside.
    pub external_port: Port,
    /// Port the app itself listens on.
    pub internal_port: Port,
    /// Path to open, starting with `/`; may carry a query.
    pub open_path: String,
    /// The program that is this app, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramName>,
    /// Who may open it, where that differs from the instance's rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AppAccess>,
    /// Whether its answers may be compressed on their way to a client.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub compression: bool,
}

/// Who may open an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppAccess {
    /// Everybody.
    Public,
    /// Who has a credential of the instance.
    Token,
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_yes(value: &bool) -> bool {
    *value
}

/// Why an app was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppError {
    /// The entry does not have five parts.
    #[error("expected host:external port:internal port:path:name, found {found} of 5 parts")]
    Parts {
        /// How many it has.
        found: usize,
    },
    /// A port is not a number from 1 to 65535.
    #[error("{which} port {value:?} is not a number from 1 to 65535")]
    Port {
        /// `external` or `internal`.
        which: &'static str,
        /// What stands there.
        value: String,
    },
    /// The name is empty.
    #[error("the name is empty")]
    NoName,
    /// The host is empty or holds characters that no host name has.
    #[error("host {value:?} is not a host name or address")]
    Host {
        /// What stands there.
        value: String,
    },
    /// The access is none that there is. Such an app is refused as a whole: it could be open to
    /// everybody where it was to be closed.
    #[error("access {value:?} is neither public nor token")]
    Access {
        /// What stands there.
        value: String,
    },
    /// An app of this name stands earlier in the list.
    #[error("another app is named {name:?}; the first one is kept")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// An app that is proxied on this port stands earlier in the list.
    #[error("external port {port} already serves {other:?}; the first one is kept")]
    DuplicatePort {
        /// The port.
        port: Port,
        /// Name of the first app.
        other: String,
    },
}

impl Port {
    /// The port as a number.
    pub fn get(self) -> u16 {
        self.0.get()
    }

    /// A port, unless the number is 0.
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }
}

impl FromStr for Port {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ProgramName {
    /// Takes a name as it stands in `conf.d`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl App {
    /// Whether the app is served by the proxy; equal ports mean that it serves itself.
    pub fn is_proxied(&self) -> bool {
        self.external_port != self.internal_port
    }

    /// The program of one of the apps that every instance has, by the app's name.
    pub(crate) fn known_program(name: &str) -> Option<ProgramName> {
        let program = match name.to_lowercase().as_str() {
            "instance portal" => "instance_portal",
            "jupyter" | "jupyterlab" | "jupyter notebook" | "jupyter terminal" => "jupyter",
            "comfyui" => "comfyui",
            "tensorboard" => "tensorboard",
            "syncthing" => "syncthing",
            _ => return None,
        };
        Some(ProgramName::new(program))
    }
}
