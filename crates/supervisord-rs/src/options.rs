//! The command line, as the original understands it.

use std::path::PathBuf;

use crate::{
    config::{DaemonSection, LogLevel},
    getopt::{self, Flag},
};

/// What was asked on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) configuration: Option<PathBuf>,
    pub(crate) mode: Mode,
    nodaemon: bool,
    silent: bool,
    nocleanup: bool,
    strip_ansi: bool,
    user: Option<String>,
    umask: Option<u32>,
    directory: Option<PathBuf>,
    logfile: Option<PathBuf>,
    logfile_maxbytes: Option<u64>,
    logfile_backups: Option<u32>,
    loglevel: Option<LogLevel>,
    pidfile: Option<PathBuf>,
    identifier: Option<String>,
    childlogdir: Option<PathBuf>,
    minfds: Option<u64>,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Run,
    Version,
    Help,
    /// List every mistake in the configuration and end.
    Check,
}

impl Options {
    /// Understands the arguments after the program's name.
    ///
    /// # Errors
    /// In the original's words.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let (given, rest) = getopt::parse(arguments, FLAGS)?;
        let mut options = Self::default();
        for (name, value) in given {
            options.set(name, &value)?;
        }
        match rest.as_slice() {
            [file, more @ ..] if options.mode == Mode::Check && more.is_empty() => {
                options
                    .configuration
                    .get_or_insert_with(|| PathBuf::from(file));
            }
            [] => {}
            _ => return Err("positional arguments are not supported".to_owned()),
        }
        Ok(options)
    }

    /// Flags win over the file.
    pub(crate) fn apply(&self, daemon: &mut DaemonSection) {
        fn put<T: Clone>(into: &mut T, from: Option<&T>) {
            if let Some(from) = from {
                into.clone_from(from);
            }
        }
        daemon.nodaemon |= self.nodaemon;
        daemon.silent |= self.silent;
        daemon.nocleanup |= self.nocleanup;
        daemon.strip_ansi |= self.strip_ansi;
        put(&mut daemon.umask, self.umask.as_ref());
        put(&mut daemon.logfile_maxbytes, self.logfile_maxbytes.as_ref());
        put(&mut daemon.logfile_backups, self.logfile_backups.as_ref());
        put(&mut daemon.loglevel, self.loglevel.as_ref());
        put(&mut daemon.pidfile, self.pidfile.as_ref());
        put(&mut daemon.identifier, self.identifier.as_ref());
        put(&mut daemon.childlogdir, self.childlogdir.as_ref());
        put(&mut daemon.minfds, self.minfds.as_ref());
        if self.user.is_some() {
            daemon.user.clone_from(&self.user);
        }
        if self.directory.is_some() {
            daemon.directory.clone_from(&self.directory);
        }
        if let Some(logfile) = &self.logfile {
            let none = logfile.as_os_str().eq_ignore_ascii_case("none");
            daemon.logfile = (!none).then(|| logfile.clone());
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        use crate::config::parse;
        let wrong = |reason: String| format!("bad value '{value}' for --{name}: {reason}");
        match name {
            "configuration" => self.configuration = Some(value.into()),
            "help" => self.mode = Mode::Help,
            "version" => self.mode = Mode::Version,
            "check" => self.mode = Mode::Check,
            "nodaemon" => self.nodaemon = true,
            "silent" => self.silent = true,
            "nocleanup" => self.nocleanup = true,
            "strip_ansi" => self.strip_ansi = true,
            "user" => self.user = Some(parse::account(value).map_err(wrong)?),
            "umask" => self.umask = Some(parse::octal(value).map_err(wrong)?),
            "directory" => self.directory = Some(parse::directory(value, None).map_err(wrong)?),
            "logfile" => self.logfile = Some(parse::parent(value, None).map_err(wrong)?),
            "logfile_maxbytes" => {
                self.logfile_maxbytes = Some(parse::size(value).map_err(wrong)?);
            }
            "logfile_backups" => {
                self.logfile_backups = Some(parse::count(value).map_err(wrong)?);
            }
            "loglevel" => self.loglevel = Some(parse::level(value).map_err(wrong)?),
            "pidfile" => self.pidfile = Some(parse::parent(value, None).map_err(wrong)?),
            "identifier" => self.identifier = Some(value.to_owned()),
            "childlogdir" => self.childlogdir = Some(parse::directory(value, None).map_err(wrong)?),
            "minfds" => self.minfds = Some(parse::size(value).map_err(wrong)?),
            // Accepted for the sake of existing command lines; nothing here depends on it.
            _ => {}
        }
        Ok(())
    }
}

const FLAGS: &[Flag] = &[
    Flag::valued("configuration", 'c'),
    Flag::plain("help", 'h'),
    Flag::plain("help", '?'),
    Flag::plain("version", 'v'),
    Flag::plain("check", '\0'),
    Flag::plain("nodaemon", 'n'),
    Flag::plain("silent", 's'),
    Flag::plain("nocleanup", 'k'),
    Flag::plain("strip_ansi", 't'),
    Flag::valued("user", 'u'),
    Flag::valued("umask", 'm'),
    Flag::valued("directory", 'd'),
    Flag::valued("logfile", 'l'),
    Flag::valued("logfile_maxbytes", 'y'),
    Flag::valued("logfile_backups", 'z'),
    Flag::valued("loglevel", 'e'),
    Flag::valued("pidfile", 'j'),
    Flag::valued("identifier", 'i'),
    Flag::valued("childlogdir", 'q'),
    Flag::valued("minfds", 'a'),
    Flag::valued("minprocs", '\0'),
    Flag::valued("profile_options", '\0'),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        let arguments: Vec<_> = arguments.iter().map(|a| (*a).to_owned()).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn flags_are_read_in_all_their_forms() {
        let options = parse(&["-nc", "/x.conf", "-edebug", "--identifier=me"]).unwrap();
        assert!(options.nodaemon);
        assert_eq!(options.configuration, Some("/x.conf".into()));
        assert_eq!(options.loglevel, Some(LogLevel::Debug));
        assert_eq!(options.identifier.as_deref(), Some("me"));
        assert_eq!(
            parse(&["--check", "/y"]).unwrap().configuration,
            Some("/y".into())
        );
    }

    #[test]
    fn unknown_flags_and_stray_words_are_refused() {
        for arguments in [
            &["--colour"][..],
            &["-x"],
            &["word"],
            &["-e", "loud"],
            &["-c"],
        ] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
