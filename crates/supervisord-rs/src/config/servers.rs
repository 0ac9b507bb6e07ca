//! `[unix_http_server]` and `[inet_http_server]`, of which there may be several.

use std::path::PathBuf;

use nix::unistd::{Gid, Uid};

use super::{
    Credentials,
    form::Form,
    names::Names,
    password::credentials,
    values::{home, inet_address, normal, octal, owner},
};

/// Where the XML-RPC socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixServer {
    /// The name of its section.
    pub section: String,
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
    /// The name of its section.
    pub section: String,
    /// Address in lower case; empty for all.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Required of clients.
    pub credentials: Option<Credentials>,
}

impl UnixServer {
    /// `names` hold the variables, `with_here` `here` as well.
    pub(super) fn parse(form: &Form<'_>, names: &Names, with_here: &Names) -> Option<Self> {
        let server = Self {
            section: form.section.name.clone(),
            mode: form.value("chmod", names, 0o700, octal),
            owner: form.optional("chown", names, owner),
            credentials: credentials(form, names),
            file: PathBuf::new(),
        };
        let file = form.required("file", with_here)?;
        let file = normal(&home(file.trim(), names.home()));
        Some(Self { file, ..server })
    }
}

impl InetServer {
    pub(super) fn parse(form: &Form<'_>, names: &Names) -> Option<Self> {
        let credentials = credentials(form, names);
        if form.section.raw("port").is_none() {
            form.refuse_section("has no \"port\" line");
        }
        let (host, port) = form.optional("port", names, inet_address)?;
        Some(Self {
            section: form.section.name.clone(),
            host,
            port,
            credentials,
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
