//! The tiers of a program's output: raw in one file, clean in another and on our own output.
//!
//! The raw file is the journal. A pipe is moved into it by the kernel, and the clean tiers are
//! derived from it. A checkpoint remembers a place in the raw file where nothing was held back, and
//! how long the clean file was then; a successor reads on from there, so that a death of ours at any
//! moment costs no line, and the clean file gets none twice.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::BorrowedFd,
        unix::fs::{FileExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use super::{
    clean::Cleaner,
    file::{Begin, LogFile, Rotation},
    json::JsonLines,
    outlet::Outlet,
};

/// The open tiers. A file that could not be opened is left out: the others still tell what happens.
#[derive(Debug)]
pub(crate) struct Tiers {
    raw: Option<LogFile>,
    clean: Option<LogFile>,
    stdout: Outlet,
    lines: Option<JsonLines>,
    cleaner: Cleaner,
    /// How far the raw file was read into the cleaner.
    read: u64,
    checkpoint: Option<File>,
    buffer: Vec<u8>,
}

/// Where the tiers are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TierPlan {
    pub(crate) raw: PathBuf,
    pub(crate) clean: PathBuf,
    /// Where the checkpoint is kept, if anybody could use it.
    pub(crate) checkpoint: Option<PathBuf>,
    /// The name under which lines go to our output as JSON; `None` for plain text.
    pub(crate) json: Option<String>,
    /// Size at which a file is set aside; 0 for never.
    pub(crate) limit: u64,
}

/// A place in the raw file at which the cleaner held nothing back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Checkpoint {
    raw_inode: u64,
    raw_offset: u64,
    clean_inode: u64,
    clean_size: u64,
}

impl Tiers {
    /// Opens the tiers of a new run, or those of a run that goes on; what could not be opened is
    /// named in `lost`.
    pub(crate) fn open(
        plan: &TierPlan,
        stdout: &Outlet,
        begin: Begin,
        lost: &mut Vec<String>,
    ) -> Self {
        let mut tiers = Self {
            raw: tier(&plan.raw, plan.limit, begin, lost),
            clean: tier(&plan.clean, plan.limit, begin, lost),
            stdout: stdout.clone(),
            lines: plan.json.as_deref().map(JsonLines::new),
            cleaner: Cleaner::default(),
            read: 0,
            checkpoint: plan.checkpoint.as_deref().and_then(open_checkpoint),
            buffer: vec![0; PIECE],
        };
        match begin {
            Begin::Fresh => {
                tiers.read = tiers.raw.as_ref().map_or(0, |raw| raw.size().unwrap_or(0));
                tiers.remember();
            }
            Begin::GoOn => tiers.catch_up(),
        }
        tiers
    }

    /// Whether [`Self::take_from`] is worth trying.
    pub(crate) fn can_take(&self) -> bool {
        self.raw.is_some()
    }

    /// Moves what a pipe holds into the raw file, and derives the other tiers from it.
    pub(crate) fn take_from(&mut self, pipe: BorrowedFd<'_>) -> io::Result<usize> {
        let Some(raw) = &self.raw else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let size = raw.size()?;
        // Somebody shortened the file; what stood there was read before.
        self.read = self.read.min(size);
        let moved = raw.take_from(pipe, PIECE)?;
        self.derive();
        Ok(moved)
    }

