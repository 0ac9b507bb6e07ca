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

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char.is_whitespace() {
            continue;
        }
        if char == '#' {
            while chars.next_if(|c| *c != '\n').is_some() {}
        } else if char == '"' || char == '\'' {
            let mut token = String::from(char);
            loop {
                let next = chars
                    .next()
                    .ok_or_else(|| format!("no closing quotation in '{text}'"))?;
                token.push(next);
                if next == char {
                    break;
                }
            }
            tokens.push(token);
        } else if is_word(char) {
            let mut token = String::from(char);
            while let Some(next) = chars.next_if(|c| is_word(*c) || *c == '"' || *c == '\'') {
                token.push(next);
            }
            tokens.push(token);
        } else {
            tokens.push(char.to_string());
        }
    }
    Ok(tokens)
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
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn values_that_are_not_one_token_are_refused() {
        for text in ["A=a@b", "A=#x", "A=b*c", "A=1 B=2", "A=,B=1", "A", "A=\"x"] {
            assert!(pairs(text).is_err(), "{text}");
        }
    }
}
