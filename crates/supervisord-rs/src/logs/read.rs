//! Reading logs back, as clients ask for them.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why a log was not read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    /// The combination of offset and length means nothing.
    #[error("offset and length do not go together")]
    Arguments,
    /// The operating system refused.
    #[error("failed to read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// The original's `readLog`: a negative offset counts from the end, a length of 0 means all.
pub(crate) fn read(path: &Path, offset: i64, length: i64) -> Result<Vec<u8>, ReadError> {
    if length < 0 || (offset < 0 && length != 0) {
        return Err(ReadError::Arguments);
    }
    let failed = |source| ReadError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let from = match u64::try_from(offset) {
        Ok(offset) => offset,
        Err(_) => size.saturating_sub(offset.unsigned_abs()),
    };
    let wanted = match u64::try_from(length) {
        Ok(0) | Err(_) => MOST,
        Ok(length) => length.min(MOST),
    };
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut data = Vec::new();
    file.take(wanted).read_to_end(&mut data).map_err(failed)?;
    Ok(data)
}

/// The original's `tailLog`: text, offset of the end, and whether something was passed over.
pub(crate) fn tail(path: &Path, offset: i64, length: i64) -> (Vec<u8>, i64, bool) {
    let size = File::open(path)
        .and_then(|file| file.metadata())
        .ok()
        .and_then(|meta| i64::try_from(meta.len()).ok());
    let Some(size) = size else {
        return (Vec::new(), offset, false);
    };
    let overflow = size > offset.saturating_add(length);
    let wanted = if offset >= size && !overflow {
        0
    } else {
        length.clamp(0, size)
    };
    let data = match wanted {
        0 => Vec::new(),
        wanted => read(path, size - wanted, wanted).unwrap_or_default(),
    };
    (data, size, overflow)
}

/// Follows a file while it grows, is truncated or is replaced.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    file: File,
    inode: u64,
    offset: u64,
}

/// What a follower found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Nothing yet.
    None,
    /// This was appended.
    Text(Vec<u8>),
    /// The file became shorter, or another one.
    Restarted(Vec<u8>),
}

impl Follower {
    /// Opens the file `before` bytes from its end.
    pub(crate) fn open(path: &Path, before: u64) -> io::Result<Self> {
        let file = open(path)?;
        let meta = file.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            inode: meta.ino(),
            offset: meta.len().saturating_sub(before),
            file,
        })
    }

    /// What came since the last call, at most a piece of it.
    pub(crate) fn next(&mut self) -> Growth {
        let text = self.read_on();
        if !text.is_empty() {
            return Growth::Text(text);
        }
        let replaced = std::fs::metadata(&self.path).is_ok_and(|meta| meta.ino() != self.inode);
        if replaced && let Ok(next) = Self::open(&self.path, u64::MAX) {
            *self = next;
            let text = self.read_on();
            return match text.is_empty() {
                true => Growth::None,
                false => Growth::Text(text),
            };
        }
        if self
            .file
            .metadata()
            .is_ok_and(|meta| meta.len() < self.offset)
        {
            self.offset = 0;
            return Growth::Restarted(self.read_on());
        }
        Growth::None
    }

    fn read_on(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.file.seek(SeekFrom::Start(self.offset)).is_ok() {
            let _ = (&self.file).take(PIECE).read_to_end(&mut text);
        }
        self.offset += text.len() as u64;
        text
    }
}

/// Opens a plain file; reading a terminal or pipe would wait or steal.
fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    File::open(path)
}

/// More is not sent in one answer.
const MOST: u64 = 16 << 20;
const PIECE: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_lengths_follow_the_original() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "0123456789").unwrap();
        let get = |offset, length| String::from_utf8(read(&path, offset, length).unwrap()).unwrap();
        assert_eq!(get(-3, 0), "789");
        assert_eq!(get(-99, 0), "0123456789");
        assert_eq!(get(2, 3), "234");
        assert_eq!(get(8, 0), "89");
        assert_eq!(get(99, 0), "");
        assert!(matches!(read(&path, -3, 1), Err(ReadError::Arguments)));
        assert!(matches!(read(&path, 0, -1), Err(ReadError::Arguments)));
        assert_eq!(tail(&path, 0, 4), (b"6789".to_vec(), 10, true));
        assert_eq!(tail(&path, 10, 4), (Vec::new(), 10, false));
        assert_eq!(tail(&path, 0, 99), (b"0123456789".to_vec(), 10, false));
    }

    #[test]
    fn a_follower_sees_growth_truncation_and_replacement() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "old text").unwrap();
        let mut follower = Follower::open(&path, 4).unwrap();
        assert_eq!(follower.next(), Growth::Text(b"text".to_vec()));
        assert_eq!(follower.next(), Growth::None);
        std::fs::write(&path, "cut").unwrap();
        assert_eq!(follower.next(), Growth::Restarted(b"cut".to_vec()));
        std::fs::rename(&path, dir.path().join("y")).unwrap();
        std::fs::write(&path, "fresh").unwrap();
        assert_eq!(follower.next(), Growth::Text(b"fresh".to_vec()));
    }
}
