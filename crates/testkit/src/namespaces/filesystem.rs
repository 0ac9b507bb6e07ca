//! The root of a sandbox: an overlay over `/`, without the host's private parts, plus our files.
//!
//! Runs in init, after its private mount namespace exists. All writes land on a tmpfs that is
//! mounted in that namespace only.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::pivot_root;

use super::hide;
use super::mounts::{self, OLD_ROOT, on_host};
use super::spec::{Access, Bind, Spec, Transfer};
use super::tree;

/// Makes the sandbox's root and enters it. `scratch` is an empty directory to mount on.
pub(super) fn enter_new_root(spec: &Spec, scratch: &Path) -> anyhow::Result<()> {
    // Read first: it may be a link into /run, which is empty inside.
    let resolver = fs::read("/etc/resolv.conf").unwrap_or_default();
    let masked = existing(&spec.masked);
    mount_overlay(scratch, &masked)?;
    pivot(scratch)?;
    fill(spec, &masked, &resolver)?;
    for (number, transfer) in spec.overlays.iter().enumerate() {
        let layers = on_host(scratch).join(format!("layers-{number}"));
        overlay_directory(transfer, &layers).with_context(|| {
            let (source, target) = (transfer.source.display(), transfer.target.display());
            format!("overlay {source} on {target}")
        })?;
    }
    std::env::set_current_dir("/").context("enter the root directory")?;
    umount2(OLD_ROOT, MntFlags::MNT_DETACH).context("let go of the host's root")?;
    fs::remove_dir(OLD_ROOT).context("remove the host's mount point")
}

fn mount_overlay(scratch: &Path, masked: &[PathBuf]) -> anyhow::Result<()> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("make mounts private")?;
    let options = Some("mode=0755,size=80%,nr_inodes=0");
    mount(
        Some("tmpfs"),
        scratch,
        Some("tmpfs"),
        MsFlags::empty(),
        options,
    )
    .with_context(|| format!("mount a tmpfs on {}", scratch.display()))?;
    // Relative paths keep characters of the host path out of the mount options.
    std::env::set_current_dir(scratch).context("enter the tmpfs")?;
    for dir in ["upper", "work", "root"] {
        fs::create_dir(dir).with_context(|| format!("create {dir}"))?;
    }
    hide::hide(Path::new("upper"), masked)?;
    let options = Some("lowerdir=/,upperdir=upper,workdir=work");
    mount(
        Some("overlay"),
        "root",
        Some("overlay"),
        MsFlags::empty(),
        options,
    )
    .context("mount an overlay over /")
}

fn pivot(scratch: &Path) -> anyhow::Result<()> {
    let root = scratch.join("root");
    let old = root.join(OLD_ROOT.trim_start_matches('/'));
    fs::create_dir(&old).context("create the host's mount point")?;
    pivot_root(&root, &old).context("pivot into the overlay")?;
    std::env::set_current_dir("/").context("enter the overlay")
}

fn fill(spec: &Spec, masked: &[PathBuf], resolver: &[u8]) -> anyhow::Result<()> {
    for (path, mode) in hide::emptied(masked) {
        fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    mounts::mount_kernel_file_systems()?;
    name_the_host(spec, resolver).context("name the host")?;
    if let Some(overlay) = &spec.overlay {
        tree::copy(&on_host(overlay), Path::new("/"))?;
    }
    if let Some(dir) = &spec.bin_dir {
        install_programs(dir)?;
    }
    for Bind { transfer, access } in &spec.binds {
        mounts::bind(&transfer.source, &transfer.target)?;
        match access {
            Access::ReadWrite => {}
            Access::ReadOnly => mounts::make_read_only(&transfer.target)?,
        }
    }
    for transfer in &spec.copies {
        tree::copy(&on_host(&transfer.source), &transfer.target)?;
    }
    Ok(())
}

/// Shows a host directory inside, with its changes kept in `layers`.
fn overlay_directory(transfer: &Transfer, layers: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(&transfer.target)?;
    for dir in ["upper", "work"] {
        fs::create_dir_all(layers.join(dir))?;
    }
    let source = on_host(&transfer.source);
    // The merged directory takes its own mode and owner from the upper layer.
    let original = fs::metadata(&source)?;
    fs::set_permissions(layers.join("upper"), original.permissions())?;
    chown(
        layers.join("upper"),
        Some(original.uid()),
        Some(original.gid()),
    )?;
    std::env::set_current_dir(layers)?;
    let lower = source.to_str().context("its path is not text")?;
    // Characters that separate options and layers.
    let lower: String = lower
        .chars()
        .flat_map(|c| [r"\,:".contains(c).then_some('\\'), Some(c)])
        .flatten()
        .collect();
    let options = format!("lowerdir={lower},upperdir=upper,workdir=work");
    mount(
        Some("overlay"),
        &transfer.target,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )?;
    Ok(())
}

/// These three files are often mounts of a container runtime, which an overlay does not show.
fn name_the_host(spec: &Spec, resolver: &[u8]) -> anyhow::Result<()> {
    let name = spec.name.as_str();
    let hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t{name}\n"
    );
    let hostname = format!("{name}\n");
    let files: [(&str, &[u8]); 3] = [
        ("/etc/hosts", hosts.as_bytes()),
        ("/etc/hostname", hostname.as_bytes()),
        ("/etc/resolv.conf", resolver),
    ];
    for (path, text) in files {
        // A link would be written through, and may dangle.
        let _ = fs::remove_file(path);
        fs::write(path, text).with_context(|| format!("write {path}"))?;
    }
    Ok(())
}

/// Binds the built programs instead of copying them: debug builds are hundreds of megabytes.
fn install_programs(dir: &Path) -> anyhow::Result<()> {
    for program in PROGRAMS {
        let built = dir.join(program);
        if !on_host(&built).is_file() {
            continue;
        }
        let installed = Path::new("/opt/berth/bin").join(program);
        mounts::bind(&built, &installed)?;
        mounts::make_read_only(&installed)?;
        if ON_PATH.contains(program) {
            let link = Path::new("/usr/local/bin").join(program);
            let _ = fs::remove_file(&link);
            symlink(&installed, &link).with_context(|| format!("link {}", link.display()))?;
        }
    }
    Ok(())
}

fn existing(paths: &[PathBuf]) -> Vec<PathBuf> {
    paths
        .iter()
        .filter_map(|path| path.canonicalize().ok())
        .collect()
}

/// The programs of an instance, as the image installs them.
const PROGRAMS: &[&str] = &[
    "bootd",
    "supervisord",
    "supervisorctl",
    "echo_supervisord_conf",
    "pidproxy",
    "proxyd",
    "tunneld",
    "tunnel-relay",
    "portald",
    "gpuprobe",
    "berth",
    "provisioner",
];

/// Those of them that people and scripts call by name.
const ON_PATH: &[&str] = &[
    "bootd",
    "supervisord",
    "supervisorctl",
    "echo_supervisord_conf",
    "pidproxy",
    "proxyd",
    "tunneld",
    "portald",
    "gpuprobe",
    "berth",
    "provisioner",
];
