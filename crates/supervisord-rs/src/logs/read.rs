//! Reading logs back while they grow.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

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
        if replaced {
            // What came between the two looks, before the file was set aside.
            let text = self.read_on();
            if !text.is_empty() {
                return Growth::Text(text);
            }
        }
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

    /// The next bytes, at most so many, if they are there already.
    pub(crate) fn read(&mut self, most: u64) -> Vec<u8> {
        let mut text = Vec::new();
        if self.file.seek(SeekFrom::Start(self.offset)).is_ok() {
            let _ = (&self.file).take(most).read_to_end(&mut text);
        }
        self.offset += text.len() as u64;
        text
    }

    fn read_on(&mut self) -> Vec<u8> {
        self.read(PIECE)
    }
}

/// Opens a plain file; reading a terminal or pipe would wait or steal.
fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    File::open(path)
}

const PIECE: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

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
