//! Where the main file is looked for when nobody says.

use std::path::{Path, PathBuf};

/// The candidates in their order; `program` is the path under which we were called.
///
/// A name without a directory was found along PATH, and stands for the file that runs.
pub(crate) fn search_paths(program: &Path) -> Vec<PathBuf> {
    let found = match program.components().count() {
        0 | 1 => std::env::current_exe().ok(),
        _ => None,
    };
    let program = found.as_deref().unwrap_or(program);
    let above = program.parent().and_then(Path::parent);
    let above = above.unwrap_or_else(|| Path::new(""));
    let usual = [
        "supervisord.conf",
        "etc/supervisord.conf",
        "/etc/supervisord.conf",
        "/etc/supervisor/supervisord.conf",
    ];
    let beside = ["etc/supervisord.conf", "supervisord.conf"].map(|name| above.join(name));
    beside.into_iter().chain(usual.map(PathBuf::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_above_the_program_is_searched_first() {
        let paths = search_paths(Path::new("/opt/sup/bin/supervisord"));
        assert_eq!(paths[0], Path::new("/opt/sup/etc/supervisord.conf"));
        assert_eq!(paths[1], Path::new("/opt/sup/supervisord.conf"));
        assert_eq!(paths[2], Path::new("supervisord.conf"));
        assert_eq!(
            search_paths(Path::new("bin/supervisord"))[0],
            Path::new("etc/supervisord.conf")
        );
        assert!(search_paths(Path::new("supervisord"))[0].is_absolute());
    }
}
