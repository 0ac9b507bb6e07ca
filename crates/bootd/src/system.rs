//! The operating system behind a narrow interface.
//!
//! Owns every `unsafe` block of bootd. Boot steps see only the [`System`] trait, so that tests can
//! prove what they do without root; processes and signals are the init thread's and have no double.

mod children;
mod files;
mod limits;
mod packets;
mod process;
mod processes;
#[cfg(test)]
pub(crate) mod recording;
mod signals;

use std::{io, path::Path};

pub(crate) use children::{Children, ExitWatch, Orphan, Owner};
pub(crate) use files::Disk;
pub(crate) use limits::{FileLimit, open_files};
pub(crate) use packets::{receive, send};
pub(crate) use process::{Ending, Group, Spawn, find, longest, too_long};
pub(crate) use processes::{Process, Processes, program, started, uptime};
pub(crate) use signals::{Request, Signals};

/// What boot steps may do to the file system.
pub(crate) trait System: Send + Sync {
    /// Reads a whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Mode and owner of what `path` leads to; nothing if it leads nowhere.
    fn stat(&self, path: &Path) -> Option<Stat>;
    /// Names in a directory, sorted; empty if it cannot be read.
    fn list(&self, dir: &Path) -> Vec<String>;
    /// Puts `content` at `path` in one step: readers see the old file or the whole of the new one.
    /// Symbolic links on the way are followed and stay. Equal content is not written again.
    fn publish(&self, path: &Path, content: &[u8], access: Access) -> io::Result<Published>;
    /// Makes a directory and its parents; an existing one gets this mode and owner.
    fn make_dir(&self, path: &Path, access: Access) -> io::Result<()>;
    /// Sets mode and owner of an existing file.
    fn set_access(&self, path: &Path, access: Access) -> io::Result<()>;
    /// Fills `bytes` from the kernel's random source.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// Mode and owner of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Permission bits.
    pub(crate) mode: u32,
    /// User and group; `None` keeps what is there.
    pub(crate) owner: Option<(u32, u32)>,
}

/// What is known of an existing file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) is_dir: bool,
}

/// Whether a file had to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    Written,
    Unchanged,
}

impl Access {
    /// Owned by root, with this mode.
    pub(crate) fn root(mode: u32) -> Self {
        Self {
            mode,
            owner: Some((0, 0)),
        }
    }

    /// Owned by root and this group.
    pub(crate) fn group(mode: u32, gid: u32) -> Self {
        Self {
            mode,
            owner: Some((0, gid)),
        }
    }
}

impl From<Stat> for Access {
    fn from(stat: Stat) -> Self {
        Self {
            mode: stat.mode,
            owner: Some((stat.uid, stat.gid)),
        }
    }
}

/// Reads a file that may be absent. Only that counts as absent: a file that cannot be read must not
/// be replaced by one without its content.
pub(crate) fn read_if_there(system: &dyn System, path: &Path) -> io::Result<Option<Vec<u8>>> {
    match system.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a text for somebody who can do without and does not write it back.
pub(crate) fn read_text(system: &dyn System, path: &Path) -> Option<String> {
    let bytes = system.read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
