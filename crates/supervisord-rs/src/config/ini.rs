//! The grammar of the files: Python's raw `ConfigParser`, not strict, without interpolation.
//!
//! A line that cannot be understood costs its section; text before the first section costs the
//! file.

use std::path::{Path, PathBuf};

use super::{Names, Problem, ProblemKind, Refused, expand::expand};

/// All files read so far, merged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ini {
    sections: Vec<Section>,
    /// `[DEFAULT]`, whose entries every section has.
    defaults: Vec<Entry>,
    problems: Vec<Problem>,
}

/// A section, merged from all files that have it.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    /// The file that has it first, and the line of its header there.
    pub(crate) file: PathBuf,
    pub(crate) line: u32,
    entries: Vec<Entry>,
    defaults: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: String,
    value: String,
    file: PathBuf,
    line: u32,
}

impl Ini {
    /// Adds a file; later entries win over earlier ones.
    pub(crate) fn read(&mut self, file: &Path, text: &str) {
        if text.starts_with('\u{feff}') {
            let text = "starts with a byte order mark; save it without one".to_owned();
            return self.refuse_file(file, text);
        }
        let mut reader = Reader {
            file,
            section: None,
            entry: None,
            indent: 0,
        };
        for (number, line) in (1u32..).zip(text.lines()) {
            if let Err(text) = reader.line(self, number, line) {
                let Some(section) = reader.section.clone() else {
                    return self.refuse(file, number, String::new(), text);
                };
                self.refuse(file, number, section, text);
            }
        }
    }

    /// Records that a whole file was refused.
    pub(crate) fn refuse_file(&mut self, file: &Path, text: String) {
        self.refuse(file, 0, String::new(), text);
    }

    pub(crate) fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// What was refused while reading.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.problems.clone()
    }

    /// Why a section cannot be trusted, if a line of it was refused.
    pub(crate) fn broken(&self, section: &str) -> Option<&Problem> {
        self.problems.iter().find(|p| p.section == section)
    }

    fn refuse(&mut self, file: &Path, line: u32, section: String, text: String) {
        self.problems.push(Problem {
            file: file.to_owned(),
            line,
            section,
            text,
            kind: ProblemKind::Mistake,
        });
    }

    fn open(&mut self, name: &str, file: &Path, line: u32) {
        if name == DEFAULT || self.section(name).is_some() {
            return;
        }
        self.sections.push(Section {
            name: name.to_owned(),
            file: file.to_owned(),
            line,
            entries: Vec::new(),
            defaults: self.defaults.clone(),
        });
    }

    fn set(&mut self, section: &str, entry: Entry) {
        if section == DEFAULT {
            for section in &mut self.sections {
                put(&mut section.defaults, entry.clone());
            }
            return put(&mut self.defaults, entry);
        }
        if let Some(section) = self.sections.iter_mut().find(|s| s.name == section) {
            put(&mut section.entries, entry);
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

    /// The line of a key, or of the section's header.
    pub(crate) fn line_of(&self, key: &str) -> u32 {
        self.entry(key).map_or(self.line, |entry| entry.line)
    }

    /// The expanded value, if there is one.
    pub(crate) fn text(&self, key: &str, names: &Names) -> Result<Option<String>, Refused> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let here = entry.file.parent().unwrap_or_else(|| Path::new("/"));
        let expanded = expand(&entry.value, &|name| {
            if name == "here" {
                return Some(here.to_string_lossy().into_owned());
            }
            names.get(name).cloned()
        });
        expanded.map(Some).map_err(|reason| Refused {
            line: entry.line,
            text: format!("{key}: {reason}"),
        })
    }

    /// The expanded value, which must be there.
    pub(crate) fn required(&self, key: &str, names: &Names) -> Result<String, Refused> {
        self.text(key, names)?.ok_or_else(|| Refused {
            line: self.line,
            text: format!("has no \"{key}\" line"),
        })
    }

    /// The value as `parse` understands it, or `default` where there is none.
    pub(crate) fn value<T>(
        &self,
        key: &str,
        names: &Names,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Refused> {
        let Some(text) = self.text(key, names)? else {
            return Ok(default);
        };
        parse(&text).map_err(|reason| self.refused(key, &reason))
    }

    /// A refusal of the value of `key`.
    pub(crate) fn refused(&self, key: &str, reason: &str) -> Refused {
        Refused {
            line: self.line_of(key),
            text: format!("{key}: {reason}"),
        }
    }

    /// The problem that a refusal in this section is.
    pub(crate) fn problem(&self, refused: Refused) -> Problem {
        let file = self
            .entries
            .iter()
            .find(|entry| entry.line == refused.line)
            .map_or(&self.file, |entry| &entry.file);
        Problem {
            file: file.clone(),
            line: refused.line,
            section: self.name.clone(),
            text: refused.text,
            kind: ProblemKind::Mistake,
        }
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        let find = |entries: &'_ [Entry]| entries.iter().position(|entry| entry.key == key);
        find(&self.entries)
            .map(|at| &self.entries[at])
            .or_else(|| find(&self.defaults).map(|at| &self.defaults[at]))
    }
}

/// Where the reader of one file stands.
struct Reader<'a> {
    file: &'a Path,
    section: Option<String>,
    /// The entry that an indented line continues.
    entry: Option<Entry>,
    indent: usize,
}

