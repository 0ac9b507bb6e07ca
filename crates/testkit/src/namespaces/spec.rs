//! What a sandbox is made of, and the parsing of its command line forms. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};

/// Everything init needs to build its world and become the command.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: Name,
    /// Copied over `/`.
    pub(crate) overlay: Option<PathBuf>,
    /// Where the daemons are; those that exist are bound to `/opt/berth/bin`.
    pub(crate) bin_dir: Option<PathBuf>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) binds: Vec<Bind>,
    pub(crate) copies: Vec<Transfer>,
    /// Host directories shown inside with writes that stay inside.
    pub(crate) overlays: Vec<Transfer>,
    pub(crate) network: Network,
    pub(crate) privileges: Privileges,
    /// Host directories that are empty inside.
    pub(crate) masked: Vec<PathBuf>,
    pub(crate) command: Vec<String>,
}

/// The name of a sandbox: also its host name and its directory, hence the narrow alphabet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Network {
    /// Only loopback, reachable through published ports.
    Private,
    /// The host's network as it is.
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privileges {
    /// The capabilities a container runtime grants by default.
    Container,
    /// All of them.
    Full,
}

/// A host address whose connections are carried to a port of the sandbox's loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) host: SocketAddr,
    pub(crate) inside: u16,
}

/// A host path shown at a path inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) transfer: Transfer,
    pub(crate) access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
}

/// A host path and where it lands inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 63 || text.starts_with('-') || !text.chars().all(plain) {
            bail!("name {text:?} must be 1 to 63 of a-z, 0-9 and -, not starting with -");
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Publish {
    type Err = anyhow::Error;

    /// `[HOST_IP:]HOST_PORT:PORT`, or just `PORT`. Host port 0 takes a free one.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let wanted = "expected [HOST_IP:]HOST_PORT:PORT";
        let (front, inside) = text.rsplit_once(':').unwrap_or((text, text));
        let (ip, host) = front
            .rsplit_once(':')
            .map_or((None, front), |(ip, port)| (Some(ip), port));
        let ip = match ip {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(ip) => ip
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse()
                .with_context(|| format!("bad address {ip:?} in {text:?}; {wanted}"))?,
        };
        let port = |digits: &str| {
            digits
                .parse::<u16>()
                .with_context(|| format!("bad port {digits:?} in {text:?}; {wanted}"))
        };
        let inside = port(inside)?;
        if inside == 0 {
            bail!("port 0 inside in {text:?}; {wanted}");
        }
        Ok(Self {
            host: SocketAddr::new(ip, port(host)?),
            inside,
        })
    }
}

impl FromStr for Transfer {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let Some((source, target)) = text.split_once(':') else {
            bail!("{text:?} has no target; expected SOURCE:TARGET");
        };
        Self::new(Path::new(source), Path::new(target))
    }
}

impl Transfer {
    /// Resolves the source, because symlinks would be read against another root inside.
    pub(crate) fn new(source: &Path, target: &Path) -> anyhow::Result<Self> {
        if !target.is_absolute() || target.components().any(|c| c.as_os_str() == "..") {
            bail!(
                "target {} must be an absolute path without ..",
                target.display()
            );
        }
        let source = source
            .canonicalize()
            .with_context(|| format!("find source {}", source.display()))?;
        Ok(Self {
            source,
            target: target.to_owned(),
        })
    }
}

impl FromStr for Bind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (text, access) = match text.strip_suffix(":ro") {
            Some(rest) => (rest, Access::ReadOnly),
            None => (text.strip_suffix(":rw").unwrap_or(text), Access::ReadWrite),
        };
        Ok(Self {
            transfer: text.parse()?,
            access,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_defaults_to_loopback() {
        let published: Publish = "8443:1111".parse().unwrap();
        assert_eq!(published.host, "127.0.0.1:8443".parse().unwrap());
        assert_eq!(published.inside, 1111);
        assert_eq!("1111".parse::<Publish>().unwrap().host.port(), 1111);
    }

    #[test]
    fn a_publication_takes_both_address_families() {
        let four: Publish = "0.0.0.0:80:8080".parse().unwrap();
        assert_eq!(four.host, "0.0.0.0:80".parse().unwrap());
        let six: Publish = "[::1]:80:8080".parse().unwrap();
        assert_eq!(six.host, "[::1]:80".parse().unwrap());
    }

    #[test]
    fn a_bad_publication_names_the_bad_part() {
        for (text, part) in [
            ("x:1:2", "\"x\""),
            ("1:70000", "\"70000\""),
            ("1:0", "port 0"),
        ] {
            let error = format!("{:#}", text.parse::<Publish>().unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_bind_may_be_read_only() {
        let bind: Bind = "/usr:/mnt/usr:ro".parse().unwrap();
        assert_eq!(bind.access, Access::ReadOnly);
        assert_eq!(bind.transfer.target, Path::new("/mnt/usr"));
    }

    #[test]
    fn a_target_outside_the_root_is_refused() {
        assert!("/usr:relative".parse::<Bind>().is_err());
        assert!("/usr:/a/../../b".parse::<Bind>().is_err());
    }

    #[test]
    fn a_name_is_a_host_name() {
        assert!("berth-1".parse::<Name>().is_ok());
        for bad in ["", "-a", "a/b", "A", "..", "a.b"] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
