//! `%(name)s`: Python's `%` formatting with a mapping.

mod float;
mod format;

use self::format::Format;
use super::names::{Missing, Names};

/// Expands `text` with what `names` knows.
pub(crate) fn expand(text: &str, names: &Names) -> Result<String, String> {
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
            .and_then(bracketed)
            .ok_or_else(|| format!("{text:?} has a bare %; write %% for a literal one"))?;
        let value = names.lookup(name).map_err(|missing| match missing {
            Missing::Unknown => format!("{text:?} refers to %({name})s, which is not known here"),
            Missing::NotText => format!("{text:?} refers to %({name})s, which is not UTF-8"),
        })?;
        let (format, after) = Format::parse(after)
            .ok_or_else(|| format!("{text:?} has a badly formed conversion of %({name})"))?;
        let formatted = format
            .apply(&value)
            .ok_or_else(|| format!("{text:?} has a conversion that does not fit %({name})"))?;
        expanded.push_str(&formatted);
        if expanded.len() > LONGEST {
            return Err("expands to more than a megabyte".to_owned());
        }
        rest = after;
    }
    expanded.push_str(rest);
    names.take_room(expanded.len())?;
    Ok(expanded)
}

/// What stands before the closing bracket, and what after it. Brackets nest.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1usize;
    for (at, char) in text.char_indices() {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

/// A value that grows beyond this is a slip that would eat memory.
const LONGEST: usize = 1 << 20;

#[cfg(test)]
mod tests;
