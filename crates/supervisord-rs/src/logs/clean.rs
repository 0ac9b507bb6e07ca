//! Program output made readable: no escape sequences, no overwritten progress bars.

/// Removes escape sequences from a stream, also where one is cut between two reads.
#[derive(Debug, Default)]
pub(crate) struct Stripper {
    state: Escape,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    Text,
    /// After ESC.
    Begun,
    /// ESC followed by intermediate bytes such as `(`.
    Intermediate,
    /// In a control sequence, `ESC [ …`.
    Sequence,
    /// In a text that ends with BEL or ESC \, such as a window title.
    Command,
    /// After an ESC inside such a text.
    CommandEnd,
}

impl Stripper {
    /// Passes on what is text.
    pub(super) fn strip(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (_, ESC) if self.state != Escape::Command => Escape::Begun,
                (Escape::Text, byte) => {
                    out.push(byte);
                    Escape::Text
                }
                (Escape::Begun, b'[') => Escape::Sequence,
                (Escape::Begun, b']' | b'P' | b'X' | b'^' | b'_') => Escape::Command,
                (Escape::Begun | Escape::Intermediate, 0x20..=0x2f) => Escape::Intermediate,
                (Escape::Begun | Escape::Intermediate, _) => Escape::Text,
                (Escape::Sequence, 0x40..=0x7e) => Escape::Text,
                // A line end inside a sequence means it was none.
                (Escape::Sequence | Escape::Command, b'\n') => {
                    out.push(b'\n');
                    Escape::Text
                }
                (Escape::Sequence, _) => Escape::Sequence,
                (Escape::Command, BEL) => Escape::Text,
                (Escape::Command, ESC) => Escape::CommandEnd,
                (Escape::Command, _) => Escape::Command,
                (Escape::CommandEnd, _) => Escape::Text,
            };
        }
    }
}

/// Turns a raw stream into clean lines. Of a line that was overwritten by carriage returns only
/// the last text stays.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    stripper: Stripper,
    line: Vec<u8>,
    /// A carriage return was seen; what follows decides whether it ended or rewrote the line.
    returned: bool,
}

impl Cleaner {
    /// Whether nothing is held back, neither text nor half a sequence.
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty() && !self.returned && self.stripper.state == Escape::Text
    }

    /// The lines that `bytes` complete.
    pub(super) fn clean(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::with_capacity(bytes.len() + self.line.len());
        // First the line that the read before has cut.
        let begun = match self.is_empty() {
            true => 0,
            false => memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1),
        };
        let (begun, rest) = bytes.split_at(begun);
        self.clean_slowly(begun, &mut lines);
        // Most output is plain lines, which need no look at every byte in turn.
        let end = memchr::memrchr(b'\n', rest).map_or(0, |at| at + 1);
        let (whole, cut) = rest.split_at(end);
        if self.is_empty() && are_plain(whole) {
            lines.extend_from_slice(whole);
        } else {
            for line in whole.split_inclusive(|byte| *byte == b'\n') {
                match self.is_empty() && are_plain(line) {
                    true => lines.extend_from_slice(line),
                    false => self.clean_slowly(line, &mut lines),
                }
            }
        }
        self.clean_slowly(cut, &mut lines);
        lines
    }

    fn clean_slowly(&mut self, bytes: &[u8], lines: &mut Vec<u8>) {
        let mut text = Vec::with_capacity(bytes.len());
        self.stripper.strip(bytes, &mut text);
        for byte in text {
            match byte {
                b'\n' => self.end_line(lines),
                b'\r' => self.returned = true,
                b'\t' | b' '.. if byte != DEL => self.put(byte, lines),
                // Bells, backspaces and their like have no place in a file.
                _ => {}
            }
        }
    }

    /// What is left of an unfinished line.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut lines = Vec::new();
        if !self.line.is_empty() {
            self.end_line(&mut lines);
        }
        lines
    }

    /// What is left of a line that is too long to wait for its end; nothing is held back then.
    pub(super) fn cut(&mut self) -> Vec<u8> {
        std::mem::take(self).finish()
    }

    fn put(&mut self, byte: u8, lines: &mut Vec<u8>) {
        if self.returned {
            self.returned = false;
            self.line.clear();
        }
        // A character is not cut: its first byte is the earliest place to break a long line.
        if self.line.len() >= LONGEST_LINE && !(0x80..0xc0).contains(&byte) {
            self.end_line(lines);
        }
        self.line.push(byte);
    }

    fn end_line(&mut self, lines: &mut Vec<u8>) {
        self.returned = false;
        match str::from_utf8(&self.line) {
            Ok(_) => lines.extend_from_slice(&self.line),
            Err(_) => lines.extend_from_slice(String::from_utf8_lossy(&self.line).as_bytes()),
        }
        lines.push(b'\n');
        self.line.clear();
    }
}

