//! One conversion: flags, width, precision and letter, as in `%(n)-05.2x`.

use super::float;
use crate::config::names::Value;

/// A conversion.
#[derive(Debug)]
pub(super) struct Format {
    left: bool,
    zero: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

/// A formatted value before it is padded.
struct Body {
    text: String,
    /// Whether sign and zeros apply.
    numeric: bool,
}

impl Format {
    /// Reads a conversion from the start of `text`; also returns what follows it.
    pub(super) fn parse(text: &str) -> Option<(Self, &str)> {
        let (flags, rest) = take(text, |char| "#0- +".contains(char));
        let (width, rest) = take(rest, |char| char.is_ascii_digit());
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(rest) => {
                let (digits, rest) = take(rest, |char| char.is_ascii_digit());
                (Some(count(digits)?), rest)
            }
            None => (None, rest),
        };
        // One length modifier of C is allowed and means nothing.
        let rest = rest.strip_prefix(['h', 'l', 'L']).unwrap_or(rest);
        let conversion = rest.chars().next()?;
        let format = Self {
            left: flags.contains('-'),
            zero: flags.contains('0'),
            plus: flags.contains('+'),
            blank: flags.contains(' '),
            alternate: flags.contains('#'),
            width: count(width)?,
            precision,
            conversion,
        };
        "sradiuxXoeEfFgGc"
            .contains(conversion)
            .then(|| (format, &rest[conversion.len_utf8()..]))
    }

    /// The value in this form, unless it does not fit.
    pub(super) fn apply(&self, value: &Value) -> Option<String> {
        let body = match (self.conversion, value) {
            ('s', value) => self.cut(plain(value)),
            ('r', value) => self.cut(repr(value)),
            ('a', value) => self.cut(ascii(&repr(value))),
            ('c', value) => Body {
                text: one_character(value)?.to_string(),
                numeric: false,
            },
            (_, Value::Text(_)) => return None,
            (conversion, Value::Number(number)) => Body {
                text: match conversion {
                    'd' | 'i' | 'u' => self.integer(*number, "", |n| n.to_string()),
                    'x' => self.integer(*number, "0x", |n| format!("{n:x}")),
                    'X' => self.integer(*number, "0X", |n| format!("{n:X}")),
                    'o' => self.integer(*number, "0o", |n| format!("{n:o}")),
                    _ => float::format(*number, conversion, self.precision, self.alternate),
                },
                numeric: true,
            },
        };
        Some(self.padded(&body))
    }

    fn cut(&self, text: String) -> Body {
        let text = match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text,
        };
        Body {
            text,
            numeric: false,
        }
    }

    fn integer(&self, number: i64, prefix: &str, digits: impl Fn(u64) -> String) -> String {
        let digits = digits(number.unsigned_abs());
        let missing = self.precision.unwrap_or(0).saturating_sub(digits.len());
        format!(
            "{}{}{}{digits}",
            if number < 0 { "-" } else { "" },
            if self.alternate { prefix } else { "" },
            "0".repeat(missing)
        )
    }

    fn padded(&self, body: &Body) -> String {
        let (sign, rest) = match body.text.strip_prefix('-') {
            Some(rest) if body.numeric => ("-", rest),
            _ if body.numeric && self.plus => ("+", body.text.as_str()),
            _ if body.numeric && self.blank => (" ", body.text.as_str()),
            _ => ("", body.text.as_str()),
        };
        let prefix = match self.alternate && matches!(self.conversion, 'x' | 'X' | 'o') {
            true => 2,
            false => 0,
        };
        let (prefix, digits) = rest.split_at(prefix);
        let length = sign.len() + prefix.len() + digits.chars().count();
        let missing = self.width.saturating_sub(length);
        if self.left {
            format!("{sign}{prefix}{digits}{}", " ".repeat(missing))
        } else if self.zero && body.numeric {
            format!("{sign}{prefix}{}{digits}", "0".repeat(missing))
        } else {
            format!("{}{sign}{prefix}{digits}", " ".repeat(missing))
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
    }
}

/// As Python's `repr` writes a value.
fn repr(value: &Value) -> String {
    let text = match value {
        Value::Number(number) => return number.to_string(),
        Value::Text(text) => text,
    };
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut written = String::from(quote);
    for char in text.chars() {
        match char {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\\' => written.push_str("\\\\"),
            char if char == quote => written.extend(['\\', char]),
            char if is_printable(char) => written.push(char),
            char => written.push_str(&escaped(char)),
        }
    }
    written.push(quote);
    written
}

fn ascii(text: &str) -> String {
    let mut written = String::new();
    for char in text.chars() {
        match char.is_ascii() {
            true => written.push(char),
            false => written.push_str(&escaped(char)),
        }
    }
    written
}

fn escaped(char: char) -> String {
    match u32::from(char) {
        code @ ..0x100 => format!("\\x{code:02x}"),
        code @ ..0x1_0000 => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

fn is_printable(char: char) -> bool {
    match char {
        ' '..='~' => true,
        char if char.is_whitespace() => false,
        char => char.escape_debug().len() == 1,
    }
}

fn one_character(value: &Value) -> Option<char> {
    match value {
        Value::Number(number) => char::from_u32(u32::try_from(*number).ok()?),
        Value::Text(text) => {
            let mut chars = text.chars();
            let first = chars.next()?;
            chars.next().is_none().then_some(first)
        }
    }
}

fn take(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|char| !wanted(char)).unwrap_or(text.len());
    text.split_at(end)
}

fn count(digits: &str) -> Option<usize> {
    match digits {
        "" => Some(0),
        digits => digits.parse().ok().filter(|count| *count <= WIDEST),
    }
}

/// Nobody pads a name further than this; more is a slip that would eat memory.
const WIDEST: usize = 4096;
