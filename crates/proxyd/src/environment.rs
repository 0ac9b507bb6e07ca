//! The instance's variables: those of the process, overridden by `/etc/environment`.
//!
//! A person changes a password by editing that file and restarting this program; the process
//! environment, inherited from the supervisor, still holds the old one then.

use std::{fs, io, path::Path};

use instance::{Variables, environment_file};

/// The variables that hold, and what was wrong with the file.
pub(crate) fn effective(process: &Variables, file: &Path) -> (Variables, Option<String>) {
    let mut variables = process.clone();
    match fs::read(file) {
        Ok(bytes) => {
            variables.extend(environment_file::parse(&bytes));
            (variables, None)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (variables, None),
        Err(error) => {
            let problem = format!(
                "failed to read {}: {error}; only the process environment is used",
                file.display()
            );
            (variables, Some(problem))
        }
    }
}