    /// Writes what was read by somebody else.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let Some(raw) = &mut self.raw else {
            let lines = self.cleaner.clean(bytes);
            return self.put(&lines);
        };
        let before = raw.size().unwrap_or(0);
        self.read = self.read.min(before);
        let lost = raw.lost();
        raw.write(bytes);
        if raw.lost() == lost {
            return self.derive();
        }
        // A full disk is no reason to hide the text from those who look elsewhere.
        let lines = self.cleaner.clean(bytes);
        self.put(&lines);
    }

    /// Ends a run: what was held back is written.
    pub(crate) fn finish(&mut self) {
        let lines = self.cleaner.finish();
        self.put(&lines);
        self.remember();
    }

    pub(crate) fn files(&mut self) -> impl Iterator<Item = &mut LogFile> {
        self.raw.iter_mut().chain(self.clean.as_mut())
    }

    /// After a file was emptied or opened again: nothing of it was read.
    pub(crate) fn start_over(&mut self) {
        self.read = self.raw.as_ref().map_or(0, |raw| raw.size().unwrap_or(0));
        self.remember();
    }

    pub(crate) fn lost(&self) -> u64 {
        let files = self.raw.iter().chain(&self.clean);
        files.map(LogFile::lost).sum()
    }

    /// Reads the raw file to its end into the other tiers.
    fn derive(&mut self) {
        loop {
            let Some(raw) = &self.raw else { return };
            let Ok(size) = raw.read_at(&mut self.buffer, self.read) else {
                return;
            };
            if size == 0 {
                break;
            }
            self.read += size as u64;
            let lines = self.cleaner.clean(&self.buffer[..size]);
            self.put(&lines);
        }
        self.rotate();
        if self.cleaner.is_empty() {
            self.remember();
        }
    }

    /// Sets full files aside, the raw one between lines if that is not long to wait for.
    fn rotate(&mut self) {
        if let Some(clean) = &mut self.clean {
            clean.rotate_if_full();
        }
        let Some(raw) = &mut self.raw else { return };
        if raw.is_full() && self.cleaner.is_empty() {
            raw.rotate_if_full();
            self.read = 0;
        }
    }

    fn put(&mut self, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        if let Some(clean) = &mut self.clean {
            clean.write(lines);
        }
        match &mut self.lines {
            Some(json) => self.stdout.write(&json.wrap(lines)),
            None => self.stdout.write(lines),
        }
    }

    /// Derives what our predecessor had not, beginning at its last checkpoint.
    fn catch_up(&mut self) {
        let found = self.checkpoint.as_ref().and_then(Checkpoint::read);
        let (Some(raw), Some(found)) = (&self.raw, found) else {
            return self.start_over();
        };
        if raw.inode().ok() != Some(found.raw_inode) {
            // It was set aside in between; all of the present one is later than the checkpoint.
            self.read = 0;
            return self.derive();
        }
        self.read = found.raw_offset;
        // Lines after the checkpoint that the clean file already has are not written again.
        let there = self.clean.as_ref().map_or(0, |clean| {
            let same = clean.inode().ok() == Some(found.clean_inode);
            let size = clean.size().unwrap_or(0);
            if same {
                size.saturating_sub(found.clean_size)
            } else {
                0
            }
        });
        let mut skip = usize::try_from(there).unwrap_or(usize::MAX);
        while skip > 0 {
            let Some(raw) = &self.raw else { return };
            let size = match raw.read_at(&mut self.buffer, self.read) {
                Ok(0) | Err(_) => break,
                Ok(size) => size,
            };
            self.read += size as u64;
            let lines = self.cleaner.clean(&self.buffer[..size]);
            let known = skip.min(lines.len());
            skip -= known;
            self.put(&lines[known..]);
        }
        self.derive();
    }

    fn remember(&self) {
        let Some(file) = &self.checkpoint else { return };
        let inode = |file: &Option<LogFile>| {
            file.as_ref()
                .and_then(|file| file.inode().ok())
                .unwrap_or(0)
        };
        let checkpoint = Checkpoint {
            raw_inode: inode(&self.raw),
            raw_offset: self.read,
            clean_inode: inode(&self.clean),
            clean_size: self
                .clean
                .as_ref()
                .and_then(|file| file.size().ok())
                .unwrap_or(0),
        };
        // Without it a successor begins at the end, which is all it could do without the file.
        let _ = file.write_all_at(&checkpoint.bytes(), 0);
    }
}

impl Checkpoint {
    fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; SIZE];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let (words, _) = bytes.as_chunks::<8>();
        let [raw_inode, raw_offset, clean_inode, clean_size] = words else {
            return None;
        };
        Some(Self {
            raw_inode: u64::from_le_bytes(*raw_inode),
            raw_offset: u64::from_le_bytes(*raw_offset),
            clean_inode: u64::from_le_bytes(*clean_inode),
            clean_size: u64::from_le_bytes(*clean_size),
        })
    }

    fn bytes(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let words = [
            self.raw_inode,
            self.raw_offset,
            self.clean_inode,
            self.clean_size,
        ];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

fn open_checkpoint(path: &Path) -> Option<File> {
    let _ = fs::create_dir_all(path.parent()?);
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .ok()
}

fn tier(path: &Path, limit: u64, begin: Begin, lost: &mut Vec<String>) -> Option<LogFile> {
    let opened = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| LogFile::open(path, Rotation::Old { limit }, begin));
    opened
        .inspect_err(|error| lost.push(format!("{}: {error}", path.display())))
        .ok()
}

