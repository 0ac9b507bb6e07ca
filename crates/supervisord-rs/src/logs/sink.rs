//! Where one output of one program goes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    clean::{Cleaner, Stripper},
    file::{LogFile, Rotation},
    stdout::Stdout,
};

/// An open destination. Its methods never wait for anybody but the disk.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Nowhere.
    Nothing,
    /// One file, as configured; escape sequences are removed if a stripper is there.
    File(LogFile, Option<Stripper>),
    /// Our own output, unchanged.
    Stdout(Stdout),
    /// The raw log, the clean log, and our own output clean.
    Tiers {
        raw: Option<LogFile>,
        clean: Option<LogFile>,
        cleaner: Cleaner,
        stdout: Stdout,
    },
}

/// What kind of destination to open.
#[derive(Clone, Debug)]
pub(crate) enum SinkPlan {
    /// Nowhere.
    Nothing,
    /// One file.
    File {
        path: PathBuf,
        rotation: Rotation,
        strip: bool,
    },
    /// Our own output.
    Stdout,
    /// Raw and clean.
    Tiers { raw: PathBuf, clean: PathBuf },
}

impl Sink {
    /// Opens what is planned.
    ///
    /// # Errors
    /// When the one file there is cannot be opened. A tier that cannot be opened is left out and
    /// named in `lost`: the other two still tell what happens.
    pub(crate) fn open(
        plan: &SinkPlan,
        stdout: &Stdout,
        lost: &mut Vec<String>,
    ) -> io::Result<Self> {
        Ok(match plan {
            SinkPlan::Nothing => Self::Nothing,
            SinkPlan::Stdout => Self::Stdout(stdout.clone()),
            SinkPlan::File {
                path,
                rotation,
                strip,
            } => Self::File(
                LogFile::open(path, *rotation)?,
                strip.then(Stripper::default),
            ),
            SinkPlan::Tiers { raw, clean } => Self::Tiers {
                raw: tier(raw, lost),
                clean: tier(clean, lost),
                cleaner: Cleaner::default(),
                stdout: stdout.clone(),
            },
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        match self {
            Self::Nothing => {}
            Self::File(file, None) => file.write(bytes),
            Self::File(file, Some(stripper)) => {
                let mut text = Vec::with_capacity(bytes.len());
                stripper.strip(bytes, &mut text);
                file.write(&text);
            }
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::Tiers {
                raw,
                clean,
                cleaner,
                stdout,
            } => {
                if let Some(raw) = raw {
                    raw.write(bytes);
                }
                let lines = cleaner.clean(bytes);
                put(&lines, clean, stdout);
            }
        }
    }

    /// Writes what was held back, at the end of a run.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Tiers {
                clean,
                cleaner,
                stdout,
                ..
            } => {
                let lines = cleaner.finish();
                put(&lines, clean, stdout);
            }
            Self::Nothing | Self::File(..) | Self::Stdout(_) => {}
        }
    }

    /// Opens all files again.
    pub(crate) fn reopen(&mut self) {
        self.files().for_each(LogFile::reopen);
    }

    /// Empties all files.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.files().try_for_each(LogFile::clear)
    }

    fn files(&mut self) -> impl Iterator<Item = &mut LogFile> {
        let (first, second) = match self {
            Self::Nothing | Self::Stdout(_) => (None, None),
            Self::File(file, _) => (Some(file), None),
            Self::Tiers { raw, clean, .. } => (raw.as_mut(), clean.as_mut()),
        };
        first.into_iter().chain(second)
    }
}

fn put(lines: &[u8], clean: &mut Option<LogFile>, stdout: &Stdout) {
    if lines.is_empty() {
        return;
    }
    if let Some(clean) = clean {
        clean.write(lines);
    }
    stdout.write(lines);
}

fn tier(path: &Path, lost: &mut Vec<String>) -> Option<LogFile> {
    let opened = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| LogFile::open(path, Rotation::Old { limit: TIER_LIMIT }));
    opened
        .inspect_err(|error| lost.push(format!("{}: {error}", path.display())))
        .ok()
}

/// Size at which a tier is set aside.
const TIER_LIMIT: u64 = 5 << 20;
