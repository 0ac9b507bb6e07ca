//! The native boot steps: each reads what it needs, changes files through [`System`], and reports.
//!
//! A step never starts a process, uses the network or waits; the three that must
//! ([`Native::SshHostKeys`], [`Native::SupervisorLaunch`], [`Native::SupervisorWait`]) are done by
//! [`crate::sequence`]. A failure costs the step and nothing else.

mod accounts;
mod certificate;
mod log_dirs;
mod portal_yaml;
mod prepare;
mod ssh_keys;

use std::{io, path::Path};

use instance::Variables;

use crate::{board::Outcome, options::Options, settings::Settings, system::System};

pub(crate) use accounts::group_id;
pub(crate) use prepare::write_environment_file;

/// A boot step that is built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    Accounts,
    PrepareEnvironment,
    LogDirs,
    SshHostKeys,
    SshKeys,
    Certificate,
    PortalYaml,
    SupervisorLaunch,
    SupervisorWait,
}

/// What a step works with.
pub(crate) struct Work<'a> {
    pub(crate) system: &'a dyn System,
    pub(crate) settings: &'a Settings,
    pub(crate) options: &'a Options,
    /// What later steps, scripts and the supervisor get.
    pub(crate) environment: &'a mut Variables,
    /// Subject and text of everything people should know.
    pub(crate) notices: Vec<(String, String)>,
}

/// How a step ended, and one line about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) message: String,
}

impl Native {
    /// Every native step.
    pub(crate) const ALL: [Self; 9] = [
        Self::Accounts,
        Self::PrepareEnvironment,
        Self::LogDirs,
        Self::SshHostKeys,
        Self::SshKeys,
        Self::Certificate,
        Self::PortalYaml,
        Self::SupervisorLaunch,
        Self::SupervisorWait,
    ];

    /// The step's name: that of the original's script where there was one.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accounts => "00-accounts",
            Self::PrepareEnvironment => "10-prep-env",
            Self::LogDirs => "11-log-dirs",
            Self::SshHostKeys => "46-ssh-host-keys",
            Self::SshKeys => "46-user-propagate-ssh-keys",
            Self::Certificate => "55-tls-cert-gen",
            Self::PortalYaml => "60-portal-yaml",
            Self::SupervisorLaunch => "65-supervisor-launch",
            Self::SupervisorWait => "95-supervisor-wait",
        }
    }

    /// The step's file in the boot directory.
    pub(crate) fn file(self) -> String {
        format!("{}.sh", self.name())
    }

    /// The content of that file as shipped.
    pub(crate) fn stub(self) -> &'static str {
        macro_rules! stub {
            ($name:literal) => {
                include_str!(concat!("../../../ROOT/etc/vast_boot.d/", $name, ".sh"))
            };
        }
        match self {
            Self::Accounts => stub!("00-accounts"),
            Self::PrepareEnvironment => stub!("10-prep-env"),
            Self::LogDirs => stub!("11-log-dirs"),
            Self::SshHostKeys => stub!("46-ssh-host-keys"),
            Self::SshKeys => stub!("46-user-propagate-ssh-keys"),
            Self::Certificate => stub!("55-tls-cert-gen"),
            Self::PortalYaml => stub!("60-portal-yaml"),
            Self::SupervisorLaunch => stub!("65-supervisor-launch"),
            Self::SupervisorWait => stub!("95-supervisor-wait"),
        }
    }

    /// What the step is for, for `bootd plan`.
    pub(crate) fn purpose(self) -> &'static str {
        match self {
            Self::Accounts => "group berth, account user, directories of the daemons",
            Self::PrepareEnvironment => "workspace, defaults, token, /etc/environment",
            Self::LogDirs => "log directories",
            Self::SshHostKeys => "SSH host keys, in the background",
            Self::SshKeys => "authorized SSH keys",
            Self::Certificate => "certificate for HTTPS",
            Self::PortalYaml => "/etc/portal.yaml from PORTAL_CONFIG",
            Self::SupervisorLaunch => "start the supervisor and keep it alive",
            Self::SupervisorWait => "wait until the supervisor has greeted",
        }
    }

    /// Runs a step that is files only; nothing for the others.
    pub(crate) fn run(self, work: &mut Work<'_>) -> Option<Report> {
        let result = match self {
            Self::Accounts => accounts::run(work),
            Self::PrepareEnvironment => prepare::run(work),
            Self::LogDirs => log_dirs::run(work),
            Self::SshKeys => ssh_keys::run(work),
            Self::Certificate => certificate::run(work),
            Self::PortalYaml => portal_yaml::run(work),
            Self::SshHostKeys | Self::SupervisorLaunch | Self::SupervisorWait => return None,
        };
        Some(result.unwrap_or_else(Report::failed))
    }
}

