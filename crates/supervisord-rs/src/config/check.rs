//! `supervisord --check`: everything that is wrong, at once.
//!
//! Beyond what is refused when supervisord runs, this finds what is taken in silence and certainly
//! not meant so: keys and sections that nobody knows.

pub(super) mod keys;
mod nearest;

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use self::{keys::kind_of, nearest::nearest};
use super::{
    Config, LoadError, Place, Problem, ProblemKind, Refused, client,
    form::Form,
    ini::Section,
    names::Names,
    read::{Reading, read},
};

impl Config {
    /// Everything that is wrong with `file` and what it includes, in the order of its places.
    ///
    /// # Errors
    /// When there is nothing to look at.
    pub fn check<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        file: &Path,
        environment: &BTreeMap<K, V>,
    ) -> Result<Vec<Problem>, LoadError> {
        let names = Names::of_environment(environment);
        read(file, &names).map(|reading| all_problems(reading, &names))
    }
}

/// Everything that is wrong with what was read.
pub(super) fn all_problems(reading: Reading, names: &Names) -> Vec<Problem> {
    let mut problems = reading.fatal;
    problems.extend(reading.config.problems);
    problems.extend(reading.suspicions);
    for section in reading.ini.sections() {
        unknown(section, &mut problems);
        if section.name == "supervisorctl" {
            client_mistakes(section, names, &reading.config.file, &mut problems);
        }
    }
    // A stable order also brings together what was found twice.
    problems.sort_by(|a, b| (&a.file, a.line, &a.text).cmp(&(&b.file, b.line, &b.text)));
    problems.dedup();
    problems
}

/// Keys of a section, or the section itself, that nobody knows.
fn unknown(section: &Section, problems: &mut Vec<Problem>) {
    let mut suspect = |place: &Place, text| {
        let place = place.clone();
        problems.push(section.problem(Refused { place, text }, ProblemKind::Mistake));
    };
    let Some(kind) = kind_of(&section.name) else {
        let (prefix, rest) = match section.name.split_once(':') {
            Some((prefix, rest)) => (prefix, format!(":{rest}")),
            None => (section.name.as_str(), String::new()),
        };
        let hint =
            nearest(prefix, keys::SECTIONS).map(|name| format!("; did you mean [{name}{rest}]?"));
        let text = format!("unknown section{}", hint.unwrap_or_default());
        return suspect(&section.place, text);
    };
    let Some(known) = kind.keys() else {
        return;
    };
    for (key, place) in section.own_keys() {
        if known.iter().any(|keys| keys.contains(&key)) {
            continue;
        }
        let hint = nearest(key, known.iter().flat_map(|keys| keys.iter()));
        let hint = hint.map(|name| format!("; did you mean {name}?"));
        suspect(
            place,
            format!("{key}: unknown key{}", hint.unwrap_or_default()),
        );
    }
}

fn client_mistakes(section: &Section, names: &Names, file: &Path, problems: &mut Vec<Problem>) {
    let form = Form::new(section);
    let values = client::values(&form, names, file);
    if let Some(url) = values.get("serverurl")
        && !["unix://", "http://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
    {
        form.refuse(
            "serverurl",
            &format!("'{url}' is not an address that begins with unix:// or http://"),
        );
    }
    let refused = form.finish(()).err().unwrap_or_default();
    let mistakes = refused
        .into_iter()
        .map(|r| section.problem(r, ProblemKind::Mistake));
    problems.extend(mistakes);
}
