//! File patterns as Python's `glob` knows them: `*`, `?` and `[...]` within a name. A name that
//! begins with a dot is only matched by a pattern that does.

use std::{
    ffi::OsStr,
    fs,
    path::{Component, Path, PathBuf},
};

/// The paths that match, sorted.
pub(super) fn matches(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    let mut components = pattern.components().peekable();
    while let Some(component) = components.next() {
        let last = components.peek().is_none();
        found = match component {
            Component::Normal(name) if is_pattern(name) => found
                .iter()
                .flat_map(|directory| members(directory, &name.to_string_lossy()))
                .filter(|path| last || path.is_dir())
                .collect(),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir
            | Component::Normal(_) => found
                .into_iter()
                .map(|path| path.join(component))
                .filter(|path| !last || path.symlink_metadata().is_ok())
                .collect(),
        };
    }
    found.sort();
    found
}

fn is_pattern(name: &OsStr) -> bool {
    name.to_string_lossy().contains(['*', '?', '['])
}

fn members(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let at = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    let Ok(entries) = fs::read_dir(at) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| is_match(pattern, &entry.file_name().to_string_lossy()))
        .map(|entry| directory.join(entry.file_name()))
        .collect()
}

/// Whether the name of a file fits the last part of a pattern.
pub(in crate::config) fn is_match(pattern: &str, name: &str) -> bool {
    let [pattern, name] = [pattern, name].map(|text| text.chars().collect::<Vec<_>>());
    let hidden = name.first() == Some(&'.') && pattern.first() != Some(&'.');
    !hidden && fits(&pattern, &name)
}

/// Whether a name fits. At most one `*` is ever tried again, so that it takes no longer than the
/// product of both lengths.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut on) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while on < name.len() {
        match one(&pattern[at..], name[on]) {
            Step::Star => {
                star = Some((at, on));
                at += 1;
            }
            Step::Fits(length) => {
                at += length;
                on += 1;
            }
            Step::Differs => {
                let Some((star_at, star_on)) = star else {
                    return false;
                };
                star = Some((star_at, star_on + 1));
                at = star_at + 1;
                on = star_on + 1;
            }
        }
    }
    pattern[at..].iter().all(|char| *char == '*')
}

enum Step {
    Star,
    /// The character fits this many characters of the pattern.
    Fits(usize),
    Differs,
}

fn one(pattern: &[char], char: char) -> Step {
    let (fits, length) = match pattern {
        [] => return Step::Differs,
        ['*', ..] => return Step::Star,
        ['?', ..] => (true, 1),
        ['[', rest @ ..] => match set(rest, char) {
            Some((fits, length)) => (fits, length + 1),
            None => (char == '[', 1),
        },
        [plain, ..] => (*plain == char, 1),
    };
    match fits {
        true => Step::Fits(length),
        false => Step::Differs,
    }
}

/// Whether a character is in the set that begins here, and the length of the set with its closing
/// bracket. Without one it is no set.
fn set(pattern: &[char], char: char) -> Option<(bool, usize)> {
    let negated = pattern.first() == Some(&'!');
    let start = usize::from(negated);
    // A bracket that comes first is a member.
    let end = (start + 1..pattern.len()).find(|at| pattern[*at] == ']')?;
    let mut members = &pattern[start..end];
    let mut contains = false;
    while let [first, rest @ ..] = members {
        (contains, members) = match rest {
            ['-', last, rest @ ..] => (contains || (*first..=*last).contains(&char), rest),
            rest => (contains || *first == char, rest),
        };
    }
    Some((contains != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns_as_in_python() {
        let fit = |pattern: &str, name: &str| {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            fits(&chars(pattern), &chars(name))
        };
        for (pattern, name) in [
            ("*.conf", "a.conf"),
            ("**.conf", "a.conf"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[!a]x", "bx"),
            ("[]]x", "]x"),
            ("[x", "[x"),
            ("*a*b", "xaxb"),
            ("é*", "éa"),
        ] {
            assert!(fit(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.conf", "a.con"), ("[!a]x", "ax"), ("a", "ab"), ("?", "")] {
            assert!(!fit(pattern, name), "{pattern} {name}");
        }
        let stars = "*a".repeat(40) + "b";
        assert!(!fit(&stars, &"a".repeat(2000)));
    }

    #[test]
    fn hidden_files_need_a_pattern_with_a_dot() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.conf", ".b.conf", "c.txt"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        std::os::unix::fs::symlink("/nonexistent", dir.path().join("d.conf")).unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/e.conf"), "").unwrap();
        let names = |pattern: &str| {
            let found = matches(&dir.path().join(pattern));
            let names = found.iter().map(|path| {
                let name = path.strip_prefix(dir.path()).unwrap();
                name.to_string_lossy().into_owned()
            });
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("*.conf"), "a.conf d.conf");
        assert_eq!(names(".*.conf"), ".b.conf");
        assert_eq!(names("**/*.conf"), "sub/e.conf");
        assert_eq!(names("d.conf"), "d.conf");
        assert_eq!(names("nope.conf"), "");
    }
}
