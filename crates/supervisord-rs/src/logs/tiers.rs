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
    /// Bytes that come next out of the cleaner and that the clean file has already.
    known: u64,
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
            known: 0,
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
        let moved = raw.take_from(pipe)?;
        if moved > self.buffer.len() {
            self.buffer.resize(moved, 0);
        }
        self.derive();
        Ok(moved)
    }

    /// Writes what was read by somebody else.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let Some(raw) = &mut self.raw else {
            let lines = self.cleaner.clean(bytes);
            self.put(&lines);
            return self.settle();
        };
        let before = raw.size().unwrap_or(0);
        self.read = self.read.min(before);
        let lost = raw.lost();
        raw.append(bytes);
        if raw.lost() == lost {
            return self.derive();
        }
        // A full disk is no reason to hide the text from those who look elsewhere.
        let lines = self.cleaner.clean(bytes);
        self.put(&lines);
        self.settle();
    }

    /// Ends a run: what was held back is written.
    pub(crate) fn finish(&mut self) {
        let lines = self.cleaner.finish();
        self.put(&lines);
        self.known = 0;
        self.remember();
    }

    pub(crate) fn files(&mut self) -> impl Iterator<Item = &mut LogFile> {
        self.raw.iter_mut().chain(self.clean.as_mut())
    }

    /// After a file was emptied or opened again: nothing of it was read.
    pub(crate) fn start_over(&mut self) {
        self.read = self.raw.as_ref().map_or(0, |raw| raw.size().unwrap_or(0));
        self.known = 0;
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
            match raw.read_at(&mut self.buffer, self.read) {
                Ok(size) => {
                    self.take_in(size);
                    if size < self.buffer.len() {
                        break;
                    }
                }
                Err(_) => return,
            }
        }
        self.rotate_raw();
    }

    /// Carries what was read into the buffer on. Between two checkpoints lies one write to the
    /// clean file, so that a successor never has to look further back than one file that was set
    /// aside; that is why a checkpoint follows the last line end and not only a piece that ends
    /// with one.
    fn take_in(&mut self, size: usize) {
        let whole = memchr::memrchr(b'\n', &self.buffer[..size]).map_or(0, |at| at + 1);
        let lines = self.cleaner.clean(&self.buffer[..whole]);
        self.read += whole as u64;
        self.put(&lines);
        self.settle();
        let lines = self.cleaner.clean(&self.buffer[whole..size]);
        self.read += (size - whole) as u64;
        self.put(&lines);
    }

    /// Sets a full clean file aside and writes a checkpoint, if this is a place for one.
    fn settle(&mut self) {
        if !self.cleaner.is_empty() || self.known > 0 {
            return;
        }
        if let Some(clean) = &mut self.clean {
            clean.rotate_if_full();
        }
        self.remember();
    }

    /// Sets a full raw file aside, between lines if that is not long to wait for.
    fn rotate_raw(&mut self) {
        let Some(raw) = &mut self.raw else { return };
        if raw.is_full() && self.cleaner.is_empty() {
            raw.rotate_if_full();
            self.read = 0;
            self.settle();
        }
    }

    fn put(&mut self, lines: &[u8]) {
        let known = usize::try_from(self.known).unwrap_or(usize::MAX);
        let known = known.min(lines.len());
        self.known -= known as u64;
        let lines = &lines[known..];
        if lines.is_empty() {
            return;
        }
        if let Some(clean) = &mut self.clean {
            clean.append(lines);
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
        let is_same = raw.inode() == found.raw_inode;
        let is_whole = raw.size().is_ok_and(|size| size >= found.raw_offset);
        if is_same && is_whole {
            self.read = found.raw_offset;
            self.known = self.clean.as_ref().map_or(0, |clean| found.later(clean));
        }
        // Else it was set aside or emptied since, and all of it is later than the checkpoint.
        self.derive();
    }

    fn remember(&self) {
        let Some(file) = &self.checkpoint else { return };
        let inode = |file: &Option<LogFile>| file.as_ref().map_or(0, LogFile::inode);
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

    /// How much was written to the clean file since, also if it was set aside in between.
    fn later(&self, clean: &LogFile) -> u64 {
        let size = clean.size().unwrap_or(0);
        if clean.inode() == self.clean_inode {
            return size.saturating_sub(self.clean_size);
        }
        match clean.aside() {
            Some((inode, before)) if inode == self.clean_inode => {
                before.saturating_sub(self.clean_size) + size
            }
            Some(_) | None => 0,
        }
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

/// Bytes that are read at once; a pipe holds no more by default.
const PIECE: usize = 64 << 10;
const SIZE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Outlets;
    use std::{
        io::Write as _,
        os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    };

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

    /// Where a supervisor dies, of all the places between two steps of one write.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Death {
        RawOnly,
        BeforeRotation,
        WithoutCleanFile,
        BeforeCheckpoint,
        BeforeRawCheckpoint,
        AfterCheckpoint,
    }

    impl Bench {
        fn at(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn meta(&self, name: &str) -> Option<fs::Metadata> {
            fs::metadata(self.at(name)).ok()
        }

        fn place(&self, name: &str) -> (u64, u64) {
            let meta = self.meta(name).unwrap();
            (meta.ino(), meta.len())
        }

        fn before(&self) -> Before {
            Before {
                checkpoint: fs::read(self.at("checkpoint")).unwrap(),
                raw: self.place("raw"),
                clean: self.place("clean"),
            }
        }

        /// Makes the files of a completed step look as if its supervisor had died in it.
        fn die(&self, death: Death, before: &Before) {
            let is_aside = |name: &str, place: (u64, u64)| {
                let old = self.meta(&format!("{name}.old"));
                old.is_some_and(|old| old.ino() == place.0)
            };
            let back = |name: &str, place| {
                if is_aside(name, place) {
                    fs::rename(self.at(&format!("{name}.old")), self.at(name)).unwrap();
                }
            };
            match death {
                Death::AfterCheckpoint => return,
                Death::BeforeRawCheckpoint if is_aside("raw", before.raw) => {
                    let (raw, clean) = (self.place("raw.old"), self.place("clean"));
                    let last = Checkpoint {
                        raw_inode: raw.0,
                        raw_offset: raw.1,
                        clean_inode: clean.0,
                        clean_size: clean.1,
                    };
                    return fs::write(self.at("checkpoint"), last.bytes()).unwrap();
                }
                Death::BeforeRawCheckpoint => return,
                Death::BeforeCheckpoint => {}
                Death::WithoutCleanFile => {
                    if is_aside("clean", before.clean) {
                        fs::remove_file(self.at("clean")).unwrap();
                    }
                }
                Death::BeforeRotation => back("clean", before.clean),
                Death::RawOnly => {
                    back("clean", before.clean);
                    let clean = File::options().write(true).open(self.at("clean"));
                    clean.unwrap().set_len(before.clean.1).unwrap();
                }
            }
            back("raw", before.raw);
            fs::write(self.at("checkpoint"), &before.checkpoint).unwrap();
        }
    }

    /// The files before the step in which a supervisor dies, as inodes and sizes.
    struct Before {
        checkpoint: Vec<u8>,
        raw: (u64, u64),
        clean: (u64, u64),
    }

    /// How output comes in.
    #[derive(Clone, Copy, Debug)]
    enum Way {
        Moved,
        Written,
    }

    impl Way {
        fn carry(self, tiers: &mut Tiers, piece: &[u8]) {
            match self {
                Self::Written => tiers.write(piece),
                Self::Moved => {
                    let (pipe, mut writer) = io::pipe().unwrap();
                    writer.write_all(piece).unwrap();
                    assert_eq!(tiers.take_from(pipe.as_fd()).unwrap(), piece.len());
                }
            }
        }
    }

    /// Fifteen lines of 100 bytes and a half: each file is set aside once.
    fn fifteen_lines() -> String {
        let lines = (0..15).map(|number| format!("{number:099}\n"));
        lines.chain(["half".to_owned()]).collect()
    }

    #[test]
    fn a_death_beside_a_rotation_loses_no_line_and_doubles_none() {
        let deaths = [
            Death::RawOnly,
            Death::BeforeRotation,
            Death::WithoutCleanFile,
            Death::BeforeCheckpoint,
            Death::BeforeRawCheckpoint,
            Death::AfterCheckpoint,
        ];
        for way in [Way::Moved, Way::Written] {
            for size in [100, 37, 250, 70] {
                for victim in 0..=fifteen_lines().len().div_ceil(size) {
                    for death in deaths {
                        die_and_go_on(size, victim, death, way);
                    }
                }
            }
        }
    }

    /// Output comes in pieces of a size; its supervisor dies at one of them, and another goes on.
    fn die_and_go_on(size: usize, victim: usize, death: Death, way: Way) {
        let text = fifteen_lines();
        let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
        let bench = Bench::new();
        let mut tiers = bench.open(Begin::Fresh);
        for piece in &pieces[..victim] {
            way.carry(&mut tiers, piece);
        }
        let before = bench.before();
        match pieces.get(victim) {
            Some(piece) => way.carry(&mut tiers, piece),
            None => tiers.finish(),
        }
        drop(tiers);
        bench.die(death, &before);
        let mut tiers = bench.open(Begin::GoOn);
        for piece in pieces.iter().skip(victim + 1) {
            way.carry(&mut tiers, piece);
        }
        tiers.finish();
        let all = |name: &str| bench.text(&format!("{name}.old")) + &bench.text(name);
        let case = format!("pieces of {size}, {death:?} at number {victim}, {way:?}");
        assert!(bench.meta("clean.old").is_some(), "{case}");
        assert_eq!(all("raw"), text, "{case}");
        assert_eq!(all("clean"), text + "\n", "{case}");
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
        tiers.finish();
        let clean = bench.text("clean.old") + &bench.text("clean");
        assert_eq!(clean, format!("{line}\n").repeat(10) + "half and half\n");
    }
}
