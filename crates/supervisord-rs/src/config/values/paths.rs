//! Paths, with `~` for a home directory.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

use nix::unistd::{AccessFlags, Uid, User, access};

/// A path whose directory must exist.
pub(crate) fn existing_parent(text: &str, own_home: Option<&Path>) -> Result<PathBuf, String> {
    let path = home(text, own_home);
    let shown = path.to_string_lossy();
    let directory = shown.rfind('/').map_or("", |slash| &shown[..=slash]);
    match directory.is_empty() || Path::new(directory).is_dir() {
        true => Ok(path),
        false => Err(format!(
            "The directory named as part of the path {text} does not exist"
        )),
    }
}

/// A directory that must exist.
pub(crate) fn existing_directory(text: &str, own_home: Option<&Path>) -> Result<PathBuf, String> {
    let path = home(text, own_home);
    match path.is_dir() {
        true => Ok(path),
        false => Err(format!("{text} is not an existing directory")),
    }
}

/// The path with a leading `~` or `~user` replaced. `own` is the value of HOME.
pub(crate) fn home(text: &str, own: Option<&Path>) -> PathBuf {
    let Some(rest) = text.strip_prefix('~') else {
        return PathBuf::from(text);
    };
    let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let directory = match (user, own) {
        ("", Some(own)) => Some(own.to_owned()),
        ("", None) => directory_of(User::from_uid(Uid::current())),
        (user, _) => directory_of(User::from_name(user)),
    };
    match directory {
        Some(directory) if rest.is_empty() => directory,
        Some(directory) => directory.join(rest.trim_start_matches('/')),
        None => PathBuf::from(text),
    }
}

/// The path made absolute, without `.`, `..` and doubled slashes, as the text says and not as the
/// file system has it.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let absolute = super::super::absolute(path);
    let mut normal = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                normal.push(component);
            }
        }
    }
    normal
}

/// Where temporary files go: the first of Python's candidates that can be written to.
pub(crate) fn temporary_directory<'a>(
    variable: impl Fn(&str) -> Option<&'a OsStr>,
) -> Option<PathBuf> {
    let named = ["TMPDIR", "TEMP", "TMP"].into_iter().filter_map(variable);
    let usual = ["/tmp", "/var/tmp", "/usr/tmp", "."].map(OsStr::new);
    let candidates = named.filter(|name| !name.is_empty()).chain(usual);
    candidates
        .map(|candidate| normal(Path::new(candidate)))
        .find(|path| path.is_dir() && access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_ok())
}

fn directory_of(user: nix::Result<Option<User>>) -> Option<PathBuf> {
    user.ok().flatten().map(|user| user.dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_those_of_the_variable_or_of_the_account() {
        let own = Some(Path::new("/h"));
        for (text, expected) in [
            ("~", "/h/"),
            ("~/a", "/h/a"),
            ("~root/a", "/root/a"),
            ("~nosuchuser/a", "~nosuchuser/a"),
            ("a/~", "a/~"),
        ] {
            assert_eq!(home(text, own), Path::new(expected), "{text}");
        }
    }

    #[test]
    fn paths_are_made_normal_as_texts() {
        for (path, expected) in [("/a//b/../c/.", "/a/c"), ("/../x", "/x"), ("/", "/")] {
            assert_eq!(normal(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn a_temporary_directory_can_be_written_to() {
        let bad = |name: &str| (name == "TMPDIR").then(|| OsStr::new("/nonexistent"));
        assert_eq!(temporary_directory(bad), Some("/tmp".into()));
    }

    #[test]
    fn the_directory_of_a_file_must_exist() {
        assert!(existing_parent("plain", None).is_ok());
        assert!(existing_parent("/tmp/x", None).is_ok());
        assert!(existing_parent("/nonexistent/x", None).is_err());
        assert!(existing_parent("/tmp/nonexistent/", None).is_err());
        assert!(existing_directory("/tmp", None).is_ok());
    }
}