/// Bytes that are moved or read at once; a pipe holds no more by default.
const PIECE: usize = 64 << 10;
const SIZE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Outlets;
    use std::{io::Write as _, os::fd::AsFd as _};

    struct Bench {
        dir: tempfile::TempDir,
        outlets: Outlets,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                dir: tempfile::tempdir().unwrap(),
                outlets: Outlets::start().unwrap(),
            }
        }

        fn open(&self, begin: Begin) -> Tiers {
            let at = |name: &str| self.dir.path().join(name);
            let plan = TierPlan {
                raw: at("raw"),
                clean: at("clean"),
                checkpoint: Some(at("checkpoint")),
                json: None,
                limit: 1000,
            };
            let mut lost = Vec::new();
            let tiers = Tiers::open(&plan, self.outlets.stdout(), begin, &mut lost);
            assert!(lost.is_empty(), "{lost:?}");
            tiers
        }

        fn text(&self, name: &str) -> String {
            fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
        }
    }

    #[test]
    fn a_pipe_goes_raw_and_clean() {
        let bench = Bench::new();
        let mut tiers = bench.open(Begin::Fresh);
        let (pipe, mut writer) = io::pipe().unwrap();
        writer.write_all(b"\x1b[1mred\x1b[0m\n10%\r20%").unwrap();
        tiers.take_from(pipe.as_fd()).unwrap();
        assert_eq!(bench.text("clean"), "red\n");
        tiers.finish();
        assert_eq!(bench.text("raw"), "\x1b[1mred\x1b[0m\n10%\r20%");
        assert_eq!(bench.text("clean"), "red\n20%\n");
    }

    #[test]
    fn a_successor_goes_on_wherever_its_predecessor_died() {
        let text = "one\ntwo\r\n\x1b[31mthree\x1b[0m\nfour\n";
        for raw_end in 0..=text.len() {
            for behind in 0..4 {
                let bench = Bench::new();
                let mut tiers = bench.open(Begin::Fresh);
                tiers.write(&text.as_bytes()[..raw_end]);
                // It died after lines went into the clean file, or before: the checkpoint is old.
                drop(tiers);
                let clean = bench.text("clean");
                let kept: String = clean.split_inclusive('\n').take(behind).collect();
                let file = File::options()
                    .write(true)
                    .open(bench.dir.path().join("clean"))
                    .unwrap();
                file.set_len(kept.len() as u64).unwrap();
                let meta = |name: &str| {
                    use std::os::unix::fs::MetadataExt as _;
                    fs::metadata(bench.dir.path().join(name)).unwrap().ino()
                };
                let old = Checkpoint {
                    raw_inode: meta("raw"),
                    raw_offset: 0,
                    clean_inode: meta("clean"),
                    clean_size: 0,
                };
                fs::write(bench.dir.path().join("checkpoint"), old.bytes()).unwrap();
                let mut tiers = bench.open(Begin::GoOn);
                tiers.write(&text.as_bytes()[raw_end..]);
                tiers.finish();
                assert_eq!(bench.text("raw"), text);
                assert_eq!(
                    bench.text("clean"),
                    "one\ntwo\nthree\nfour\n",
                    "{raw_end} {behind}"
                );
            }
        }
    }

    #[test]
    fn a_full_raw_file_is_set_aside_between_lines() {
        let bench = Bench::new();
        let mut tiers = bench.open(Begin::Fresh);
        let line = "x".repeat(99);
        for _ in 0..10 {
            tiers.write(format!("{line}\n").as_bytes());
        }
        tiers.write(b"half");
        tiers.write(b" and half\n");
        assert_eq!(bench.text("raw.old").len(), 1000);
        assert_eq!(bench.text("raw"), "half and half\n");
    }
}
