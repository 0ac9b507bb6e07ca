//! A log file that rotates by size.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::BorrowedFd,
        unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use nix::{
    errno::Errno,
    fcntl::{SpliceFFlags, splice},
};

/// The log files that are open, so that two outputs with one path share one file: each with its
/// own idea of its size would write over the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    open: Arc<Mutex<BTreeMap<PathBuf, Weak<Mutex<LogFile>>>>>,
}

/// A log file that several outputs may write to.
#[derive(Clone, Debug)]
pub(crate) struct SharedFile(Arc<Mutex<LogFile>>);

/// An open log file.
///
/// It is not opened for appending, because the kernel does not splice a pipe into such a file;
/// every write goes to what is the end at that moment.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    inode: u64,
    rotation: Rotation,
    lost: u64,
}

/// What happens when a file is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// It never is.
    Never,
    /// `NAME` becomes `NAME.1`, `NAME.1` becomes `NAME.2`, and so on; with no backups it is emptied.
    Numbered { limit: u64, backups: u32 },
    /// `NAME` becomes `NAME.old`.
    Old { limit: u64 },
}

/// Whether a file of an earlier run is set aside when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    Fresh,
    GoOn,
}

impl Files {
    /// Opens a file, or shares it with whoever has it open.
    pub(crate) fn open(&self, path: &Path, rotation: Rotation) -> io::Result<SharedFile> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, file| file.strong_count() > 0);
        if let Some(file) = open.get(path).and_then(Weak::upgrade) {
            return Ok(SharedFile(file));
        }
        let file = Arc::new(Mutex::new(LogFile::open(path, rotation, Begin::GoOn)?));
        open.insert(path.to_owned(), Arc::downgrade(&file));
        Ok(SharedFile(file))
    }
}

impl SharedFile {
    pub(crate) fn lock(&self) -> MutexGuard<'_, LogFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogFile {
    pub(crate) fn open(path: &Path, rotation: Rotation, begin: Begin) -> io::Result<Self> {
        if begin == Begin::Fresh {
            set_aside(path);
        }
        let file = open(path)?;
        Ok(Self {
            path: path.to_owned(),
            inode: file.metadata()?.ino(),
            file,
            rotation,
            lost: 0,
        })
    }

    /// Appends, and puts a full file aside; a full disk loses the text, which is counted, and
    /// nothing else.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.append(bytes) {
            self.rotate_if_full();
        }
    }

    /// Appends and leaves the file where it is; whether something was written.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return false;
        }
        let written = self
            .size()
            .and_then(|end| self.file.write_all_at(bytes, end));
        if written.is_err() {
            self.lost += bytes.len() as u64;
        }
        written.is_ok()
    }

    /// Moves what a pipe holds to the end of the file. The kernel does it in one step: if we are
    /// killed in the middle, each byte is either in the pipe or in the file.
    ///
    /// # Errors
    /// `WouldBlock` when the pipe is empty; `InvalidInput` when the file system cannot do it.
    pub(crate) fn take_from(&self, pipe: BorrowedFd<'_>) -> io::Result<usize> {
        let mut end = i64::try_from(self.size()?).unwrap_or(i64::MAX);
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
        loop {
            match splice(pipe, None, &self.file, Some(&mut end), WIDE_PIPE, flags) {
                Err(Errno::EINTR) => {}
                result => return result.map_err(io::Error::from),
            }
        }
    }

    /// What stands at `offset`, as much as fits.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    /// Inode and size of the file that was set aside as `NAME.old`.
    pub(crate) fn aside(&self) -> Option<(u64, u64)> {
        let meta = fs::metadata(suffixed(&self.path, OLD)).ok()?;
        Some((meta.ino(), meta.len()))
    }

    /// The file that was set aside, to read on in it.
    pub(crate) fn open_aside(&self) -> io::Result<Self> {
        let path = suffixed(&self.path, OLD);
        Self::open(&path, Rotation::Never, Begin::GoOn)
    }

    /// Bytes that could not be written.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether it has reached its limit.
    pub(crate) fn is_full(&self) -> bool {
        let limit = match self.rotation {
            Rotation::Never => return false,
            Rotation::Numbered { limit, .. } | Rotation::Old { limit } => limit,
        };
        limit > 0 && self.size().is_ok_and(|size| size >= limit)
    }

    /// Puts a full file aside and begins another; whether there is another, which there is not where
    /// it cannot be opened.
    pub(crate) fn rotate_if_full(&mut self) -> bool {
        if !self.is_full() {
            return false;
        }
        let before = self.inode;
        match self.rotation {
            Rotation::Never => {}
            Rotation::Numbered { backups, .. } => self.rotate(backups),
            Rotation::Old { .. } => {
                set_aside(&self.path);
                self.reopen();
            }
        }
        self.inode != before
    }

    /// Opens the path again, after somebody moved the file away.
    pub(crate) fn reopen(&mut self) {
        if let Ok(file) = open(&self.path)
            && let Ok(meta) = file.metadata()
        {
            (self.file, self.inode) = (file, meta.ino());
        }
    }

    /// Starts over with an empty file.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        // The target of a link is emptied and the link stays.
        if fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.is_symlink()) {
            return self.file.set_len(0);
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => self.reopen(),
        }
        Ok(())
    }

    fn rotate(&mut self, backups: u32) {
        if backups == 0 {
            let _ = self.file.set_len(0);
            return;
        }
        for number in (1..backups).rev() {
            move_away(
                &numbered(&self.path, number),
                &numbered(&self.path, number + 1),
            );
        }
        move_away(&self.path, &numbered(&self.path, 1));
        self.reopen();
    }
}

