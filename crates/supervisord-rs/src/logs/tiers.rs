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
    clean::{Cleaner, LONGEST_LINE},
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
    /// Bytes since the last place where a checkpoint could be.
    held: u64,
    /// How many these may be: then the line is cut, so that the checkpoint is never further back.
    longest: u64,
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

/// Where text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Raw,
    /// It could not be written to the raw file.
    Elsewhere,
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
            held: 0,
            longest: match plan.limit {
                0 => u64::MAX,
                limit => limit.max(LEAST_CUT),
            },
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
            return self.take_in(bytes, Source::Elsewhere);
        };
        let before = raw.size().unwrap_or(0);
        self.read = self.read.min(before);
        let lost = raw.lost();
        raw.append(bytes);
        if raw.lost() == lost {
            return self.derive();
        }
        // A full disk is no reason to hide the text from those who look elsewhere, and a part that
        // was written is not read again.
        self.read = raw.size().unwrap_or(before);
        self.take_in(bytes, Source::Elsewhere);
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
        // A successor must not begin within a line of which it does not have the first half.
        if self.cleaner.is_empty() {
            self.held = 0;
            self.remember();
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        let files = self.raw.iter().chain(&self.clean);
        files.map(LogFile::lost).sum()
    }

    /// Reads the raw file to its end into the other tiers.
    fn derive(&mut self) {
        if self.read_on().is_ok() {
            self.rotate_raw();
        }
    }

    fn read_on(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let end = loop {
            let Some(raw) = &self.raw else { break Ok(()) };
            match raw.read_at(&mut buffer, self.read) {
                Ok(size) => {
                    self.take_in(&buffer[..size], Source::Raw);
                    if size < buffer.len() {
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        self.buffer = buffer;
        end
    }

    /// Carries text on to the other tiers. A line that does not end is cut, and always at the same
    /// place, as a successor counts what comes out.
    fn take_in(&mut self, mut text: &[u8], source: Source) {
        let longest = usize::try_from(self.longest).unwrap_or(usize::MAX);
        while !text.is_empty() {
            // Only the first line of a piece may be too long.
            let piece = &text[..text.len().min(longest)];
            let taken = match self.place_to_cut(piece) {
                Some(at) => {
                    let mut lines = self.cleaner.clean(&piece[..at]);
                    lines.extend(self.cleaner.cut());
                    self.pass(at, &lines, source);
                    self.settle();
                    at
                }
                None => {
                    self.take_piece(piece, source);
                    piece.len()
                }
            };
            text = &text[taken..];
        }
    }

    /// Carries a piece on. Between two checkpoints lies one write to the clean file, so that a
    /// successor never has to look further back than one file that was set aside; that is why a
    /// checkpoint follows the last line end and not only a piece that ends with one.
    fn take_piece(&mut self, piece: &[u8], source: Source) {
        let whole = memchr::memrchr(b'\n', piece).map_or(0, |at| at + 1);
        let (whole, cut) = piece.split_at(whole);
        let lines = self.cleaner.clean(whole);
        self.pass(whole.len(), &lines, source);
        self.settle();
        let lines = self.cleaner.clean(cut);
        self.pass(cut.len(), &lines, source);
    }

    fn pass(&mut self, taken: usize, lines: &[u8], source: Source) {
        if source == Source::Raw {
            self.read += taken as u64;
        }
        self.held += taken as u64;
        self.put(lines);
    }

    /// Where the line is cut that the piece goes on with, if it is too long. No character is.
    fn place_to_cut(&self, piece: &[u8]) -> Option<usize> {
        let room = self.longest.saturating_sub(self.held);
        let mut at = usize::try_from(room).unwrap_or(usize::MAX);
        if at >= piece.len() {
            return None;
        }
        let end = memchr::memchr(b'\n', piece).unwrap_or(piece.len());
        let last = at.saturating_add(LONGEST_CHARACTER);
        while at < end.min(last) && (0x80..0xc0).contains(&piece[at]) {
            at += 1;
        }
        (at < end).then_some(at)
    }

    /// Sets a full clean file aside and writes a checkpoint, if this is a place for one.
    fn settle(&mut self) {
        if !self.cleaner.is_empty() {
            return;
        }
        self.held = 0;
        if self.known > 0 {
            return;
        }
        if let Some(clean) = &mut self.clean {
            clean.rotate_if_full();
        }
        self.remember();
    }

    /// Sets a full raw file aside, between lines if that is not long to wait for. The checkpoint is
    /// never further back than in that file: so much text holds a place for another.
    fn rotate_raw(&mut self) {
        let Some(raw) = &mut self.raw else { return };
        if self.known > 0 || !raw.is_full() {
            return;
        }
        let is_late = || raw.size().is_ok_and(|size| size / 2 >= self.longest);
        if (self.cleaner.is_empty() || is_late()) && raw.rotate_if_full() {
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
        let is_whole = |size: u64| size >= found.raw_offset;
        let known = self.clean.as_ref().map_or(0, |clean| found.later(clean));
        if raw.inode() == found.raw_inode {
            if raw.size().is_ok_and(is_whole) {
                (self.read, self.known) = (found.raw_offset, known);
            }
        } else if let Some((inode, size)) = raw.aside()
            && (inode == found.raw_inode && is_whole(size))
            && let Ok(aside) = raw.open_aside()
        {
            (self.read, self.known) = (found.raw_offset, known);
            let raw = self.raw.replace(aside);
            // What cannot be read there is no reason to leave out what follows.
            let _ = self.read_on();
            (self.raw, self.read) = (raw, 0);
            self.settle();
        }
        // Else it was emptied since, and all of it is later than the checkpoint.
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
/// The least at which a line is cut that does not end; the clean file has it in parts anyway.
const LEAST_CUT: u64 = LONGEST_LINE as u64;
const LONGEST_CHARACTER: usize = 4;

#[cfg(test)]
mod tests;
