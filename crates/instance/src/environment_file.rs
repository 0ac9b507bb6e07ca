//! `/etc/environment`, which PAM reads line by line and shells source.
//!
//! The two disagree about quoting, so a value is written in a form that both read back unchanged:
//! in single quotes, which neither PAM nor a shell looks into. PAM strips one pair of outer quotes
//! and ends a line at a newline; a value that holds a single quote, a newline or a carriage return
//! has no common form. Such values are left out of the file and reported by name, and reach
//! processes through their parent's environment alone.
//!
//! Our lines stand between two marker comments. Everything outside them is the user's and is kept.

use crate::Variables;

/// First line of the managed block.
pub const BEGIN: &str = "# >>> managed by bootd: rewritten at every boot >>>";
/// Last line of the managed block.
pub const END: &str = "# <<< managed by bootd <<<";

/// A new file text and what could not be put into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The whole file.
    pub text: String,
    /// Names of variables whose value has no form that PAM and shells read alike.
    pub left_out: Vec<String>,
}

/// Puts `managed` into the managed block of `current`, keeping every line outside it.
///
/// A variable that the user sets outside the block is not written, so that the user's line wins
/// whichever reader takes the last one.
pub fn render(current: &str, managed: &Variables) -> Rendered {
    let user_lines = outside_block(current);
    let users = parse_lines(user_lines.iter().copied());
    let mut text = String::from(BEGIN);
    text.push('\n');
    let mut left_out = Vec::new();
    for (name, value) in managed
        .iter()
        .filter(|(name, _)| !users.contains_key(*name))
    {
        match line(name, value) {
            Some(line) => text.push_str(&line),
            None => left_out.push(name.clone()),
        }
    }
    text.push_str(END);
    text.push('\n');
    for line in user_lines {
        text.push_str(line);
        text.push('\n');
    }
    Rendered { text, left_out }
}

/// Reads a file as PAM does: `NAME=value` lines, an optional `export`, one pair of outer quotes.
///
/// Later lines win. Lines that are not assignments are ignored.
pub fn parse(text: &str) -> Variables {
    parse_lines(text.lines())
}

/// The variables that stand outside the managed block.
pub fn parse_user(text: &str) -> Variables {
    parse_lines(outside_block(text).into_iter())
}

fn parse_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Variables {
    lines.filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = line.split_once('=')?;
    is_name(name).then(|| (name.to_owned(), unquote(value).to_owned()))
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}

fn outside_block(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line.trim() {
            BEGIN => inside = true,
            END => inside = false,
            _ if inside => {}
            _ => lines.push(line),
        }
    }
    lines
}

fn line(name: &str, value: &str) -> Option<String> {
    let readable = !value.contains(['\'', '\n', '\r', '\0']);
    (is_name(name) && readable).then(|| format!("{name}='{value}'\n"))
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn user_lines_survive_and_win() {
        let current = "EDITOR=vim\nPATH=\"/mine\"\n# note\n";
        let first = render(current, &variables(&[("PATH", "/ours"), ("A", "1")]));
        let second = render(&first.text, &variables(&[("A", "2"), ("PATH", "/ours")]));
        assert_eq!(
            second.text,
            format!("{BEGIN}\nA='2'\n{END}\nEDITOR=vim\nPATH=\"/mine\"\n# note\n")
        );
        assert_eq!(parse(&second.text)["PATH"], "/mine");
    }

    #[test]
    fn a_value_without_a_common_form_is_left_out_by_name() {
        let rendered = render("", &variables(&[("A", "it's"), ("B", "x\ny"), ("C", "ok")]));
        assert_eq!(rendered.left_out, ["A", "B"]);
        assert_eq!(parse(&rendered.text), variables(&[("C", "ok")]));
    }

    #[test]
    fn an_unclosed_block_does_not_duplicate_itself() {
        let rendered = render(&format!("{BEGIN}\nA='1'\n"), &variables(&[("A", "2")]));
        assert_eq!(rendered.text, format!("{BEGIN}\nA='2'\n{END}\n"));
    }

    proptest::proptest! {
        #[test]
        fn a_written_value_is_read_back(value in "[^'\\r\\n\\x00]{0,60}") {
            let rendered = render("", &variables(&[("X", &value)]));
            proptest::prop_assert_eq!(&parse(&rendered.text)["X"], &value);
        }
    }
}