/// Opens without waiting: a FIFO that took the place of a log has no say in what we do.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o666)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a plain file")),
    }
}

fn set_aside(path: &Path) {
    move_away(path, &suffixed(path, OLD));
}

/// Renames a file, if there is one; a reader that has it open goes on reading it.
///
/// What has the new name is removed first: ext4 takes a rename over another file for somebody who
/// replaces what must not be lost, and waits until the file is on the disk (`auto_da_alloc`), 5 ms
/// for 5 MB.
fn move_away(from: &Path, to: &Path) {
    if from.exists() {
        let _ = fs::remove_file(to);
    }
    let _ = fs::rename(from, to);
}

/// The size of the pipe of a program that writes a lot, and the most that is moved at once.
pub(crate) const WIDE_PIPE: usize = 256 << 10;
/// What is added to the name of a file that is set aside.
const OLD: &str = ".old";

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
    use std::{io::Write as _, os::fd::AsFd as _};

    fn read(path: &Path, suffix: &str) -> String {
        fs::read_to_string(suffixed(path, suffix)).unwrap()
    }

    #[test]
    fn a_full_file_moves_to_the_first_backup_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let rotation = Rotation::Numbered {
            limit: 4,
            backups: 2,
        };
        let mut log = LogFile::open(&path, rotation, Begin::GoOn).unwrap();
        for text in ["one.", "two.", "three", "4"] {
            log.write(text.as_bytes());
        }
        assert_eq!(
            (read(&path, ""), read(&path, ".1"), read(&path, ".2")),
            ("4".into(), "three".into(), "two.".into())
        );
        assert!(!suffixed(&path, ".3").exists());
    }

    #[test]
    fn a_full_file_without_backups_is_emptied_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let rotation = Rotation::Numbered {
            limit: 4,
            backups: 0,
        };
        let mut log = LogFile::open(&path, rotation, Begin::GoOn).unwrap();
        let before = log.inode();
        log.write(b"more than four");
        log.write(b"4");
        assert_eq!((read(&path, ""), log.inode()), ("4".into(), before));
    }

    #[test]
    fn a_file_of_one_run_is_set_aside_at_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        for text in ["first", "second"] {
            LogFile::open(&path, Rotation::Old { limit: 100 }, Begin::Fresh)
                .unwrap()
                .write(text.as_bytes());
        }
        assert_eq!(read(&path, ""), "second");
        assert_eq!(read(&path, ".old"), "first");
    }

    #[test]
    fn outputs_with_one_path_share_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let files = Files::default();
        let one = files.open(&path, Rotation::Never).unwrap();
        let other = files.open(&path, Rotation::Never).unwrap();
        one.lock().write(b"one ");
        other.lock().write(b"other ");
        one.lock().write(b"one");
        assert_eq!(read(&path, ""), "one other one");
    }

    #[test]
    fn a_pipe_is_moved_into_the_file_behind_what_stands_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let log = {
            let mut log = LogFile::open(&path, Rotation::Never, Begin::GoOn).unwrap();
            log.write(b"there ");
            log
        };
        let (pipe, mut writer) = io::pipe().unwrap();
        writer.write_all(b"moved").unwrap();
        assert_eq!(log.take_from(pipe.as_fd()).unwrap(), 5);
        let empty = log.take_from(pipe.as_fd()).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(read(&path, ""), "there moved");
        // Somebody truncates it, as logrotate's copytruncate does.
        File::create(&path).unwrap();
        writer.write_all(b"after").unwrap();
        assert_eq!(log.take_from(pipe.as_fd()).unwrap(), 5);
        assert_eq!(read(&path, ""), "after");
    }
}
