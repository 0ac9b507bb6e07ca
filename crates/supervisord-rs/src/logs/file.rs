//! A log file that rotates by size.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// An open log file.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    rotation: Rotation,
}

/// What happens when a file is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// It never is.
    Never,
    /// `NAME` becomes `NAME.1`, `NAME.1` becomes `NAME.2`, and so on.
    Numbered { limit: u64, backups: u32 },
    /// `NAME` becomes `NAME.old`; also at every start.
    Old { limit: u64 },
}

impl LogFile {
    pub(crate) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        if let Rotation::Old { .. } = rotation {
            set_aside(path);
        }
        let file = append(path)?;
        let meta = file.metadata()?;
        // Pipes and terminals have no size; the original logs a traceback at every write there.
        let rotation = match meta.is_file() {
            true => rotation,
            false => Rotation::Never,
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            size: meta.len(),
            rotation,
        })
    }

    /// Appends; a full disk loses the text and nothing else.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.file.write_all(bytes).is_err() {
            return;
        }
        self.size += bytes.len() as u64;
        match self.rotation {
            Rotation::Numbered { limit, backups } if limit > 0 && self.size >= limit => {
                self.rotate(backups);
            }
            Rotation::Old { limit } if self.size >= limit => {
                set_aside(&self.path);
                self.reopen();
            }
            Rotation::Never | Rotation::Numbered { .. } | Rotation::Old { .. } => {}
        }
    }

    /// Opens the path again, after somebody moved the file away.
    pub(crate) fn reopen(&mut self) {
        if let Ok(file) = append(&self.path) {
            self.size = file.metadata().map_or(0, |meta| meta.len());
            self.file = file;
        }
    }

    /// Starts over with an empty file.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        if self.rotation == Rotation::Never && !self.file.metadata()?.is_file() {
            return Ok(());
        }
        // A link such as /dev/stdout stays; its target is emptied.
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.is_symlink()) {
            self.file.set_len(0)?;
        } else {
            match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => self.reopen(),
            }
        }
        self.size = 0;
        Ok(())
    }

    fn rotate(&mut self, backups: u32) {
        if backups == 0 {
            let _ = fs::remove_file(&self.path);
        } else {
            for number in (1..backups).rev() {
                let _ = fs::rename(
                    numbered(&self.path, number),
                    numbered(&self.path, number + 1),
                );
            }
            let _ = fs::rename(&self.path, numbered(&self.path, 1));
        }
        self.reopen();
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .open(path)
}

fn set_aside(path: &Path) {
    // A reader that has the file open goes on reading it; a missing one needs no setting aside.
    let _ = fs::rename(path, suffixed(path, ".old"));
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    suffixed(path, &format!(".{number}"))
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_moves_to_the_first_backup_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let rotation = Rotation::Numbered {
            limit: 4,
            backups: 2,
        };
        let mut log = LogFile::open(&path, rotation).unwrap();
        for text in ["one.", "two.", "three", "4"] {
            log.write(text.as_bytes());
        }
        let read = |suffix: &str| fs::read_to_string(suffixed(&path, suffix)).unwrap();
        assert_eq!(
            (read(""), read(".1"), read(".2")),
            ("4".into(), "three".into(), "two.".into())
        );
        assert!(!suffixed(&path, ".3").exists());
    }

    #[test]
    fn a_file_of_one_run_is_set_aside_at_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        for text in ["first", "second"] {
            LogFile::open(&path, Rotation::Old { limit: 100 })
                .unwrap()
                .write(text.as_bytes());
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(
            fs::read_to_string(suffixed(&path, ".old")).unwrap(),
            "first"
        );
    }
}
