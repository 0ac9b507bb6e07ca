//! Kills by the kernel for want of memory, as the cgroup counts them.

use std::{fs, path::PathBuf};

/// The count of our cgroup, v2 or v1.
#[derive(Debug)]
pub(crate) struct OomKills {
    dir: PathBuf,
    seen: u64,
}

impl OomKills {
    /// Begins to count; `dir` is where cgroups are mounted.
    pub(crate) fn watch(dir: PathBuf) -> Self {
        let mut kills = Self { dir, seen: 0 };
        kills.seen = kills.count().unwrap_or(0);
        kills
    }

    /// Whether there was one since the last call.
    pub(crate) fn happened(&mut self) -> bool {
        let now = self.count().unwrap_or(self.seen);
        now > std::mem::replace(&mut self.seen, now)
    }

    fn count(&self) -> Option<u64> {
        ["memory.events", "memory/memory.oom_control"]
            .iter()
            .find_map(|name| {
                let text = fs::read_to_string(self.dir.join(name)).ok()?;
                text.lines()
                    .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_is_seen_once_in_either_version() {
        for (name, text) in [
            (
                "memory.events",
                "low 0\nhigh 3\nmax 7\noom 1\noom_kill N\noom_group_kill 0\n",
            ),
            (
                "memory/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill N\n",
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let write =
                |count: u64| fs::write(&path, text.replace('N', &count.to_string())).unwrap();
            write(4);
            let mut kills = OomKills::watch(dir.path().to_owned());
            assert!(!kills.happened());
            write(5);
            assert!(kills.happened() && !kills.happened());
        }
    }

    #[test]
    fn without_a_cgroup_there_is_none() {
        assert!(!OomKills::watch("/no/such".into()).happened());
    }
}
