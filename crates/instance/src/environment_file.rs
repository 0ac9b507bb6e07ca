//! `/etc/environment`, which PAM reads line by line and shells source.
//!
//! The two disagree, so a value is written in a form that both read back unchanged: in single
//! quotes, which neither looks into. What PAM (`pam_env`, checked against version 1.5.2) still does:
//!
//! * it cuts every line at `#`, quoted or not, so a value with one has no form that PAM reads;
//! * it strips one pair of outer quotes and knows no escapes, so neither has a value with `'`;
//! * it ends a line at a line end, and it stops reading the file at a line of about 8 KiB.
//!
//! The first two are written as `export -- NAME=…`, a line that shells run and PAM passes over as
//! no assignment. The last have no form at all and are left out. Either way the names are reported,
//! and processes get such values through their parent's environment.
//!
//! Our lines stand between two marker comments. Everything outside them is the user's and is kept
//! byte by byte.

use crate::Variables;

/// First line of the managed block.
pub const BEGIN: &str = "# >>> managed by bootd: rewritten at every boot >>>";
/// Last line of the managed block.
pub const END: &str = "# <<< managed by bootd <<<";

/// A new file and what not everybody can read in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Names of variables that shells read and PAM does not.
    pub for_shells_only: Vec<String>,
    /// Names of variables that are not in the file.
    pub left_out: Vec<String>,
}

/// What a file assigns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// The variables; of several lines the last one counts.
    pub variables: Variables,
    /// Names of variables whose value holds a NUL byte, with which no program can be started.
    pub refused: Vec<String>,
}

/// Puts `managed` into the managed block of `current`, keeping every line outside it.
///
/// A variable that the user sets outside the block is not written, so that the user's line wins
/// whichever reader takes the last one.
pub fn render(current: &[u8], managed: &Variables) -> Rendered {
    let user_lines = outside_block(current);
    let users = assigned(&user_lines).variables;
    let mut rendered = Rendered {
        bytes: format!("{BEGIN}\n").into_bytes(),
        for_shells_only: Vec::new(),
        left_out: Vec::new(),
    };
    for (name, value) in managed
        .iter()
        .filter(|(name, _)| !users.contains_key(*name))
    {
        let line = match form(name, value) {
            Form::Common => format!("{name}='{value}'\n"),
            Form::Shell => {
                rendered.for_shells_only.push(name.clone());
                format!(
                    "{SHELL_ONLY}{name}='{}'\n",
                    value.replace('\'', ESCAPED_QUOTE)
                )
            }
            Form::Nothing => {
                rendered.left_out.push(name.clone());
                continue;
            }
        };
        rendered.bytes.extend_from_slice(line.as_bytes());
    }
    rendered.bytes.extend_from_slice(END.as_bytes());
    rendered.bytes.push(b'\n');
    for line in user_lines {
        rendered.bytes.extend_from_slice(line);
        rendered.bytes.push(b'\n');
    }
    rendered
}

/// Reads a file's assignments: `NAME=value`, an optional `export`, one pair of outer quotes.
///
/// Lines that are not assignments are ignored.
pub fn parse(bytes: &[u8]) -> Variables {
    assigned(&lines(bytes).collect::<Vec<_>>()).variables
}

/// The assignments that stand outside the managed block.
pub fn parse_user(bytes: &[u8]) -> Assigned {
    assigned(&outside_block(bytes))
}

fn assigned(lines: &[&[u8]]) -> Assigned {
    let mut assigned = Assigned::default();
    for (name, value) in lines.iter().filter_map(|line| parse_line(line)) {
        if value.contains('\0') {
            assigned.refused.push(name);
        } else {
            assigned.variables.insert(name, value);
        }
    }
    assigned
}

fn parse_line(line: &[u8]) -> Option<(String, String)> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    if let Some(ours) = line.strip_prefix(SHELL_ONLY) {
        let (name, value) = ours.split_once('=')?;
        let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
        return is_name(name).then(|| (name.to_owned(), value.replace(ESCAPED_QUOTE, "'")));
    }
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

fn outside_block(bytes: &[u8]) -> Vec<&[u8]> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in lines(bytes) {
        match line.trim_ascii() {
            text if text == BEGIN.as_bytes() => inside = true,
            text if text == END.as_bytes() => inside = false,
            _ if inside => {}
            _ => found.push(line),
        }
    }
    found
}

/// The lines without their line feeds. A carriage return before one belongs to the line, which is
/// kept as it is; whoever looks for something in it passes over blanks at its end.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

