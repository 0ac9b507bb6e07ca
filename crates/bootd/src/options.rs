//! The flags of the original's `boot_default.sh`.

use instance::Variables;

/// What the flags ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// `--no-user-keys`: do not give root's SSH keys to other accounts.
    pub(crate) no_user_keys: bool,
    /// `--no-export-env`: ignore the user's lines of `/etc/environment` and `${WORKSPACE}/.env`.
    pub(crate) no_export_env: bool,
    /// `--no-cert-gen`: do not make a certificate.
    pub(crate) no_cert_gen: bool,
    /// Variables that flags stand for.
    pub(crate) variables: Variables,
    /// Flags that were accepted without effect, and unknown ones: what to tell people.
    pub(crate) remarks: Vec<(String, String)>,
}

impl Options {
    /// Reads flags; an unknown one costs only itself.
    pub(crate) fn parse(flags: &[String]) -> Self {
        let mut options = Self::default();
        for flag in flags {
            options.apply(flag);
        }
        options
    }

    fn apply(&mut self, flag: &str) {
        match flag {
            "--no-user-keys" => self.no_user_keys = true,
            "--no-export-env" => self.no_export_env = true,
            "--no-cert-gen" => self.no_cert_gen = true,
            "--no-forward-compat" => self.set("DISABLE_FORWARD_COMPAT", "true"),
            "--jupyter-override" => self.set("JUPYTER_OVERRIDE", "true"),
            "--no-force-jupyter" => self.set("FORCE_JUPYTER", "false"),
            "--no-agent-banner" => self.set("ENABLE_AGENT_BANNER", "false"),
            // Nothing updates itself at boot, so there is nothing to switch off.
            "--no-update-portal" | "--no-update-vast" => {}
            "--no-activate-pyenv" => self.remark(
                flag,
                "has no effect in this version: login shells activate no Python environment",
            ),
            "--sync-environment" | "--sync-home" => self.remark(
                flag,
                "has no effect in this version: files stay where the image has them",
            ),
            _ => self.remark(flag, "unknown flag, ignored; correct its name or remove it"),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    fn remark(&mut self, flag: &str, text: &str) {
        self.remarks.push((format!("flag {flag}"), text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_flag_costs_only_itself() {
        let flags = ["--no-cert-gen", "--what", "--jupyter-override"].map(str::to_owned);
        let options = Options::parse(&flags);
        assert!(options.no_cert_gen);
        assert_eq!(options.variables["JUPYTER_OVERRIDE"], "true");
        assert_eq!(options.remarks.len(), 1);
        assert_eq!(options.remarks[0].0, "flag --what");
    }

    #[test]
    fn a_flag_without_effect_is_accepted_and_told() {
        let flags = ["--no-activate-pyenv", "--sync-home"].map(str::to_owned);
        let subjects: Vec<_> = Options::parse(&flags).remarks.into_iter().collect();
        assert_eq!(subjects[0].0, "flag --no-activate-pyenv");
        assert!(subjects.iter().all(|(_, text)| text.contains("no effect")));
    }
}
