//! `[include]`: further files, each pattern's matches in order.

mod pattern;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

#[cfg(any(test, feature = "fuzzing"))]
pub(super) use self::pattern::is_match;
use super::{LogLevel, form::Form, ini::Ini, names::Names};

/// Where further files are looked for.
pub(super) trait Files {
    /// The paths that match a pattern, sorted.
    fn matches(&self, pattern: &Path) -> Vec<PathBuf>;

    /// The bytes of a file; `None` for what is none.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, String>;
}

/// The files of this machine.
#[derive(Debug)]
pub(super) struct Disk;

/// Reads the files of `[include]` and says what was done.
///
/// # Errors
/// When the section does not say which files.
pub(super) fn include(
    ini: &mut Ini,
    main: &Path,
    names: &Names,
    files: &impl Files,
    remarks: &mut Vec<(LogLevel, String)>,
) -> Result<(), Vec<super::Refused>> {
    let directory = main.parent().unwrap_or_else(|| Path::new("/"));
    if ini.section("include").is_none() {
        return Ok(());
    }
    ini.expand_here(directory);
    let Some(section) = ini.section("include") else {
        return Ok(());
    };
    let form = Form::new(section);
    let patterns = form.required("files", names).unwrap_or_default();
    form.finish(())?;
    for pattern in patterns.split_whitespace() {
        let pattern = directory.join(pattern);
        let paths = files.matches(&pattern);
        if paths.is_empty() {
            remarks.push((
                LogLevel::Warn,
                format!("No file matches via include \"{}\"", pattern.display()),
            ));
        }
        for path in paths {
            remarks.push((
                LogLevel::Info,
                format!("Included extra file \"{}\" during parsing", path.display()),
            ));
            match files.read(&path) {
                Ok(Some(bytes)) => ini.read(&path, &bytes),
                // What is not a file, or leads nowhere, is passed over as in the original.
                Ok(None) => {}
                Err(reason) => ini.refuse_file(&path, reason),
            }
            ini.expand_here(path.parent().unwrap_or(directory));
        }
    }
    Ok(())
}

impl Files for Disk {
    fn matches(&self, pattern: &Path) -> Vec<PathBuf> {
        pattern::matches(pattern)
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, String> {
        match path.metadata() {
            Ok(meta) if meta.is_file() => {}
            Ok(_) | Err(_) => return Ok(None),
        }
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
            .map_err(|error| format!("cannot be read: {error}"))?;
        match bytes.len() as u64 > LARGEST {
            true => Err("is larger than 64 MiB".to_owned()),
            false => Ok(Some(bytes)),
        }
    }
}

/// No configuration is larger; a log that was included by mistake is.
pub(super) const LARGEST: u64 = 64 << 20;
