//! `[supervisorctl]`, which clients read.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use super::{
    absolute,
    form::Form,
    ini::Ini,
    names::{Names, Value},
    read::contents,
    values::{home, normal},
};

/// The values of `[supervisorctl]` that a client needs, each expanded. Includes are not read, as
/// in the original.
///
/// # Errors
/// In the original's words, when the file cannot serve.
pub fn client_section<K: AsRef<OsStr>, V: AsRef<OsStr>>(
    file: &Path,
    environment: &BTreeMap<K, V>,
) -> Result<BTreeMap<String, String>, String> {
    if !file.exists() {
        return Err(format!("could not find config file {}", file.display()));
    }
    let bytes =
        contents(file).map_err(|_| format!("could not read config file {}", file.display()))?;
    let names = Names::of_environment(environment);
    section_in(&absolute(file), &bytes, &names)
}

/// The values in a file that is called `file` and holds `bytes`.
pub(super) fn section_in(
    file: &Path,
    bytes: &[u8],
    names: &Names,
) -> Result<BTreeMap<String, String>, String> {
    let mut ini = Ini::default();
    ini.read(file, bytes);
    let own = |section: &str| section.is_empty() || section == SECTION;
    if let Some(problem) = ini.problems().iter().find(|p| own(&p.section)) {
        return Err(problem.to_string());
    }
    let section = ini
        .section(SECTION)
        .ok_or(".ini file does not include supervisorctl section")?;
    let form = Form::new(section);
    let values = values(&form, names, file);
    form.finish(values).map_err(|refused| {
        let texts: Vec<_> = refused.into_iter().map(|refused| refused.text).collect();
        texts.join("\n")
    })
}

/// The values; `file` is absolute.
pub(super) fn values(form: &Form<'_>, names: &Names, file: &Path) -> BTreeMap<String, String> {
    let here = normal(file.parent().unwrap_or_else(|| Path::new("/")));
    let here = Value::Text(here.to_string_lossy().into_owned());
    let with_here = names.with("here", here);
    let own_home = names.home();
    let path = |text: &str| normal(&home(text, own_home)).to_string_lossy().into_owned();
    let mut values = BTreeMap::new();
    if let Some(url) = form.text("serverurl", &with_here) {
        let url = match url.strip_prefix("unix://") {
            Some(socket) => format!("unix://{}", path(socket)),
            None => url,
        };
        values.insert("serverurl".to_owned(), url);
    }
    for key in ["prompt", "username", "password"] {
        if let Some(text) = form.text(key, names) {
            values.insert(key.to_owned(), text);
        }
    }
    if let Some(file) = form.text("history_file", &with_here)
        && !file.is_empty()
    {
        values.insert("history_file".to_owned(), path(&file));
    }
    values
}

const SECTION: &str = "supervisorctl";
