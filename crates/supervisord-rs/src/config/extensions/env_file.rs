//! `env_file`: variables of a program from files that are read when it starts.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::PathBuf,
};

use thiserror::Error;

use super::dependency::items;

/// A file of `NAME=value` lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFile {
    /// The file.
    pub path: PathBuf,
    /// Whether the program starts without it, too.
    pub optional: bool,
}

/// Why a program has no environment.
#[derive(Debug, Error)]
pub enum EnvFileError {
    /// A file that must be there cannot be read.
    #[error("cannot read env_file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line is no assignment.
    #[error("env_file {}, line {line}: not NAME=value", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
}

impl EnvFile {
    /// Reads the file. One that is optional and not there has no variables.
    ///
    /// # Errors
    /// When it cannot be read or has a line that is no assignment.
    pub fn read(&self) -> Result<BTreeMap<OsString, OsString>, EnvFileError> {
        let path = || self.path.clone();
        match fs::read(&self.path) {
            Ok(bytes) => {
                variables(&bytes).map_err(|line| EnvFileError::Malformed { path: path(), line })
            }
            Err(error) if self.optional && error.kind() == io::ErrorKind::NotFound => {
                Ok(BTreeMap::new())
            }
            Err(source) => Err(EnvFileError::Unreadable {
                path: path(),
                source,
            }),
        }
    }
}

/// A comma list of absolute paths; a leading `-` makes one optional.
pub(in crate::config) fn env_files(text: &str) -> Result<Vec<EnvFile>, String> {
    let file = |item: &str| {
        let (path, optional) = match item.strip_prefix('-') {
            Some(path) => (path.trim(), true),
            None => (item, false),
        };
        if !path.starts_with('/') {
            return Err(format!("'{item}' needs an absolute path"));
        }
        let path = PathBuf::from(path);
        Ok(EnvFile { path, optional })
    };
    items(text).map(file).collect()
}

/// `NAME=value` lines with an optional `export` and one pair of outer quotes; empty lines and
/// lines that start with `#` are skipped. Nothing is expanded.
pub(in crate::config) fn variables(bytes: &[u8]) -> Result<BTreeMap<OsString, OsString>, usize> {
    let mut variables = BTreeMap::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() || line[0] == b'#' {
            continue;
        }
        let line = match line.strip_prefix(b"export") {
            Some(rest) if rest.first().is_some_and(u8::is_ascii_whitespace) => rest.trim_ascii(),
            Some(_) | None => line,
        };
        let equals = line.iter().position(|byte| *byte == b'=').ok_or(number)?;
        let (name, value) = (line[..equals].trim_ascii(), line[equals + 1..].trim_ascii());
        let usable = !name.is_empty()
            && !name.contains(&0)
            && !value.contains(&0)
            && !name.iter().any(u8::is_ascii_whitespace);
        if !usable {
            return Err(number);
        }
        let value = OsString::from_vec(unquoted(value).to_vec());
        variables.insert(OsStr::from_bytes(name).to_owned(), value);
    }
    Ok(variables)
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [first @ (b'"' | b'\''), inner @ .., last] if first == last => inner,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_assignments_comments_or_empty() {
        let text = b"# one\n\nA=1\nexport B = \"two words\" \nC='x=y'\r\nD=\nE=\xff\nexported=1\n";
        let read = variables(text).unwrap();
        let shown: Vec<_> = read
            .iter()
            .map(|(name, value)| (name.to_str().unwrap(), value.as_bytes()))
            .collect();
        let expected: [(&str, &[u8]); 6] = [
            ("A", b"1"),
            ("B", b"two words"),
            ("C", b"x=y"),
            ("D", b""),
            ("E", b"\xff"),
            ("exported", b"1"),
        ];
        assert_eq!(shown, expected);
        assert_eq!(variables(b"A=1\nnonsense\n"), Err(2));
        assert_eq!(variables(b"=1\n"), Err(1));
    }

    #[test]
    fn a_missing_file_matters_unless_it_is_optional() {
        let files = env_files("-/no/such, /no/such").unwrap();
        assert!(files[0].read().unwrap().is_empty());
        assert!(matches!(
            files[1].read(),
            Err(EnvFileError::Unreadable { .. })
        ));
        assert!(env_files("relative").is_err());
    }
}