/// Who can read a variable from a line.
enum Form {
    Common,
    Shell,
    Nothing,
}

fn form(name: &str, value: &str) -> Form {
    let length = name.len() + value.replace('\'', ESCAPED_QUOTE).len();
    if !is_name(name) || value.contains(['\n', '\r', '\0']) || length > LONGEST_LINE {
        return Form::Nothing;
    }
    if value.contains(['\'', '#']) {
        return Form::Shell;
    }
    Form::Common
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// PAM takes `export ` away and finds a name with a blank and dashes in it, which is none.
const SHELL_ONLY: &str = "export -- ";
/// A quote within single quotes, for shells.
const ESCAPED_QUOTE: &str = r"'\''";
/// PAM reads lines into 8192 bytes and ends at one that does not fit; the rest is for our syntax.
const LONGEST_LINE: usize = 8000;

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn text(rendered: &Rendered) -> &str {
        std::str::from_utf8(&rendered.bytes).unwrap()
    }

    #[test]
    fn user_lines_survive_and_win() {
        let current = b"EDITOR=vim\nPATH=\"/mine\"\n# note\nBYTES=\xff\xfe\n";
        let first = render(current, &variables(&[("PATH", "/ours"), ("A", "1")]));
        let second = render(&first.bytes, &variables(&[("A", "2"), ("PATH", "/ours")]));
        let mut expected = format!("{BEGIN}\nA='2'\n{END}\n").into_bytes();
        expected.extend_from_slice(current);
        assert_eq!(second.bytes, expected);
        assert_eq!(parse(&second.bytes)["PATH"], "/mine");
    }

    #[test]
    fn user_lines_keep_their_line_ends() {
        let current = b"A=1\r\nB='2'\r\r\n# note\r";
        let rendered = render(current, &variables(&[]));
        let mut expected = format!("{BEGIN}\n{END}\n").into_bytes();
        expected.extend_from_slice(b"A=1\r\nB='2'\r\r\n# note\r\n");
        assert_eq!(rendered.bytes, expected);
        assert_eq!(render(&rendered.bytes, &variables(&[])), rendered);
        assert_eq!(parse(&expected), variables(&[("A", "1"), ("B", "2")]));
    }

    #[test]
    fn a_value_that_pam_would_misread_is_written_for_shells() {
        let managed = variables(&[("A", "it's #1"), ("B", "pa#ss"), ("C", "ok")]);
        let rendered = render(b"", &managed);
        assert_eq!(rendered.for_shells_only, ["A", "B"]);
        assert_eq!(rendered.left_out, Vec::<String>::new());
        let lines: Vec<_> = text(&rendered).lines().collect();
        assert_eq!(lines[1], r"export -- A='it'\''s #1'");
        assert_eq!(parse(&rendered.bytes), managed);
    }

    #[test]
    fn a_value_without_any_form_is_left_out_by_name() {
        let long = "x".repeat(9000);
        let managed = variables(&[("A", "x\ny"), ("B", &long), ("C", "ok"), ("not.ok", "1")]);
        let rendered = render(b"", &managed);
        assert_eq!(rendered.left_out, ["A", "B", "not.ok"]);
        assert_eq!(parse(&rendered.bytes), variables(&[("C", "ok")]));
    }

    #[test]
    fn a_users_value_with_a_nul_byte_is_refused_by_name() {
        let current = b"A=x\0y\nB=1\n";
        let assigned = parse_user(current);
        assert_eq!(assigned.refused, ["A"]);
        assert_eq!(assigned.variables, variables(&[("B", "1")]));
        let rendered = render(current, &variables(&[("A", "ours")]));
        assert_eq!(
            parse(&rendered.bytes),
            variables(&[("A", "ours"), ("B", "1")])
        );
    }

    #[test]
    fn an_unclosed_block_does_not_duplicate_itself() {
        let current = format!("{BEGIN}\nA='1'\n");
        let rendered = render(current.as_bytes(), &variables(&[("A", "2")]));
        assert_eq!(text(&rendered), format!("{BEGIN}\nA='2'\n{END}\n"));
    }

    proptest::proptest! {
        #[test]
        fn a_written_value_is_read_back(value in "[^\\r\\n\\x00]{0,60}") {
            let rendered = render(b"", &variables(&[("X", &value)]));
            proptest::prop_assert_eq!(&parse(&rendered.bytes)["X"], &value);
        }
    }
}
