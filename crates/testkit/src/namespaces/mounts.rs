//! The kernel file systems of a container: /proc, /sys, /dev, /run and /tmp, made fresh.
//!
//! Runs after the pivot: `/` is the sandbox, [`OLD_ROOT`] is the host. Nothing here may leave a
//! writable door from the sandbox to the host.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

/// Where the host's root is until the sandbox is complete.
pub(super) const OLD_ROOT: &str = "/.berth-host";

pub(super) fn mount_kernel_file_systems() -> anyhow::Result<()> {
    mount_proc()?;
    mount_sys()?;
    mount_dev().context("fill /dev")?;
    mount_fresh(
        "tmpfs",
        "/run",
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        "mode=755",
    )?;
    mount_fresh(
        "tmpfs",
        "/tmp",
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        "mode=1777",
    )?;
    // The one directory that an image of this system has there.
    fs::create_dir("/run/lock").context("create /run/lock")?;
    fs::set_permissions("/run/lock", fs::Permissions::from_mode(0o1777))?;
    Ok(())
}

/// Shows a host path at `target`, which is created.
pub(super) fn bind(source: &Path, target: &Path) -> anyhow::Result<()> {
    let source = on_host(source);
    if fs::metadata(&source)
        .with_context(|| format!("look at {}", source.display()))?
        .is_dir()
    {
        fs::create_dir_all(target).with_context(|| format!("create {}", target.display()))?;
    } else if !target.exists() {
        let parent = target.parent().unwrap_or_else(|| Path::new("/"));
        fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        File::create(target).with_context(|| format!("create {}", target.display()))?;
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(&source), target, None::<&str>, flags, None::<&str>)
        .with_context(|| format!("bind {} to {}", source.display(), target.display()))
}

/// Makes one mount read-only for the sandbox; the same files stay writable on the host.
pub(super) fn make_read_only(target: &Path) -> anyhow::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
        .with_context(|| format!("make {} read-only", target.display()))
}

pub(super) fn on_host(path: &Path) -> PathBuf {
    Path::new(OLD_ROOT).join(path.strip_prefix("/").unwrap_or(path))
}

fn mount_proc() -> anyhow::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount_fresh("proc", "/proc", flags, "")?;
    // These are the host's own switches, not the sandbox's.
    for path in ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus"].map(Path::new) {
        if path.exists() {
            let flags = MsFlags::MS_BIND;
            mount(Some(path), path, None::<&str>, flags, None::<&str>)
                .with_context(|| format!("guard {}", path.display()))?;
            make_read_only(path)?;
        }
    }
    Ok(())
}

fn mount_sys() -> anyhow::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
    mount_fresh("sysfs", "/sys", flags, "")?;
    // Memory and CPU limits are read here. Read-only, each mount by itself.
    let host = on_host(Path::new("/sys/fs/cgroup"));
    let target = Path::new("/sys/fs/cgroup");
    if !host.is_dir() || !target.is_dir() {
        return Ok(());
    }
    bind(Path::new("/sys/fs/cgroup"), target)?;
    for mounted in mounts_below(target)? {
        make_read_only(&mounted)?;
    }
    Ok(())
}

/// The mount points at and below `top`, in this namespace.
fn mounts_below(top: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("read the mounts")?;
    let points = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from);
    Ok(points.filter(|point| point.starts_with(top)).collect())
}

fn mount_dev() -> anyhow::Result<()> {
    mount_fresh("tmpfs", "/dev", MsFlags::MS_NOSUID, "mode=755,size=1m")?;
    for (name, major, minor) in DEVICES {
        let path = Path::new("/dev").join(name);
        let mode = Mode::from_bits_truncate(0o666);
        mknod(&path, SFlag::S_IFCHR, mode, makedev(*major, *minor))
            .with_context(|| format!("create {}", path.display()))?;
        // The mode of mknod goes through the umask.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
    }
    for (name, target) in LINKS {
        symlink(target, Path::new("/dev").join(name)).with_context(|| format!("link {name}"))?;
    }
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount_fresh(
        "devpts",
        "/dev/pts",
        plain,
        "newinstance,ptmxmode=0666,mode=0620,gid=5",
    )?;
    mount_fresh("tmpfs", "/dev/shm", plain | MsFlags::MS_NODEV, "mode=1777")?;
    mount_fresh("mqueue", "/dev/mqueue", plain | MsFlags::MS_NODEV, "")?;
    bind_graphics_devices()
}

/// A machine with GPUs shows them inside, as a container runtime would.
fn bind_graphics_devices() -> anyhow::Result<()> {
    for entry in fs::read_dir(on_host(Path::new("/dev")))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b"nvidia") || name == "dri" {
            let path = Path::new("/dev").join(&name);
            bind(&path, &path)?;
        }
    }
    Ok(())
}

fn mount_fresh(kind: &str, target: &str, flags: MsFlags, options: &str) -> anyhow::Result<()> {
    fs::create_dir_all(target).with_context(|| format!("create {target}"))?;
    mount(Some(kind), target, Some(kind), flags, Some(options))
        .with_context(|| format!("mount {kind} on {target}"))
}

const DEVICES: &[(&str, u64, u64)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// The console is the output of init: the device itself would be the host's.
const LINKS: &[(&str, &str)] = &[
    ("ptmx", "pts/ptmx"),
    ("console", "/proc/1/fd/1"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
];
