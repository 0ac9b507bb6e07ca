//! What was typed.

/// A line as the original divides it: a leading word of letters, digits and underscores, and the
/// rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Empty,
    Command {
        verb: &'a str,
        rest: &'a str,
    },
    /// It begins with nothing that could be a command.
    Strange(&'a str),
}

impl<'a> Line<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Empty;
        }
        if let Some(rest) = text.strip_prefix('?') {
            return Self::Command {
                verb: "help",
                rest: rest.trim(),
            };
        }
        let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let end = text.find(|char| !is_word(char)).unwrap_or(text.len());
        match text.split_at(end) {
            ("", _) => Self::Strange(text),
            (verb, rest) => Self::Command {
                verb,
                rest: rest.trim(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_divided_as_the_original_does() {
        let command = |verb, rest| Line::Command { verb, rest };
        for (text, line) in [
            ("", Line::Empty),
            ("  \t", Line::Empty),
            ("status", command("status", "")),
            (" start  a  b ", command("start", "a  b")),
            ("tail-f x", command("tail", "-f x")),
            ("?status", command("help", "status")),
            ("?", command("help", "")),
            ("!x", Line::Strange("!x")),
            ("-f", Line::Strange("-f")),
            ("EOF", command("EOF", "")),
        ] {
            assert_eq!(Line::parse(text), line, "{text:?}");
        }
    }
}
