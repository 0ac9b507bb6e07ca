//! One line of a file.

use std::borrow::Cow;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A comment, or a blank line that continues nothing.
    Nothing,
    /// A blank line inside a value.
    Blank,
    /// A further line of a value.
    More(&'a str),
    /// `[name]`.
    Header(&'a str),
    /// `key = value`; the key is in lower case.
    Pair { key: String, value: &'a str },
    /// None of these.
    Garbage(&'a str),
}

/// Whether a line may continue the value before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continued {
    /// There is no value before it.
    No,
    /// If it is indented further than this many characters.
    From(usize),
}

impl<'a> Line<'a> {
    /// Understands a line. `indent` becomes the indentation of a line that starts something.
    pub(super) fn parse(line: &'a str, continued: Continued, indent: &mut usize) -> Self {
        let comment = comment_start(line);
        let value = trimmed(&line[..comment.unwrap_or(line.len())]);
        if value.is_empty() {
            return match (comment, continued) {
                (None, Continued::From(_)) => Self::Blank,
                (None | Some(_), _) => Self::Nothing,
            };
        }
        let depth = line.chars().take_while(|char| is_blank(*char)).count();
        if let Continued::From(least) = continued
            && depth > least
        {
            return Self::More(value);
        }
        *indent = depth;
        header(value)
            .map(Self::Header)
            .or_else(|| pair(value))
            .unwrap_or(Self::Garbage(value))
    }

    /// Whether there is anything but a comment.
    pub(super) fn has_content(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Blank)
    }
}

/// The lines of a file, with the line ends that Python knows. What is not UTF-8 is replaced.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (line, after) = match end {
            None => (rest, &rest[rest.len()..]),
            Some(end) if rest[end..].starts_with(b"\r\n") => (&rest[..end], &rest[end + 2..]),
            Some(end) => (&rest[..end], &rest[end + 1..]),
        };
        rest = after;
        Some(String::from_utf8_lossy(line))
    })
}

/// Where the comment of a line starts. Quotes do not protect.
///
/// The original looks for the first `;` and the first `#`, then for the second of each, and so on,
/// and stops at the first round in which one of them follows a blank.
fn comment_start(line: &str) -> Option<usize> {
    if trimmed(line).starts_with(['#', ';']) {
        return Some(0);
    }
    let mut semicolons = line.match_indices(';').map(|(at, _)| at);
    let mut hashes = line.match_indices('#').map(|(at, _)| at);
    let begins = |at: &usize| {
        let before = line[..*at].chars().next_back();
        before.is_none_or(is_blank)
    };
    loop {
        let round = [semicolons.next(), hashes.next()];
        if round == [None, None] {
            return None;
        }
        let found = round.into_iter().flatten().filter(begins).min();
        if found.is_some() {
            return found;
        }
    }
}

fn header(value: &str) -> Option<&str> {
    let rest = value.strip_prefix('[')?;
    let end = rest.rfind(']')?;
    (end > 0).then(|| &rest[..end])
}

fn pair(value: &str) -> Option<Line<'_>> {
    let (key, value) = value.split_once(['=', ':'])?;
    let key = end_trimmed(key).to_lowercase();
    let value = trimmed(value);
    (!key.is_empty()).then_some(Line::Pair { key, value })
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Without the blanks at its end.
pub(super) fn end_trimmed(text: &str) -> &str {
    text.trim_end_matches(is_blank)
}

/// What Python takes for white space.
fn is_blank(char: char) -> bool {
    char.is_whitespace() || ('\x1c'..='\x1f').contains(&char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_that_finds_a_comment_decides() {
        for (line, start) in [
            ("a ; b", Some(2)),
            ("a;b#c", None),
            ("a;b ;c #d", Some(7)),
            ("a\t#", Some(2)),
            ("  ; x", Some(0)),
            ("; x", Some(0)),
            ("a;;b", None),
        ] {
            assert_eq!(comment_start(line), start, "{line}");
        }
    }

    #[test]
    fn lines_end_as_in_python() {
        let all: Vec<_> = lines(b"a\r\nb\rc\n\nd").collect();
        assert_eq!(all, ["a", "b", "c", "", "d"]);
    }
}
