//! A file system in memory that remembers what was asked of it, for tests.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::{Access, Published, Stat, System};

/// Files in memory and a journal of every change.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    state: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<PathBuf, (Vec<u8>, Access)>,
    dirs: BTreeMap<PathBuf, Access>,
    journal: Vec<String>,
    read_only: Option<PathBuf>,
    unreadable: Option<PathBuf>,
}

impl Recording {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let recording = Self::default();
        for (path, content) in files {
            recording.put(path, content);
        }
        recording
    }

    /// Puts a file there as somebody else would, without a journal entry.
    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let value = (content.as_ref().to_vec(), Access::root(0o644));
        self.inner().files.insert(path.into(), value);
    }

    /// Makes everything below `path` refuse changes.
    pub(crate) fn make_read_only(&self, path: &str) {
        self.inner().read_only = Some(path.into());
    }

    /// Makes reading `path` fail as a broken disk does.
    pub(crate) fn make_unreadable(&self, path: &str) {
        self.inner().unreadable = Some(path.into());
    }

    pub(crate) fn text(&self, path: &str) -> String {
        let bytes = self.read(Path::new(path)).expect("the file exists");
        String::from_utf8(bytes).expect("the file is text")
    }

    /// Every change so far, in order.
    pub(crate) fn journal(&self) -> Vec<String> {
        self.inner().journal.clone()
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.state.lock().expect("no test panics while recording")
    }
}

impl Inner {
    fn admit(&mut self, path: &Path, entry: String) -> io::Result<()> {
        if self
            .read_only
            .as_ref()
            .is_some_and(|dir| path.starts_with(dir))
        {
            return Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        }
        self.journal.push(entry);
        Ok(())
    }
}

impl System for Recording {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let inner = self.inner();
        if inner.unreadable.as_deref() == Some(path) {
            return Err(io::Error::other("input/output error"));
        }
        let found = inner.files.get(path).map(|(content, _)| content.clone());
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn stat(&self, path: &Path) -> Option<Stat> {
        let inner = self.inner();
        let file = inner.files.get(path).map(|(_, access)| (*access, false));
        let (access, is_dir) = file.or_else(|| Some((*inner.dirs.get(path)?, true)))?;
        let (uid, gid) = access.owner.unwrap_or_default();
        Some(Stat {
            mode: access.mode,
            uid,
            gid,
            is_dir,
        })
    }

    fn list(&self, dir: &Path) -> Vec<String> {
        let inner = self.inner();
        let names = inner.files.keys().filter(|path| path.parent() == Some(dir));
        names
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect()
    }

    fn publish(&self, path: &Path, content: &[u8], access: Access) -> io::Result<Published> {
        let mut inner = self.inner();
        let same = inner.files.get(path).is_some_and(|(old, _)| old == content);
        if !same {
            inner.admit(
                path,
                format!("publish {} {:o}", path.display(), access.mode),
            )?;
        }
        inner
            .files
            .insert(path.to_owned(), (content.to_vec(), access));
        Ok(if same {
            Published::Unchanged
        } else {
            Published::Written
        })
    }

    fn make_dir(&self, path: &Path, access: Access) -> io::Result<()> {
        let mut inner = self.inner();
        inner.admit(path, format!("dir {} {:o}", path.display(), access.mode))?;
        inner.dirs.insert(path.to_owned(), access);
        Ok(())
    }

    fn set_access(&self, path: &Path, access: Access) -> io::Result<()> {
        let mut inner = self.inner();
        if !inner.files.contains_key(path) && !inner.dirs.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        inner.admit(path, format!("access {} {:o}", path.display(), access.mode))
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        bytes.fill(0xa5);
        Ok(())
    }
}
