//! Differences that are wanted. A difference that is not listed fails a test, and so does one that
//! is listed and does not occur any more.

use std::{cell::RefCell, collections::BTreeSet};

use serde::Deserialize;
use serde_json::Value;

/// The entries of one suite.
#[derive(Debug)]
pub(crate) struct Allowed {
    suite: &'static str,
    entries: Vec<Entry>,
    used: RefCell<BTreeSet<usize>>,
    unexpected: RefCell<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    suite: String,
    /// Which step of which scenario; `*` stands for anything, here and below.
    case: String,
    /// Where in the answer.
    at: String,
    original: String,
    ours: String,
    reason: String,
}

#[derive(Deserialize)]
struct File {
    allowed: Vec<Entry>,
}

impl Allowed {
    pub(crate) fn of(suite: &'static str) -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/differential/allowed.toml"
        );
        let text = std::fs::read_to_string(path).expect("the list of allowed differences");
        let file: File = toml::from_str(&text).expect("a list of allowed differences");
        let entries: Vec<_> = file
            .allowed
            .into_iter()
            .filter(|entry| entry.suite == suite)
            .collect();
        for entry in &entries {
            assert!(entry.reason.len() > 10, "{entry:?} has no reason");
        }
        Self {
            suite,
            entries,
            used: RefCell::default(),
            unexpected: RefCell::default(),
        }
    }

    /// Compares two answers and takes note of what differs.
    pub(crate) fn compare(&self, case: &str, original: &Value, ours: &Value) {
        let mut found = Vec::new();
        differences("", original, ours, &mut found);
        for (at, original, ours) in found {
            let fits = |entry: &Entry| {
                matches(&entry.case, case)
                    && matches(&entry.at, &at)
                    && matches(&entry.original, &original)
                    && matches(&entry.ours, &ours)
            };
            match self.entries.iter().position(fits) {
                Some(index) => drop(self.used.borrow_mut().insert(index)),
                None => self.unexpected.borrow_mut().push(format!(
                    "{case} at {at:?}\n  original: {original}\n  ours:     {ours}"
                )),
            }
        }
    }

    /// Fails if anything differed that is not allowed, or did not that is.
    pub(crate) fn finish(self) {
        let unexpected = self.unexpected.into_inner();
        assert!(
            unexpected.is_empty(),
            "{} differences:\n{}",
            unexpected.len(),
            unexpected.join("\n")
        );
        let used = self.used.into_inner();
        let unused: Vec<_> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(index, _)| !used.contains(index))
            .map(|(_, entry)| entry)
            .collect();
        assert!(
            unused.is_empty(),
            "{}: allowed and does not occur: {unused:#?}",
            self.suite
        );
    }
}

/// Where two values differ, and how.
fn differences(at: &str, a: &Value, b: &Value, found: &mut Vec<(String, String, String)>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (name, value) in a {
                differences(&format!("{at}.{name}"), value, &b[name], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.iter().chain(b).all(Value::is_string) => {
            for (index, a, b) in hunks(a, b) {
                let joined = |lines: &[Value]| lines.iter().map(plain).collect::<String>();
                found.push((format!("{at}[{index}]"), joined(a), joined(b)));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{at}[{index}]"), a, b, found);
            }
        }
        (a, b) if a != b => found.push((at.to_owned(), plain(a), plain(b))),
        _ => {}
    }
}

/// Runs of lines that are only in one of two texts, each with its place in the first.
fn hunks<'a>(a: &'a [Value], b: &'a [Value]) -> Vec<(usize, &'a [Value], &'a [Value])> {
    // How many lines the rests from (i, j) on have in common.
    let mut common = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = match a[i] == b[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let mut hunks = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let (from, since) = (i, j);
        while (i < a.len() || j < b.len()) && !(i < a.len() && j < b.len() && a[i] == b[j]) {
            match j == b.len() || i < a.len() && common[i + 1][j] >= common[i][j + 1] {
                true => i += 1,
                false => j += 1,
            }
        }
        if (from, since) != (i, j) {
            hunks.push((from, &a[from..i], &b[since..j]));
        }
        i += 1;
        j += 1;
    }
    hunks
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = text.strip_prefix(parts.next().unwrap_or("")) else {
        return false;
    };
    let mut rest = rest;
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
