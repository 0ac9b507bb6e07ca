//! Processes by their mark: descendants of a run, wherever they went.

use std::{fs, path::Path};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Kills every process whose environment says that it descends from a run; gives how many there
/// were. Those that leave the list while it is read are found in the next round.
pub(crate) fn kill_marked(mark: &str) -> usize {
    let wanted = format!("BERTH_INCARNATION={mark}");
    let mut killed = 0;
    for _ in 0..ROUNDS {
        let found = marked(wanted.as_bytes());
        if found.is_empty() {
            break;
        }
        for pid in &found {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        killed += found.len();
    }
    killed
}

fn marked(wanted: &[u8]) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let me = i32::try_from(std::process::id()).unwrap_or(0);
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid > 1 && *pid != me && has_mark(*pid, wanted))
        .collect()
}

fn has_mark(pid: i32, wanted: &[u8]) -> bool {
    let path = format!("/proc/{pid}/environ");
    fs::read(Path::new(&path)).is_ok_and(|environ| {
        let mut variables = environ.split(|byte| *byte == 0);
        variables.any(|variable| variable == wanted)
    })
}

/// A process that forks faster than this is not caught, as nothing without a cgroup could.
const ROUNDS: usize = 5;