impl Work<'_> {
    fn variable(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }

    fn notice(&mut self, subject: impl Into<String>, text: impl Into<String>) {
        self.notices.push((subject.into(), text.into()));
    }
}

impl Report {
    pub(crate) fn done(message: impl Into<String>) -> Self {
        Self::new(Outcome::Done, message)
    }

    pub(crate) fn skipped(message: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped, message)
    }

    pub(crate) fn degraded(message: impl Into<String>) -> Self {
        Self::new(Outcome::Degraded, message)
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, message)
    }

    fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            outcome,
            message: message.into(),
        }
    }
}

/// Adds what was attempted to an error of the system.
fn failed_to<T>(what: &str, path: &Path, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("failed to {what} {}: {error}", path.display()))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{cell::RefCell, collections::BTreeSet};

    use super::*;
    use crate::system::recording::Recording;

    /// Runs one step against files in memory.
    #[derive(Debug)]
    pub(crate) struct Bench {
        pub(crate) system: Recording,
        pub(crate) options: Options,
        environment: RefCell<Variables>,
        notices: RefCell<Vec<(String, String)>>,
    }

    impl Bench {
        pub(crate) fn new(system: Recording) -> Self {
            Self {
                system,
                options: Options::default(),
                environment: RefCell::default(),
                notices: RefCell::default(),
            }
        }

        pub(crate) fn variable(self, name: &str, value: &str) -> Self {
            let previous = self
                .environment
                .borrow_mut()
                .insert(name.to_owned(), value.to_owned());
            drop(previous);
            self
        }

        pub(crate) fn run(
            &self,
            step: impl FnOnce(&mut Work<'_>) -> Result<Report, String>,
        ) -> Result<Report, String> {
            let settings = Settings::default();
            let mut environment = self.environment.borrow_mut();
            let mut work = Work {
                system: &self.system,
                settings: &settings,
                options: &self.options,
                environment: &mut environment,
                notices: Vec::new(),
            };
            let result = step(&mut work);
            self.notices.borrow_mut().extend(work.notices);
            result
        }

        pub(crate) fn get(&self, name: &str) -> String {
            self.find(name).expect("the variable is set")
        }

        pub(crate) fn find(&self, name: &str) -> Option<String> {
            self.environment.borrow().get(name).cloned()
        }

        pub(crate) fn notices(&self) -> Vec<(String, String)> {
            self.notices.borrow().clone()
        }
    }

    #[test]
    fn a_first_boot_changes_these_files_in_this_order() {
        let bench = Bench::new(Recording::with(&[
            ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
            ("/etc/group", "root:x:0:\n"),
            ("/etc/shadow", "root:*:1:0:99999:7:::\n"),
        ]));
        for native in Native::ALL {
            let report = bench.run(|work| Ok(native.run(work).unwrap_or_else(nothing)));
            assert_eq!(report.unwrap().outcome, Outcome::Done, "{native:?}");
        }
        assert_eq!(
            bench.system.journal(),
            [
                "publish /etc/shadow 644",
                "publish /etc/group 644",
                "publish /etc/passwd 644",
                "dir /home/user 750",
                "dir /run/berth 750",
                "dir /var/lib/berth 755",
                "dir /var/lib/berth/bootd 700",
                "dir /workspace 775",
                "dir /workspace/.hf_home 775",
                "publish /var/lib/berth/open_button_token 640",
                "publish /etc/environment 640",
                "dir /var/log/portal 1777",
                "dir /var/log/supervisor 755",
                "dir /var/log/berth 750",
                "dir /run/sshd 755",
                "dir /etc/ssh/authorized_keys.d 755",
                "publish /etc/ssh/authorized_keys.d/root 644",
                "publish /etc/ssh/authorized_keys.d/user 644",
                "publish /etc/instance.key 640",
                "publish /etc/instance.crt 644",
                "publish /etc/portal.yaml 644",
                "publish /var/lib/berth/bootd/portal.yaml.written 600",
            ]
        );
    }

    fn nothing() -> Report {
        Report::done("not a step of files")
    }

    #[test]
    fn names_are_unique_and_in_boot_order() {
        let names: Vec<_> = Native::ALL.iter().map(|native| native.name()).collect();
        let sorted: BTreeSet<_> = names.iter().copied().collect();
        assert_eq!(names, Vec::from_iter(sorted));
    }
}
