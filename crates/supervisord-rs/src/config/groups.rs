//! Groups of processes and what changes between two sets of them.

use std::collections::BTreeSet;
use std::{fmt, path::PathBuf, sync::Arc};

use nix::unistd::{Gid, Uid};
use supervisor_core::GroupSpec;

use super::{EventType, ProgramConfig};

/// A group of processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupConfig {
    /// Its name.
    pub name: String,
    /// Lower starts first.
    pub priority: i64,
    /// What is special about its members.
    pub kind: GroupKind,
    /// In the order in which they start. Shared, since groups are copied wherever they are used.
    pub programs: Vec<Arc<ProgramConfig>>,
}

/// What kind of section a group comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// `[program:x]` or `[group:x]`.
    Programs,
    /// `[eventlistener:x]`: a pool that events are sent to.
    Listeners(ListenerConfig),
    /// `[fcgi-program:x]`: all members get the same socket as descriptor 0.
    Fcgi(SocketConfig),
}

/// What a pool of event listeners wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Types of events; a parent stands for all below it.
    pub events: BTreeSet<EventType>,
    /// Events that are kept while no listener is ready, at least 1.
    pub buffer_size: usize,
    /// The Python callable that would judge answers; only the default one is known here.
    pub result_handler: String,
}

/// A socket that is opened for a group of FastCGI programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketConfig {
    /// Where it is.
    pub address: SocketAddress,
    /// Owner of a Unix socket, if not ours.
    pub owner: Option<(Uid, Option<Gid>)>,
    /// Mode of a Unix socket.
    pub mode: u32,
    /// Length of its queue, if not the system's own.
    pub backlog: Option<u16>,
}

/// Where a socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAddress {
    /// `tcp://host:port`.
    Tcp {
        /// Host name or address, in lower case.
        host: String,
        /// Port.
        port: u16,
    },
    /// `unix:///path`.
    Unix(PathBuf),
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// What changed between two configurations, by names of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Only in the later one.
    pub added: Vec<String>,
    /// In both, and not the same.
    pub changed: Vec<String>,
    /// Only in the earlier one.
    pub removed: Vec<String>,
}

impl GroupConfig {
    /// What the core needs to know.
    pub fn spec(&self) -> GroupSpec {
        GroupSpec {
            name: self.name.as_str().into(),
            priority: self.priority,
            programs: self.programs.iter().map(|program| program.spec()).collect(),
        }
    }
}

impl GroupConfig {
    /// What is different in another configuration of the same group.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.priority != other.priority {
            differences.push("priority".to_owned());
        }
        if self.kind != other.kind {
            differences.push("events or socket".to_owned());
        }
        for program in &other.programs {
            let name = &program.id.name;
            match self.programs.iter().find(|old| old.id == program.id) {
                None => differences.push(format!("{name}: new")),
                Some(old) => {
                    let keys = old.differences(program).into_iter();
                    differences.extend(keys.map(|key| format!("{name}: {key}")));
                }
            }
        }
        let gone = self.programs.iter().filter(|old| {
            let mut others = other.programs.iter();
            !others.any(|program| program.id == old.id)
        });
        differences.extend(gone.map(|old| format!("{}: gone", old.id.name)));
        differences
    }
}

/// What turns `active` into `wanted`.
pub fn difference<'a>(
    active: impl Iterator<Item = &'a GroupConfig> + Clone,
    wanted: &[GroupConfig],
) -> Difference {
    let mut difference = Difference::default();
    for group in wanted {
        match active.clone().find(|other| other.name == group.name) {
            None => difference.added.push(group.name.clone()),
            Some(other) if other != group => difference.changed.push(group.name.clone()),
            Some(_) => {}
        }
    }
    let gone = active.filter(|group| !wanted.iter().any(|other| other.name == group.name));
    difference.removed = gone.map(|group| group.name.clone()).collect();
    difference
}
