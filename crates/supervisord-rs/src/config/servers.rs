//! `[unix_http_server]` and `[inet_http_server]`.

use std::path::PathBuf;

use nix::unistd::{Gid, Uid};

use super::{
    Names, Refused, absolute,
    ini::Section,
    values::{home, octal, owner},
};

/// A name and password that clients must give.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// The password has no way to be printed.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Where the XML-RPC socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixServer {
    /// Path of the socket.
    pub file: PathBuf,
    /// Its mode.
    pub mode: u32,
    /// Its owner, if not ours.
    pub owner: Option<(Uid, Option<Gid>)>,
    /// Required of clients.
    pub credentials: Option<Credentials>,
}

/// Where XML-RPC is served over TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InetServer {
    /// Address; empty for all.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Required of clients.
    pub credentials: Option<Credentials>,
}

impl UnixServer {
    pub(super) fn parse(section: &Section, names: &Names) -> Result<Self, Refused> {
        let file = section.required("file", names)?;
        Ok(Self {
            file: absolute(&home(file.trim())),
            mode: section.value("chmod", names, 0o700, octal)?,
            owner: section.value("chown", names, None, |text| owner(text).map(Some))?,
            credentials: credentials(section, names)?,
        })
    }
}

impl InetServer {
    pub(super) fn parse(section: &Section, names: &Names) -> Result<Self, Refused> {
        let text = section.required("port", names)?;
        let (host, port) = text.rsplit_once(':').unwrap_or(("", &text));
        let host = match host.trim() {
            "*" => "",
            host => host,
        };
        let port = port
            .trim()
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| section.refused("port", &format!("invalid address '{text}'")))?;
        Ok(Self {
            host: host.to_owned(),
            port,
            credentials: credentials(section, names)?,
        })
    }

    /// The host under which a client on this machine reaches it.
    pub fn host_for_clients(&self) -> &str {
        match self.host.as_str() {
            "" => "localhost",
            host => host,
        }
    }
}

fn credentials(section: &Section, names: &Names) -> Result<Option<Credentials>, Refused> {
    let username = section.text("username", names)?;
    let password = section.text("password", names)?;
    match (username, password) {
        (None, None) => Ok(None),
        (Some(_), Some(password)) if password.starts_with("{SHA}") => Err(section.refused(
            "password",
            "{SHA} passwords are not supported; give the password itself",
        )),
        (Some(username), Some(password)) => Ok(Some(Credentials { username, password })),
        (Some(_), None) | (None, Some(_)) => Err(Refused {
            line: section.line,
            text: "contains incomplete authentication: give both username and password".to_owned(),
        }),
    }
}
