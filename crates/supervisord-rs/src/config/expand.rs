//! `%(name)s`: Python's `%` formatting with a mapping, as far as a text can hold it.

/// Expands `text`; `lookup` knows the names.
pub(crate) fn expand(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            expanded.push('%');
            rest = after;
            continue;
        }
        let (name, after) = rest
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .ok_or_else(|| format!("{text:?} has a bare %; write %% for a literal one"))?;
        let value = lookup(name)
            .ok_or_else(|| format!("{text:?} refers to %({name})s, which is not known here"))?;
        let (format, after) = Format::parse(after)
            .ok_or_else(|| format!("{text:?} has a badly formed conversion of %({name})"))?;
        expanded.push_str(
            &format
                .apply(&value)
                .ok_or_else(|| format!("{text:?} wants a number and %({name})s is {value:?}"))?,
        );
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

struct Format {
    flags: String,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

impl Format {
    fn parse(text: &str) -> Option<(Self, &str)> {
        let (flags, rest) = take(text, |c| "#0- +".contains(c));
        let (width, rest) = take(rest, |c| c.is_ascii_digit());
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(rest) => {
                let (digits, rest) = take(rest, |c| c.is_ascii_digit());
                (Some(digits.parse().unwrap_or(0)), rest)
            }
            None => (None, rest),
        };
        let conversion = rest.chars().next().filter(|c| "sdiuxXorc".contains(*c))?;
        let width = match width {
            "" => 0,
            digits => digits.parse().ok().filter(|width| *width <= WIDEST)?,
        };
        let format = Self {
            flags: flags.to_owned(),
            width,
            precision,
            conversion,
        };
        Some((format, &rest[conversion.len_utf8()..]))
    }

    fn apply(&self, value: &str) -> Option<String> {
        let body = match self.conversion {
            's' | 'c' => self.cut(value.to_owned()),
            'r' => self.cut(format!("'{value}'")),
            conversion => {
                let number: i64 = value.parse().ok()?;
                match conversion {
                    'x' => format!("{number:x}"),
                    'X' => format!("{number:X}"),
                    'o' => format!("{number:o}"),
                    _ => number.to_string(),
                }
            }
        };
        let missing = self.width.saturating_sub(body.chars().count());
        let numeric = !matches!(self.conversion, 's' | 'r' | 'c');
        Some(if self.flags.contains('-') {
            body + &" ".repeat(missing)
        } else if self.flags.contains('0') && numeric {
            "0".repeat(missing) + &body
        } else {
            " ".repeat(missing) + &body
        })
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text,
        }
    }
}

fn take(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !wanted(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// Nobody pads a name further than this; more is a slip that would eat memory.
const WIDEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<String, String> {
        expand(text, &|name| match name {
            "n" => Some("7".to_owned()),
            "program_name" => Some("web".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn the_printf_language_works_with_names() {
        assert_eq!(run("%(program_name)s_%(n)02d").unwrap(), "web_07");
        assert_eq!(
            run("[%(program_name)-5s|%(n)x|100%%]").unwrap(),
            "[web  |7|100%]"
        );
    }

    #[test]
    fn unknown_names_and_bare_percents_are_refused() {
        for text in [
            "%(x)s",
            "50%",
            "%d",
            "%(n)",
            "%(n)q",
            "%(program_name)d",
            "%(n",
        ] {
            assert!(run(text).is_err(), "{text}");
        }
    }
}
