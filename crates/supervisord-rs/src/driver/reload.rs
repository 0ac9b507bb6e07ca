//! Reading the configuration again.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    mem,
};

use tokio::sync::oneshot;

use super::{
    Driver, Phase, Plan, Reopen,
    announce::{introduce, report},
};
use crate::{
    config::{Config, GroupConfig, Problem, ProblemKind, difference},
    fault::{Fault, FaultCode},
};

impl Driver {
    /// Reads the files again and says what would change. What runs is not touched.
    pub(super) fn reload(&mut self) -> Result<Plan, Fault> {
        let mut config = self
            .load()
            .map_err(|text| Fault::new(FaultCode::CantReread, text))?;
        keep_what_runs(&mut config, self.active.values());
        report(&config, Some(&self.config.problems), &self.log);
        self.config = config;
        self.programs.renew_auto_logs();
        self.dirty = true;
        let difference = difference(self.active.values(), &self.config.groups);
        let wanted = |name: &String| self.config.groups.iter().find(|group| group.name == *name);
        let details = difference.changed.iter().filter_map(|name| {
            let differences = self.active.get(name)?.differences(wanted(name)?);
            Some((name.clone(), differences))
        });
        let details = details.collect();
        let mut hasher = DefaultHasher::new();
        for name in difference.added.iter().chain(&difference.changed) {
            format!("{:?}", wanted(name)).hash(&mut hasher);
        }
        for name in difference.removed.iter().chain(&difference.changed) {
            format!("{:?}", self.active.get(name)).hash(&mut hasher);
        }
        Ok(Plan {
            name: format!("{:016x}", hasher.finish()),
            difference,
            details,
        })
    }

    /// Makes ready to begin again after everything was stopped: with another main log and other
    /// servers, if the configuration has others.
    pub(super) async fn start_over(&mut self) {
        match self.load() {
            Ok(config) => {
                self.log.replace(&config.daemon, self.programs.outlets());
                introduce(&config, &self.log);
                self.config = config;
                self.reopen_servers().await;
            }
            // A supervisor that ended here would take the instance with it.
            Err(text) => self.log.critical(&format!("{text}; going on as before")),
        }
        self.core = mem::take(&mut self.core).successor();
        self.active.clear();
        self.programs.reset(&self.config);
        self.pools.reset(&self.config.daemon.identifier);
        self.phase = Phase::Serving;
        self.dirty = true;
    }

    async fn reopen_servers(&self) {
        let (done, reopened) = oneshot::channel();
        let config = self.config.clone();
        // Nobody has them only at the end, when nobody needs them.
        if self.servers.send(Reopen { config, done }).await.is_ok() {
            let _ = reopened.await;
        }
    }

    fn load(&self) -> Result<Config, String> {
        let mut config = Config::load(&self.config.file, &self.environment)
            .map_err(|error| error.to_string())?;
        self.overrides.apply(&mut config.daemon);
        Ok(config)
    }
}

/// A mistake must not take away what runs: a group whose configuration was refused keeps the one
/// it has.
fn keep_what_runs<'a>(config: &mut Config, active: impl Iterator<Item = &'a GroupConfig>) {
    for group in active {
        let wanted = config
            .groups
            .iter_mut()
            .find(|other| other.name == group.name);
        match wanted {
            Some(wanted) => {
                let broken = wanted.programs.iter().any(|p| p.refused.is_some());
                if broken || concerns(&config.problems, group) {
                    *wanted = group.clone();
                }
            }
            None if concerns(&config.problems, group) => config.groups.push(group.clone()),
            None => {}
        }
    }
    config
        .groups
        .sort_by(|a, b| (a.priority, &a.name).cmp(&(b.priority, &b.name)));
}

/// Whether the section of a group, or a whole file that defines one of its programs, was refused.
fn concerns(problems: &[Problem], group: &GroupConfig) -> bool {
    problems.iter().any(|problem| {
        problem.kind == ProblemKind::Mistake
            && match problem.section.as_str() {
                "" => group.programs.iter().any(|p| p.origin.0 == problem.file),
                section => section.strip_prefix("group:") == Some(&group.name),
            }
    })
}
