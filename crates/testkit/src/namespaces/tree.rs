//! Copying a tree over another, as `COPY` of a container build does: modes kept, owner root.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;

use anyhow::Context;

/// Copies a file or a directory over `target`. Directories merge; existing ones keep their mode.
pub(super) fn copy(source: &Path, target: &Path) -> anyhow::Result<()> {
    let kind =
        fs::symlink_metadata(source).with_context(|| format!("look at {}", source.display()))?;
    if kind.is_dir() {
        return copy_directory(source, target, &kind);
    }
    replace(source, target, &kind)
        .with_context(|| format!("copy {} to {}", source.display(), target.display()))
}

fn copy_directory(source: &Path, target: &Path, kind: &Metadata) -> anyhow::Result<()> {
    // A link to a directory, such as /var/run, is followed and not replaced.
    if !target.is_dir() {
        fs::create_dir_all(target).with_context(|| format!("create {}", target.display()))?;
        fs::set_permissions(target, kind.permissions())?;
    }
    let entries = fs::read_dir(source).with_context(|| format!("list {}", source.display()))?;
    for entry in entries {
        let entry = entry?;
        copy(&entry.path(), &target.join(entry.file_name()))?;
    }
    Ok(())
}

fn replace(source: &Path, target: &Path, kind: &Metadata) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    // Never write through an existing link, which may lead anywhere.
    match fs::remove_file(target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    if kind.is_symlink() {
        symlink(fs::read_link(source)?, target)?;
    } else {
        fs::copy(source, target)?;
        fs::set_permissions(
            target,
            fs::Permissions::from_mode(kind.permissions().mode()),
        )?;
    }
    lchown(target, Some(0), Some(0))
}
