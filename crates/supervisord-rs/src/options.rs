//! The command line, as the original understands it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    config::{DaemonSection, LogLevel, MainLogTarget, parse},
    getopt::{self, Flag, Used},
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
    logfile: Option<MainLogTarget>,
    logfile_maxbytes: Option<u64>,
    logfile_backups: Option<u32>,
    loglevel: Option<LogLevel>,
    pidfile: Option<PathBuf>,
    identifier: Option<String>,
    childlogdir: Option<PathBuf>,
    minfds: Option<u64>,
    minprocs: Option<u64>,
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
    /// Understands the arguments after the program's name; `own_home` is the value of HOME.
    ///
    /// # Errors
    /// In the original's words.
    pub(crate) fn parse(arguments: &[String], own_home: Option<&Path>) -> Result<Self, String> {
        let (used, rest) = getopt::parse_spelled(arguments, FLAGS)?;
        let checks = used.iter().any(|used| used.name == "check");
        if rest.len() > usize::from(checks) {
            let words: Vec<_> = rest.iter().map(|word| format!("'{word}'")).collect();
            let words = words.join(", ");
            return Err(format!("positional arguments are not supported: [{words}]"));
        }
        let mut options = Self::default();
        let mut names = BTreeSet::new();
        for used in &used {
            match used.name {
                // The first of these is all that is done; what follows is not even looked at.
                "help" => options.mode = Mode::Help,
                "version" => options.mode = Mode::Version,
                _ => {}
            }
            if matches!(options.mode, Mode::Help | Mode::Version) {
                return Ok(options);
            }
            options.set(used, own_home)?;
            if !names.insert(used.name) {
                return Err(format!(
                    "conflicting command line option '{}'",
                    used.spelled
                ));
            }
        }
        // Python looks at the account only after the file was read.
        if let Some(user) = &options.user {
            options.user = Some(parse::account(user)?);
        }
        if let Some(file) = rest.first() {
            options
                .configuration
                .get_or_insert_with(|| PathBuf::from(file));
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
        put(&mut daemon.minprocs, self.minprocs.as_ref());
        if self.user.is_some() {
            daemon.user.clone_from(&self.user);
        }
        if self.directory.is_some() {
            daemon.directory.clone_from(&self.directory);
        }
        if let Some(logfile) = &self.logfile {
            daemon.set_log(logfile.clone());
        }
    }

    fn set(&mut self, used: &Used, own_home: Option<&Path>) -> Result<(), String> {
        let (spelled, value) = (&used.spelled, used.value.as_str());
        let wrong = |reason: String| format!("invalid value for {spelled} '{value}': {reason}");
        match used.name {
            "configuration" => self.configuration = Some(value.into()),
            "check" => self.mode = Mode::Check,
            "nodaemon" => self.nodaemon = true,
            "silent" => self.silent = true,
            "nocleanup" => self.nocleanup = true,
            "strip_ansi" => self.strip_ansi = true,
            "user" => self.user = Some(value.to_owned()),
            "umask" => self.umask = Some(parse::octal(value).map_err(wrong)?),
            "directory" => {
                self.directory = Some(parse::directory(value, own_home).map_err(wrong)?);
            }
            "logfile" => {
                self.logfile = Some(parse::log_file(value, own_home).map_err(wrong)?);
            }
            "logfile_maxbytes" => {
                self.logfile_maxbytes = Some(parse::size(value).map_err(wrong)?);
            }
            "logfile_backups" => {
                let count = parse::count(value).map_err(wrong)?;
                self.logfile_backups = Some(u32::try_from(count).unwrap_or(u32::MAX));
            }
            "loglevel" => self.loglevel = Some(parse::level(value).map_err(wrong)?),
            "pidfile" => self.pidfile = Some(parse::parent(value, own_home).map_err(wrong)?),
            "identifier" => self.identifier = Some(value.to_owned()),
            "childlogdir" => {
                self.childlogdir = Some(parse::directory(value, own_home).map_err(wrong)?);
            }
            "minfds" => self.minfds = Some(parse::count(value).map_err(wrong)?),
            "minprocs" => self.minprocs = Some(parse::count(value).map_err(wrong)?),
            // There is no profiler; the flag is accepted for the sake of existing command lines.
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
        Options::parse(&arguments, None)
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
        assert_eq!(
            parse(&["-l", "syslog"]).unwrap().logfile,
            Some(MainLogTarget::Syslog)
        );
    }

    #[test]
    fn errors_are_those_of_the_original() {
        for (arguments, error) in [
            (&["--colour"][..], "option --colour not recognized"),
            (
                &["word"],
                "positional arguments are not supported: ['word']",
            ),
            (
                &["-e", "loud"],
                "invalid value for -e 'loud': bad logging level name 'loud'",
            ),
            (
                &["-n", "--nodaemon"],
                "conflicting command line option '--nodaemon'",
            ),
            (
                &["-m9"],
                "invalid value for -m '9': 9 can not be converted to an octal type",
            ),
            (
                &["--minfds=x"],
                "invalid value for --minfds 'x': invalid literal for int() with base 10: 'x'",
            ),
            (
                &["-d/nonexistent"],
                "invalid value for -d '/nonexistent': /nonexistent is not an existing directory",
            ),
            (
                &["-l/nonexistent/x"],
                "invalid value for -l '/nonexistent/x': The directory named as part of the path \
                 /nonexistent/x does not exist",
            ),
            (&["-unosuchuser"], "Invalid user name nosuchuser"),
            (&["-u4242424"], "Invalid user id 4242424"),
        ] {
            assert_eq!(parse(arguments), Err(error.to_owned()), "{arguments:?}");
        }
    }

    #[test]
    fn the_first_of_help_and_version_and_mistakes_counts() {
        let mode = |arguments: &[&str]| parse(arguments).map(|options| options.mode);
        assert_eq!(mode(&["-v", "-h"]), Ok(Mode::Version));
        assert_eq!(mode(&["-?", "-e", "loud"]), Ok(Mode::Help));
        assert!(mode(&["-e", "loud", "-h"]).is_err());
        assert!(mode(&["-h", "word"]).is_err());
    }
}