/// Whether there is nothing to clean in whole lines.
fn are_plain(lines: &[u8]) -> bool {
    // Without a branch per byte, so that the compiler can look at many at once.
    let odd = lines.iter().fold(false, |odd, byte| {
        odd | ((*byte < b' ') & (*byte != b'\n') & (*byte != b'\t')) | (*byte == DEL)
    });
    if odd || str::from_utf8(lines).is_err() {
        return false;
    }
    let mut from = 0;
    lines.len() < LONGEST_LINE
        || memchr::memchr_iter(b'\n', lines).all(|at| {
            let length = at - std::mem::replace(&mut from, at + 1);
            length < LONGEST_LINE
        })
}

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const DEL: u8 = 0x7f;
/// A line longer than this is broken rather than kept in memory.
pub(super) const LONGEST_LINE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(chunks: &[&[u8]]) -> String {
        let mut cleaner = Cleaner::default();
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend(cleaner.clean(chunk));
        }
        out.extend(cleaner.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn colours_and_titles_go_wherever_they_are_cut() {
        let raw = b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain\x1b(B\n";
        for at in 0..raw.len() {
            assert_eq!(
                clean(&[&raw[..at], &raw[at..]]),
                "red plain\n",
                "cut at {at}"
            );
        }
        assert_eq!(
            clean(&[b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n"]),
            "link\n"
        );
    }

    #[test]
    fn only_the_last_text_of_an_overwritten_line_stays() {
        assert_eq!(clean(&[b" 10%\r 50%\r100%\ndone\r\n"]), "100%\ndone\n");
        assert_eq!(clean(&[b"half", b" line"]), "half line\n");
    }

    #[test]
    fn characters_cut_between_reads_survive_and_broken_ones_are_replaced() {
        let raw = "größe\n".as_bytes();
        for at in 0..raw.len() {
            assert_eq!(clean(&[&raw[..at], &raw[at..]]), "größe\n");
        }
        assert_eq!(clean(&[b"a\xffb\n"]), "a\u{fffd}b\n");
    }

    #[test]
    fn it_does_not_matter_how_output_was_read() {
        let raw = "plain\nand \x1b[1mbold\x1b[0m\n10%\r20%\ngröße\tend\r\n\nlast".as_bytes();
        let whole = clean(&[raw]);
        assert_eq!(whole, "plain\nand bold\n20%\ngröße\tend\n\nlast\n");
        for size in 1..raw.len() {
            let pieces: Vec<_> = raw.chunks(size).collect();
            assert_eq!(clean(&pieces), whole, "in pieces of {size}");
        }
    }

    #[test]
    fn an_endless_line_is_broken_and_no_character_with_it() {
        let raw = "ü".repeat(LONGEST_LINE);
        let text = clean(&[raw.as_bytes()]);
        assert!(!text.contains('\u{fffd}'));
        assert_eq!(text.replace('\n', ""), raw);
    }
}
