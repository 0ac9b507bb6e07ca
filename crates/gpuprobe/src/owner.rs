//! Whether a process id of the driver is a process of this container, and its name.
//!
//! The driver may tell ids of the host, which can be those of quite other processes here. Only a
//! process that holds a device file open is believed to be the one.

use std::{fs, path::Path};

/// Name of process `pid`, or nothing if it is not ours or cannot be looked at.
pub(crate) fn name(proc: &Path, pid: u32) -> String {
    let dir = proc.join(pid.to_string());
    if !holds_device(&dir) {
        return String::new();
    }
    let name = fs::read(dir.join("comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim().to_owned()
}

fn holds_device(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir.join("fd")) else {
        return false;
    };
    entries
        .take(MAX_DESCRIPTORS)
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .any(|target| target.to_string_lossy().starts_with("/dev/nvidia"))
}

/// A bound on the work for a process with very many open files.
const MAX_DESCRIPTORS: usize = 4096;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_process_that_holds_a_device_is_named() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, target) in [("7", "/dev/nvidia0"), ("8", "/dev/null")] {
            let fd = proc.path().join(pid).join("fd");
            fs::create_dir_all(&fd).unwrap();
            symlink(target, fd.join("3")).unwrap();
            fs::write(proc.path().join(pid).join("comm"), "python3\n").unwrap();
        }
        assert_eq!(name(proc.path(), 7), "python3");
        assert_eq!(name(proc.path(), 8), "");
        assert_eq!(name(proc.path(), 9), "");
    }
}
