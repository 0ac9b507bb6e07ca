//! The grammar of the files: Python's raw `ConfigParser`, not strict, without interpolation.
//!
//! A line that cannot be understood costs its section; text before the first section costs the
//! file. Everything is kept with its place, so that a mistake can be found.

mod line;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use self::line::{Continued, Line, lines};
use super::{Place, Problem, ProblemKind, Refused, expand::expand, names::Names};

/// All files read so far, merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ini {
    sections: Vec<Section>,
    by_name: BTreeMap<String, usize>,
    /// `[DEFAULT]`, whose entries every section has.
    defaults: Entries,
    problems: Vec<Problem>,
    /// The first problem of each section that has one.
    broken: BTreeMap<String, usize>,
}

/// A section, merged from all files that have it.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    /// Where its header stands first.
    pub(crate) place: Place,
    entries: Entries,
    defaults: Arc<Entries>,
}

#[derive(Clone, Debug)]
struct Entry {
    value: String,
    place: Place,
}

type Entries = BTreeMap<String, Entry>;

/// Where the reader of a file stands.
#[derive(Debug)]
enum At {
    /// Before the first header.
    Nowhere,
    Defaults,
    Section(usize),
}

impl Ini {
    /// Adds a file; later entries win over earlier ones.
    pub(crate) fn read(&mut self, file: &Path, bytes: &[u8]) {
        if bytes.starts_with(b"\xef\xbb\xbf") {
            let text = "starts with a byte order mark; save it without one".to_owned();
            return self.refuse_file(file, text);
        }
        let file: Arc<Path> = file.into();
        let mut at = At::Nowhere;
        let mut key: Option<String> = None;
        let mut indent = 0;
        for (number, text) in (1u32..).zip(lines(bytes)) {
            let place = Place {
                file: Arc::clone(&file),
                line: number,
            };
            let continued = match (&at, &key) {
                (At::Nowhere, _) | (_, None) => Continued::No,
                (At::Defaults | At::Section(_), Some(_)) => Continued::From(indent),
            };
            let line = Line::parse(&text, continued, &mut indent);
            if line.has_content() && text.contains(char::REPLACEMENT_CHARACTER) {
                let text = "holds bytes that are not UTF-8".to_owned();
                self.refuse_at(&at, &place, text);
            }
            match line {
                Line::Nothing => {}
                Line::Blank => self.append(&at, key.as_ref(), ""),
                Line::More(value) => self.append(&at, key.as_ref(), value),
                Line::Header(name) => {
                    at = self.open(name, place);
                    key = None;
                }
                Line::Pair { .. } | Line::Garbage(_) if matches!(at, At::Nowhere) => {
                    let text = format!(
                        "\"{}\" stands before the first [section]; the file is refused",
                        shortened(&text)
                    );
                    self.refuse(place, String::new(), text);
                    break;
                }
                Line::Pair { key: name, value } => {
                    self.set(&at, name.clone(), value, place);
                    key = Some(name);
                }
                Line::Garbage(text) => {
                    let text = format!(
                        "\"{}\" is neither a [section] nor \"key = value\"",
                        shortened(text)
                    );
                    self.refuse_at(&at, &place, text);
                }
            }
        }
        self.finish_file();
    }

    /// Replaces `%(here)s` in everything read so far, as the original does after each file when
    /// there is an `[include]`.
    pub(crate) fn expand_here(&mut self, here: &Path) {
        let here = here.to_string_lossy();
        for section in &mut self.sections {
            let inherited = section
                .defaults
                .iter()
                .filter(|(key, entry)| {
                    entry.value.contains(HERE) && !section.entries.contains_key(*key)
                })
                .map(|(key, entry)| (key.clone(), entry.clone()));
            let inherited: Vec<_> = inherited.collect();
            section.entries.extend(inherited);
            for entry in section.entries.values_mut() {
                if entry.value.contains(HERE) {
                    entry.value = entry.value.replace(HERE, &here);
                }
            }
        }
    }

    /// Records that a whole file was refused.
    pub(crate) fn refuse_file(&mut self, file: &Path, text: String) {
        let file = file.into();
        self.refuse(Place { file, line: 0 }, String::new(), text);
    }

