//! The command line: bootd's own flags, and those of the original's boot script.
//!
//! Written by hand, because an unknown flag must not keep an instance from booting.

use std::path::PathBuf;

use crate::options::Options;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) command: Command,
    pub(crate) config: Option<PathBuf>,
    /// `KEY=VALUE` pairs of `--set`.
    pub(crate) set: Vec<String>,
    pub(crate) options: Options,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Boot,
    /// Print what a boot would do.
    Plan,
    Check,
    PrintConfig,
    Version,
    Help,
}

impl Arguments {
    /// Reads the arguments after the program's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut parsed = Self {
            command: Command::Boot,
            config: None,
            set: Vec::new(),
            options: Options::default(),
        };
        let mut flags = Vec::new();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            match name {
                "--config" => parsed.config = value.or_else(|| arguments.next()).map(PathBuf::from),
                "--set" => parsed.set.extend(value.or_else(|| arguments.next())),
                "plan" | "--plan" => parsed.command = Command::Plan,
                "--check" => parsed.command = Command::Check,
                "--print-config" => parsed.command = Command::PrintConfig,
                "-V" | "--version" => parsed.command = Command::Version,
                "-h" | "--help" => parsed.command = Command::Help,
                _ => flags.push(argument),
            }
        }
        parsed.options = Options::parse(&flags);
        parsed
    }
}

pub(crate) const HELP: &str = "\
PID 1 of an instance: prepares it, starts the supervisor, reaps, and ends everything in order.

Usage: bootd [FLAGS]          boot
       bootd plan [FLAGS]     print what a boot would do, and do nothing

      --config FILE           settings file [default: /etc/berth/bootd.toml]
      --set KEY=VALUE         set one setting, over file and environment
      --check                 list every mistake in the settings and exit
      --print-config          print the effective settings with their origin and exit
      --no-user-keys          do not give root's SSH keys to other accounts
      --no-export-env         ignore user lines of /etc/environment and ${WORKSPACE}/.env
      --no-cert-gen           do not make a certificate
      --no-forward-compat     DISABLE_FORWARD_COMPAT=true
      --jupyter-override      JUPYTER_OVERRIDE=true
      --no-force-jupyter      FORCE_JUPYTER=false
      --no-agent-banner       ENABLE_AGENT_BANNER=false
      --no-update-portal, --no-update-vast, --no-activate-pyenv, --sync-environment,
      --sync-home             accepted for templates of the original, without effect
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Arguments {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn own_flags_and_the_originals_flags_mix() {
        let arguments = parse("--set a=1 --no-cert-gen --config=/x.toml --set=b=2 --what");
        assert_eq!(arguments.set, ["a=1", "b=2"]);
        assert_eq!(arguments.config, Some("/x.toml".into()));
        assert!(arguments.options.no_cert_gen);
        assert_eq!(arguments.options.remarks.len(), 1);
        assert_eq!(arguments.command, Command::Boot);
    }

    #[test]
    fn plan_is_a_command() {
        assert_eq!(parse("plan --no-cert-gen").command, Command::Plan);
    }
}
