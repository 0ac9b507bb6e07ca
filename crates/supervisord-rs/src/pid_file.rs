//! The file that holds our pid.

use std::{fs, path::PathBuf};

use crate::{
    config::{DaemonSection, absolute},
    logs::MainLog,
};

/// It is removed on drop.
#[derive(Debug)]
pub(crate) struct PidFile {
    /// `None` if it could not be written.
    path: Option<PathBuf>,
}

impl PidFile {
    /// Writes it; where that fails only the log says so.
    pub(crate) fn write(daemon: &DaemonSection, log: &MainLog) -> Self {
        let path = absolute(&daemon.pidfile);
        let pid = std::process::id();
        match fs::write(&path, format!("{pid}\n")) {
            Ok(()) => Self { path: Some(path) },
            Err(_) => {
                log.critical(&format!("could not write pidfile {}", path.display()));
                Self { path: None }
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let _ = fs::remove_file(path);
        }
    }
}
