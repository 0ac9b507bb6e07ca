//! Which host paths an instance must not see, and how they vanish: as whiteouts in the upper layer,
//! made before the overlay is mounted. That costs the same for a file and for a full disk.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::sys::stat::{Mode, SFlag, mknod};

/// Whites out in `upper` all that a fresh image would not have, and each of `masked`.
///
/// Directories in the list of [`emptied`] vanish too; init makes them again, empty.
pub(super) fn hide(upper: &Path, masked: &[PathBuf]) -> anyhow::Result<()> {
    let empty = emptied(masked).into_iter().map(|(path, _)| path);
    for path in ABSENT
        .iter()
        .map(PathBuf::from)
        .chain(by_prefix())
        .chain(empty)
    {
        white_out(upper, &path).with_context(|| format!("hide {}", path.display()))?;
    }
    empty_files(upper, Path::new("/var/log")).context("hide the files of /var/log")
}

/// The directories that exist inside but start empty, with their modes.
pub(super) fn emptied(masked: &[PathBuf]) -> Vec<(PathBuf, u32)> {
    let fixed = [
        ("/home", 0o755),
        ("/root", 0o700),
        ("/run", 0o755),
        ("/tmp", 0o1777),
    ];
    let mut all: Vec<(PathBuf, u32)> = fixed
        .into_iter()
        .map(|(path, mode)| (path.into(), mode))
        .collect();
    for path in masked {
        // Below another masked directory nothing is left to hide.
        if !all.iter().any(|(parent, _)| path.starts_with(parent)) {
            all.push((path.clone(), 0o755));
        }
    }
    all
}

/// Removes the files below `dir` and keeps its directories: packages expect theirs to exist.
fn empty_files(upper: &Path, dir: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            empty_files(upper, &entry.path())?;
        } else if LOGIN_RECORDS.iter().any(|name| entry.file_name() == *name) {
            shadow_with_empty(upper, &entry.path())?;
        } else {
            white_out(upper, &entry.path())?;
        }
    }
    Ok(())
}

/// Puts an empty file of the same owner and mode in the place of a file below.
fn shadow_with_empty(upper: &Path, path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        mirror_directory(upper, parent)?;
    }
    take_after(path, &below(upper, path), |copy| {
        fs::File::create(copy).map(drop)
    })
}

fn white_out(upper: &Path, path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        mirror_directory(upper, parent)?;
    }
    // A device 0:0 in the upper layer is how overlayfs marks a removed entry.
    match mknod(&below(upper, path), SFlag::S_IFCHR, Mode::empty(), 0) {
        Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes `dir` in the upper layer with the owner and mode it has below, which it would replace.
fn mirror_directory(upper: &Path, dir: &Path) -> io::Result<()> {
    let copy = below(upper, dir);
    if copy.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        mirror_directory(upper, parent)?;
    }
    take_after(dir, &copy, |copy| {
        DirBuilder::new().mode(0o700).create(copy)
    })
}

/// Makes `copy` and gives it the owner and mode of `original`.
fn take_after(
    original: &Path,
    copy: &Path,
    make: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let original = fs::metadata(original)?;
    make(copy)?;
    chown(copy, Some(original.uid()), Some(original.gid()))?;
    fs::set_permissions(copy, fs::Permissions::from_mode(original.mode() & 0o7777))
}

fn below(upper: &Path, path: &Path) -> PathBuf {
    upper.join(path.strip_prefix("/").unwrap_or(path))
}

/// Files whose names only begin in a known way.
fn by_prefix() -> Vec<PathBuf> {
    let families = [
        ("/etc", "instance."),
        ("/etc/ssh", "ssh_host_"),
        ("/", ".launch"),
    ];
    let mut found = Vec::new();
    for (dir, prefix) in families {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(prefix.as_bytes())
            {
                found.push(entry.path());
            }
        }
    }
    found
}

/// Every image has these, and programs complain when they are missing.
const LOGIN_RECORDS: &[&str] = &["btmp", "faillog", "lastlog", "wtmp"];

/// What a boot writes or an overlay brings: left over from the host it would confuse the boot.
const ABSENT: &[&str] = &[
    "/.dockerenv",
    "/etc/berth",
    "/etc/environment",
    "/etc/portal.yaml",
    // sshd takes the first value it reads, so the host's would win over ours.
    "/etc/ssh/sshd_config.d",
    "/etc/supervisor",
    "/etc/vast_boot.d",
    "/opt/berth",
    "/opt/instance-tools",
    "/opt/supervisor-scripts",
    "/var/lib/berth",
    "/workspace",
];
