//! The state directory of each sandbox: `STATE/NAME/{lock,pid,init_pid,ports,exit_code}`.
//!
//! The outer process holds `lock` for as long as the sandbox lives; the kernel releases it however
//! that process ends. So "is it running" is asked of the lock and never of a pid.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::unistd::Pid;

use super::spec::Name;

/// The directory of a sandbox that this process owns.
#[derive(Debug)]
pub(crate) struct State {
    dir: PathBuf,
    /// Held, never read.
    _lock: File,
}

/// A look at the directory of somebody's sandbox.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    states: PathBuf,
    dir: PathBuf,
}

impl State {
    /// Takes the name, after clearing away what dead sandboxes left.
    pub(crate) fn claim(states: &Path, name: &Name) -> anyhow::Result<Self> {
        fs::create_dir_all(states).with_context(|| format!("create {}", states.display()))?;
        let _guard = guard(states)?;
        sweep(states, Some(name.as_str()));
        let dir = states.join(name.as_str());
        if is_held(&dir) {
            let pid = fs::read_to_string(dir.join("pid")).unwrap_or_default();
            bail!(
                "a sandbox named {name} is running (pid {}); end it with `berth-sandbox stop \
                 {name}` or choose another name",
                pid.trim()
            );
        }
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).with_context(|| format!("create {}", dir.display()))?;
        let lock = File::create(dir.join("lock")).context("create the lock")?;
        lock.try_lock().context("take the lock")?;
        // The mount point of the private tmpfs; in this host it stays an empty directory.
        fs::create_dir(dir.join("mnt")).context("create the mount point")?;
        // Whoever stops the sandbox reads the code through a descriptor opened before it ends.
        File::create(dir.join("exit_code")).context("create exit_code")?;
        let state = Self { dir, _lock: lock };
        state.record("pid", &Pid::this().to_string())?;
        Ok(state)
    }

    pub(crate) fn mount_point(&self) -> PathBuf {
        self.dir.join("mnt")
    }

    pub(crate) fn console(&self) -> PathBuf {
        self.dir.join("console.log")
    }

    /// Writes one fact, in place, so that open descriptors see it.
    pub(crate) fn record(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let path = self.dir.join(file);
        fs::write(&path, format!("{text}\n")).with_context(|| format!("write {}", path.display()))
    }

    /// Removes the directory. The name stays taken until `self` is dropped.
    pub(crate) fn remove(&self) {
        // What cannot be removed is swept at the next start.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Seen {
    pub(crate) fn find(states: &Path, name: &Name) -> anyhow::Result<Self> {
        let dir = states.join(name.as_str());
        if !dir.is_dir() {
            bail!("no sandbox named {name} in {}", states.display());
        }
        Ok(Self {
            name: name.to_string(),
            states: states.to_owned(),
            dir,
        })
    }

    pub(crate) fn all(states: &Path) -> anyhow::Result<Vec<Self>> {
        if !states.is_dir() {
            return Ok(Vec::new());
        }
        let _guard = guard(states)?;
        sweep(states, None);
        let mut found: Vec<Self> = directories(states)
            .map(|(name, dir)| Self {
                name,
                states: states.to_owned(),
                dir,
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    pub(crate) fn is_running(&self) -> anyhow::Result<bool> {
        let _guard = guard(&self.states)?;
        Ok(is_held(&self.dir))
    }

    /// The host's pid of init, of a sandbox that is running.
    pub(crate) fn init_pid(&self) -> anyhow::Result<Pid> {
        if !self.is_running()? {
            bail!("the sandbox {} is not running", self.name);
        }
        let text = self.read("init_pid");
        let pid = text
            .parse()
            .with_context(|| format!("sandbox {} is still starting", self.name))?;
        Ok(Pid::from_raw(pid))
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.dir.join(file))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    pub(crate) fn open_exit_code(&self) -> anyhow::Result<File> {
        File::open(self.dir.join("exit_code")).context("open exit_code")
    }

    /// Removes the directory of a sandbox that has ended.
    pub(crate) fn remove(&self) -> anyhow::Result<()> {
        let _guard = guard(&self.states)?;
        if !is_held(&self.dir) {
            let _ = fs::remove_dir_all(&self.dir);
        }
        Ok(())
    }
}

/// Serialises claims, sweeps and probes, which all try the same locks for a moment.
fn guard(states: &Path) -> anyhow::Result<File> {
    let path = states.join(".guard");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    file.lock()
        .with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}

/// Removes directories of killed sandboxes, and of an ended one whose name is wanted. Other ended
/// ones stay, with their console, for whoever looks for the reason.
fn sweep(states: &Path, wanted: Option<&str>) {
    for (name, dir) in directories(states) {
        let ended = fs::read_to_string(dir.join("exit_code")).is_ok_and(|code| !code.is_empty());
        if !is_held(&dir) && (!ended || wanted == Some(name.as_str())) {
            let _ = fs::remove_dir_all(&dir);
        }
    }
}

fn directories(states: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(states).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let dir = entry.path();
        dir.join("lock").is_file().then_some((name, dir))
    })
}

fn is_held(dir: &Path) -> bool {
    File::open(dir.join("lock"))
        .is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_taken_once() {
        let states = tempfile::tempdir().unwrap();
        let first = State::claim(states.path(), &name("a")).unwrap();
        let error = State::claim(states.path(), &name("a"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("a sandbox named a is running"), "{error}");
        State::claim(states.path(), &name("b")).unwrap();
        drop(first);
        State::claim(states.path(), &name("a")).unwrap();
    }

    #[test]
    fn what_a_killed_sandbox_left_is_swept() {
        let states = tempfile::tempdir().unwrap();
        drop(State::claim(states.path(), &name("killed")).unwrap());
        assert!(Seen::all(states.path()).unwrap().is_empty());
        assert!(!states.path().join("killed").exists());
    }

    #[test]
    fn an_ended_sandbox_keeps_its_console_until_its_name_is_wanted() {
        let states = tempfile::tempdir().unwrap();
        let ended = State::claim(states.path(), &name("ended")).unwrap();
        ended.record("exit_code", "3").unwrap();
        drop(ended);
        let seen = Seen::all(states.path()).unwrap();
        assert_eq!(seen.len(), 1);
        assert!(!seen[0].is_running().unwrap());
        assert_eq!(seen[0].read("exit_code"), "3");
        let again = State::claim(states.path(), &name("ended")).unwrap();
        assert!(
            Seen::find(states.path(), &name("ended"))
                .unwrap()
                .is_running()
                .unwrap()
        );
        again.remove();
    }
}
