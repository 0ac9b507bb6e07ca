//! A text that is read from its file while it is sent, so that a log of any size costs no memory.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

/// A piece of a file, as text. What is not UTF-8 is replaced.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    file: Arc<File>,
    from: u64,
    length: u64,
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
            && (self.from, self.length) == (other.from, other.length)
    }
}

impl Stored {
    /// `length` bytes of `file`, from the offset `from`.
    pub(crate) fn new(file: File, from: u64, length: u64) -> Self {
        Self {
            file: Arc::new(file),
            from,
            length,
        }
    }

    #[cfg(test)]
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The whole text, in memory.
    pub(crate) fn read(&self) -> io::Result<String> {
        self.texts().collect()
    }

    /// The text in pieces. They end where the file does, if it has become shorter.
    pub(crate) fn texts(&self) -> Texts {
        Texts {
            file: Arc::clone(&self.file),
            at: self.from,
            left: self.length,
            carry: Vec::new(),
        }
    }
}

/// Pieces of a text; see [`Stored::texts`].
#[derive(Debug)]
pub(crate) struct Texts {
    file: Arc<File>,
    at: u64,
    left: u64,
    /// Bytes of a character whose rest is in the next piece.
    carry: Vec<u8>,
}

impl Iterator for Texts {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 && self.carry.is_empty() {
            return None;
        }
        let wanted = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
        let mut bytes = std::mem::take(&mut self.carry);
        let carried = bytes.len();
        bytes.resize(carried + wanted, 0);
        let read = match self.file.read_at(&mut bytes[carried..], self.at) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                self.left = 0;
                return Some(Err(error));
            }
        };
        bytes.truncate(carried + read);
        self.at += read as u64;
        self.left = match read {
            0 => 0,
            read => self.left - read as u64,
        };
        let (text, rest) = decode(&bytes, self.left == 0);
        self.carry = rest;
        Some(Ok(text))
    }
}

/// The text of `bytes`, and the bytes of a character that is not complete yet.
fn decode(mut bytes: &[u8], last: bool) -> (String, Vec<u8>) {
    let mut text = String::with_capacity(bytes.len());
    loop {
        let error = match str::from_utf8(bytes) {
            Ok(rest) => {
                text.push_str(rest);
                return (text, Vec::new());
            }
            Err(error) => error,
        };
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(valid));
        match error.error_len() {
            None if !last => return (text, rest.to_vec()),
            None => {
                text.push(char::REPLACEMENT_CHARACTER);
                return (text, Vec::new());
            }
            Some(wrong) => {
                text.push(char::REPLACEMENT_CHARACTER);
                bytes = &rest[wrong..];
            }
        }
    }
}

const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn stored(bytes: &[u8], from: u64, length: u64) -> Stored {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Stored::new(file, from, length)
    }

    #[test]
    fn characters_on_the_border_of_pieces_stay_whole() {
        for before in PIECE - 4..PIECE + 2 {
            let text = "x".repeat(before) + "ö€😀" + &"y".repeat(PIECE);
            let read = stored(text.as_bytes(), 0, text.len() as u64)
                .read()
                .unwrap();
            assert_eq!(read, text, "{before}");
        }
    }

    #[test]
    fn a_file_that_has_become_shorter_ends_the_text() {
        assert_eq!(stored(b"0123456789", 4, 3).read().unwrap(), "456");
        assert_eq!(stored(b"0123456789", 8, 1 << 40).read().unwrap(), "89");
        assert_eq!(stored(b"0123456789", 99, 5).read().unwrap(), "");
    }

    proptest! {
        #[test]
        fn pieces_decode_as_the_whole_does(bytes: Vec<u8>, cut in 0usize..64) {
            let cut = cut.min(bytes.len());
            let (mut text, mut rest) = decode(&bytes[..cut], false);
            rest.extend_from_slice(&bytes[cut..]);
            text += &decode(&rest, true).0;
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