    pub(crate) fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.by_name.get(name).map(|at| &self.sections[*at])
    }

    /// What was refused while reading.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Why a section cannot be trusted, if a line of it was refused.
    pub(crate) fn broken(&self, section: &str) -> Option<&Problem> {
        self.broken.get(section).map(|at| &self.problems[*at])
    }

    fn refuse_at(&mut self, at: &At, place: &Place, text: String) {
        let section = match at {
            At::Nowhere => String::new(),
            At::Defaults => DEFAULT.to_owned(),
            At::Section(at) => self.sections[*at].name.clone(),
        };
        self.refuse(place.clone(), section, text);
    }

    fn refuse(&mut self, place: Place, section: String, text: String) {
        self.broken
            .entry(section.clone())
            .or_insert(self.problems.len());
        self.problems.push(Problem {
            file: place.file.to_path_buf(),
            line: place.line,
            section,
            text,
            kind: ProblemKind::Mistake,
        });
    }

    fn open(&mut self, name: &str, place: Place) -> At {
        if let Some(at) = self.by_name.get(name) {
            return At::Section(*at);
        }
        if name == DEFAULT {
            return At::Defaults;
        }
        let at = self.sections.len();
        self.by_name.insert(name.to_owned(), at);
        self.sections.push(Section {
            name: name.to_owned(),
            place,
            entries: Entries::new(),
            defaults: Arc::default(),
        });
        At::Section(at)
    }

    fn set(&mut self, at: &At, key: String, value: &str, place: Place) {
        if let Some(entries) = self.entries(at) {
            let value = value.to_owned();
            entries.insert(key, Entry { value, place });
        }
    }

    fn append(&mut self, at: &At, key: Option<&String>, value: &str) {
        let entry = key.and_then(|key| self.entries(at)?.get_mut(key));
        if let Some(entry) = entry {
            entry.value.push('\n');
            entry.value.push_str(value);
        }
    }

    fn entries(&mut self, at: &At) -> Option<&mut Entries> {
        match at {
            At::Nowhere => None,
            At::Defaults => Some(&mut self.defaults),
            At::Section(at) => Some(&mut self.sections[*at].entries),
        }
    }

    /// Blank lines at the end of a value are no part of it.
    fn finish_file(&mut self) {
        let all = self.sections.iter_mut().map(|section| &mut section.entries);
        for entries in all.chain([&mut self.defaults]) {
            for entry in entries.values_mut() {
                entry.value.truncate(line::end_trimmed(&entry.value).len());
            }
        }
        let defaults = Arc::new(self.defaults.clone());
        for section in &mut self.sections {
            section.defaults = Arc::clone(&defaults);
        }
    }
}

impl Section {
    /// The part of the name after the colon.
    pub(crate) fn suffix(&self) -> &str {
        self.name.split_once(':').map_or("", |(_, suffix)| suffix)
    }

    /// The value as written.
    pub(crate) fn raw(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.as_str())
    }

    /// The keys of the section with the place of each, without those of `[DEFAULT]`.
    pub(crate) fn own_keys(&self) -> impl Iterator<Item = (&str, &Place)> {
        let entries = self.entries.iter();
        entries.map(|(key, entry)| (key.as_str(), &entry.place))
    }

    /// All keys, including those of `[DEFAULT]`.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let inherited = self.defaults.keys();
        let inherited = inherited.filter(|key| !self.entries.contains_key(*key));
        self.entries.keys().chain(inherited).map(String::as_str)
    }

    /// The place of a key, or of the section's header.
    pub(crate) fn place_of(&self, key: &str) -> &Place {
        self.entry(key).map_or(&self.place, |entry| &entry.place)
    }

    /// The expanded value, if there is one.
    pub(crate) fn text(&self, key: &str, names: &Names) -> Result<Option<String>, Refused> {
        self.entry(key)
            .map(|entry| {
                expand(&entry.value, names).map_err(|reason| Refused {
                    place: entry.place.clone(),
                    text: format!("{key}: {reason}"),
                })
            })
            .transpose()
    }

    /// A refusal of the value of `key`.
    pub(crate) fn refused(&self, key: &str, reason: &str) -> Refused {
        Refused {
            place: self.place_of(key).clone(),
            text: format!("{key}: {reason}"),
        }
    }

    /// The problem that a refusal in this section is.
    pub(crate) fn problem(&self, refused: Refused, kind: ProblemKind) -> Problem {
        Problem {
            file: refused.place.file.to_path_buf(),
            line: refused.place.line,
            section: self.name.clone(),
            text: refused.text,
            kind,
        }
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key).or_else(|| self.defaults.get(key))
    }
}

/// A line for a message, without what would garble it.
fn shortened(line: &str) -> String {
    let plain = line.trim().chars().filter(|char| !char.is_control());
    let mut short: String = plain.clone().take(LONGEST_QUOTE).collect();
    if plain.count() > LONGEST_QUOTE {
        short.push_str("...");
    }
    short
}

const DEFAULT: &str = "DEFAULT";
const HERE: &str = "%(here)s";
const LONGEST_QUOTE: usize = 80;

#[cfg(test)]
mod tests;
