//! From a command line to a file and its arguments, as the original finds them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, access};
use thiserror::Error;

/// Why a command cannot be run. The texts are the original's: clients show them.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum CommandError {
    /// It cannot be split into words.
    #[error("can't parse command {}: {reason}", quoted(.command))]
    Unparsable {
        /// The command line.
        command: String,
        /// Why.
        reason: &'static str,
    },
    /// There is no word.
    #[error("command is empty")]
    Empty,
    /// There is no such file.
    #[error("can't find command {}", quoted(.0))]
    NotFound(String),
    /// It is a directory.
    #[error("command at {} is a directory", quoted(.0))]
    Directory(String),
    /// Nobody may execute it.
    #[error("command at {} is not executable", quoted(.0))]
    NotExecutable(String),
    /// We may not execute it.
    #[error("no permission to run command {}", quoted(.0))]
    NoPermission(String),
}

/// The file to execute and the arguments, the program's name first.
///
/// `search` is the value of the PATH that applies.
pub(crate) fn resolve(command: &str, search: &str) -> Result<(PathBuf, Vec<String>), CommandError> {
    let words = split(command).map_err(|reason| CommandError::Unparsable {
        command: command.to_owned(),
        reason,
    })?;
    let program = words.first().ok_or(CommandError::Empty)?;
    let file = if program.contains('/') {
        PathBuf::from(program)
    } else {
        // The first file that exists decides, even if it cannot be executed.
        search
            .split(':')
            .map(|dir| Path::new(dir).join(program))
            .find(|path| path.exists())
            .unwrap_or_else(|| PathBuf::from(program))
    };
    check(&file)?;
    Ok((file, words))
}

fn check(file: &Path) -> Result<(), CommandError> {
    let name = || file.display().to_string();
    let Ok(meta) = fs::metadata(file) else {
        return Err(CommandError::NotFound(name()));
    };
    if meta.is_dir() {
        return Err(CommandError::Directory(name()));
    }
    if meta.permissions().mode() & 0o111 == 0 {
        return Err(CommandError::NotExecutable(name()));
    }
    if access(file, AccessFlags::X_OK).is_err() {
        return Err(CommandError::NoPermission(name()));
    }
    Ok(())
}

/// Splits as a POSIX shell would, without comments, substitution or globbing.
fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => {
                let next = chars.next().ok_or("No escaped character")?;
                word.get_or_insert_default().push(next);
            }
            '\'' | '"' => quoted_part(char, &mut chars, word.get_or_insert_default())?,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted_part(
    quote: char,
    chars: &mut std::str::Chars<'_>,
    word: &mut String,
) -> Result<(), &'static str> {
    loop {
        match chars.next().ok_or("No closing quotation")? {
            char if char == quote => return Ok(()),
            '\\' if quote == '"' => {
                let next = chars.next().ok_or("No closing quotation")?;
                if next != '"' && next != '\\' {
                    word.push('\\');
                }
                word.push(next);
            }
            char => word.push(char),
        }
    }
}

/// As Python's `repr` writes a text.
fn quoted(text: &str) -> String {
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut quoted = String::from(quote);
    for char in text.chars() {
        match char {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            char if char == quote => quoted.extend(['\\', char]),
            char => quoted.push(char),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_as_in_a_shell() {
        for (text, expected) in [
            ("a b  c", vec!["a", "b", "c"]),
            ("sh -c 'x \"y\"'", vec!["sh", "-c", "x \"y\""]),
            ("a \"b \\\" \\n\" c\\ d", vec!["a", "b \" \\n", "c d"]),
            ("a\n  b # c", vec!["a", "b", "#", "c"]),
            ("'' x", vec!["", "x"]),
        ] {
            assert_eq!(split(text).unwrap(), expected, "{text}");
        }
        assert_eq!(split("a 'b"), Err("No closing quotation"));
        assert_eq!(split("a \\"), Err("No escaped character"));
    }

    #[test]
    fn errors_have_the_words_of_the_original() {
        let error = |command| resolve(command, "/bin:/usr/bin").unwrap_err().to_string();
        assert_eq!(error("/no/such"), "can't find command '/no/such'");
        assert_eq!(
            error("nosuchprogram -x"),
            "can't find command 'nosuchprogram'"
        );
        assert_eq!(error("/tmp"), "command at '/tmp' is a directory");
        assert_eq!(
            error("/etc/passwd"),
            "command at '/etc/passwd' is not executable"
        );
        assert_eq!(
            error("sh 'x"),
            "can't parse command \"sh 'x\": No closing quotation"
        );
        assert_eq!(error(""), "command is empty");
    }
}