impl Reader<'_> {
    fn line(&mut self, ini: &mut Ini, number: u32, line: &str) -> Result<(), String> {
        let (content, commented) = uncommented(line);
        let value = content.trim();
        if value.is_empty() {
            if let (false, Some(section), Some(entry)) = (commented, &self.section, &mut self.entry)
            {
                entry.value.push('\n');
                ini.set(section, trimmed(entry));
            }
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        if let (Some(section), Some(entry)) = (&self.section, &mut self.entry)
            && indent > self.indent
        {
            entry.value.push('\n');
            entry.value.push_str(value);
            ini.set(section, trimmed(entry));
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = header(value) {
            ini.open(name, self.file, number);
            self.section = Some(name.to_owned());
            self.entry = None;
            return Ok(());
        }
        let Some(section) = &self.section else {
            return Err(format!(
                "\"{value}\" stands before the first [section]; the file is refused"
            ));
        };
        let (key, value) = split(value)?;
        let entry = Entry {
            key,
            value,
            file: self.file.to_owned(),
            line: number,
        };
        ini.set(section, entry.clone());
        self.entry = Some(entry);
        Ok(())
    }
}

fn put(entries: &mut Vec<Entry>, entry: Entry) {
    match entries.iter_mut().find(|other| other.key == entry.key) {
        Some(other) => *other = entry,
        None => entries.push(entry),
    }
}

fn trimmed(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    entry.value.truncate(entry.value.trim_end().len());
    entry
}

/// The line without its comment, and whether it had one. Quotes do not protect a `;`.
fn uncommented(line: &str) -> (&str, bool) {
    if line.trim_start().starts_with(['#', ';']) {
        return ("", true);
    }
    let mut blank = true;
    for (at, char) in line.char_indices() {
        if blank && (char == ';' || char == '#') {
            return (&line[..at], true);
        }
        blank = char.is_whitespace();
    }
    (line, false)
}

fn header(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('[')?;
    let end = rest.rfind(']')?;
    (end > 0).then(|| &rest[..end])
}

fn split(line: &str) -> Result<(String, String), String> {
    match line.split_once(['=', ':']) {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_lowercase(), value.trim().to_owned()))
        }
        _ => Err(format!(
            "\"{line}\" is neither a [section] nor \"key = value\""
        )),
    }
}

const DEFAULT: &str = "DEFAULT";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Ini {
        let mut ini = Ini::default();
        ini.read(Path::new("/etc/x.conf"), text);
        ini
    }

    fn value(text: &str, key: &str) -> String {
        let ini = read(text);
        ini.section("a").unwrap().raw(key).unwrap().to_owned()
    }

    #[test]
    fn a_comment_needs_a_blank_before_it_and_quotes_do_not_protect() {
        assert_eq!(value("[a]\nc = sh -c \"x ; y\"\n", "c"), "sh -c \"x");
        assert_eq!(value("[a]\nc = a;b#c\n", "c"), "a;b#c");
        assert_eq!(value("[a]\nC: 1\t# one\n", "c"), "1");
    }

    #[test]
    fn an_indented_line_continues_the_value_and_later_keys_win() {
        assert_eq!(value("[a]\nc = x\n  y\n\n  z\nd=1\n", "c"), "x\ny\n\nz");
        assert_eq!(value("[a]\nc=1\n[b]\n[a]\nc=2\n", "c"), "2");
        assert_eq!(value("[DEFAULT]\nc=1\n[a]\n", "c"), "1");
        assert_eq!(value("[a]\r\nc=1\r\n", "c"), "1");
    }

    #[test]
    fn a_bad_line_costs_its_section_and_text_before_any_section_the_file() {
        let ini = read("[a]\nnonsense\nc=1\n[b]\nd=2\n");
        assert_eq!(ini.broken("a").unwrap().line, 2);
        assert!(ini.broken("b").is_none());
        let ini = read("x=1\n[a]\n");
        assert_eq!(ini.problems()[0].line, 1);
        assert!(ini.section("a").is_none());
    }
}
