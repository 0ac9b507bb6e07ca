//! `environment=`: pairs as Python's `shlex` (not POSIX) tokenises them.

use std::collections::BTreeMap;

/// Parses `KEY=value,KEY2="value 2"`. As in the original any one token separates the pairs.
pub(crate) fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let tokens = tokens(text)?;
    let mut pairs = BTreeMap::new();
    for chunk in tokens.chunks(4) {
        match chunk {
            [key, equals, value, ..] if equals == "=" => {
                pairs.insert(key.clone(), value.trim_matches(['\'', '"']).to_owned());
            }
            _ => {
                return Err(format!(
                    "unexpected end of key/value pairs in value '{text}'; quote values that hold \
                     anything but letters, digits and /.+-():_"
                ));
            }
        }
    }
    Ok(pairs)
}

/// The tokens of Python's `shlex` in its own (not POSIX) mode.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\r' | '\n' => {}
            '#' => skip_line(&mut chars),
            '"' | '\'' => {
                let rest = quoted(char, &mut chars)
                    .ok_or_else(|| format!("No closing quotation in '{text}'"))?;
                tokens.push(rest);
            }
            char if is_word(char) => {
                let mut token = String::from(char);
                // A comment inside a word is skipped, and the word goes on on the next line.
                while let Some(next) = chars.next_if(|c| is_word(*c) || "\"'#".contains(*c)) {
                    match next {
                        '#' => skip_line(&mut chars),
                        next => token.push(next),
                    }
                }
                tokens.push(token);
            }
            char => tokens.push(char.to_string()),
        }
    }
    Ok(tokens)
}

/// What follows an opening quote, with both quotes.
fn quoted(quote: char, chars: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut token = String::from(quote);
    loop {
        let next = chars.next()?;
        token.push(next);
        if next == quote {
            return Some(token);
        }
    }
}

fn skip_line(chars: &mut impl Iterator<Item = char>) {
    chars.find(|char| *char == '\n');
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || "_/.+-():".contains(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        let pairs = pairs(text).unwrap();
        let shown: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        shown.join("|")
    }

    #[test]
    fn pairs_read_as_the_original_reads_them() {
        for (text, expected) in [
            ("A=1,B=2", "A=1|B=2"),
            ("A=\"a,b\",B='c=d',", "A=a,b|B=c=d"),
            ("A=1,\nB=\"\"", "A=1|B="),
            ("A='{\"k\": \"v\"}'", "A={\"k\": \"v\"}"),
            ("A=foo bar", "A=foo"),
            ("A=$HOME", "A=$"),
            ("A=1,A=2", "A=2"),
            ("PATH=/usr/bin:/bin,X=a-b", "PATH=/usr/bin:/bin|X=a-b"),
            ("", ""),
            ("A=1;B=2", "A=1|B=2"),
            ("A=foo#bar\nbaz,B=2", "A=foobaz|B=2"),
            ("A=a\"b\"", "A=a\"b"),
            ("A=\\n", "A=\\"),
            ("A=é", "A=é"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn values_that_are_not_one_token_are_refused() {
        for text in [
            "A=a@b",
            "A=#x",
            "A=b*c",
            "A=1 B=2",
            "A=,B=1",
            "A",
            "A=\"x",
            "A=\"x\"y,B=2",
            "A=a;b",
        ] {
            assert!(pairs(text).is_err(), "{text}");
        }
    }
}
