//! Commands about the configuration and its groups.

use super::{
    Session,
    raised::Raised,
    status::{Info, full_name},
};
use crate::xmlrpc::Value;

/// Names of groups: added, changed and removed.
type Changes = [Vec<String>; 3];

impl Session {
    pub(super) fn avail(&mut self) -> Result<(), Raised> {
        let configs = match self.client.call("getAllConfigInfo", &[]) {
            Err(Raised::Fault { code: 6, .. }) => {
                self.fail(1, "ERROR: supervisor shutting down");
                return Ok(());
            }
            configs => configs?,
        };
        for config in configs.as_array().unwrap_or_default() {
            let text = |name| config.member(name).and_then(Value::as_text).unwrap_or("");
            let int = |name| config.member(name).and_then(Value::as_int).unwrap_or(0);
            let name = full_name(text("group"), text("name"));
            let used = if int("inuse") == 1 { "in use" } else { "avail" };
            let auto = match int("autostart") {
                1 => "auto",
                _ => "manual",
            };
            let (group, process) = (int("group_prio"), int("process_prio"));
            self.say(&format!("{name:<32} {used:<9} {auto:<9} {group}:{process}"));
        }
        Ok(())
    }

    pub(super) fn reread(&mut self) -> Result<(), Raised> {
        let result = match self.client.call("reloadConfig", &[]) {
            Err(Raised::Fault { code: 6, .. }) => {
                self.fail(1, "ERROR: supervisor shutting down");
                return Ok(());
            }
            Err(Raised::Fault { code: 92, text }) => {
                self.fail(1, &format!("ERROR: {text}"));
                return Ok(());
            }
            result => result?,
        };
        let words = ["available", "changed", "disappeared"];
        let mut lines: Vec<_> = changes(&result)
            .into_iter()
            .zip(words)
            .flat_map(|(names, word)| names.into_iter().map(move |name| (name, word)))
            .collect();
        lines.sort();
        if lines.is_empty() {
            self.say("No config updates to processes");
        }
        for (name, word) in lines {
            self.say(&format!("{name}: {word}"));
        }
        Ok(())
    }

    pub(super) fn update(&mut self, words: &[&str]) -> Result<(), Raised> {
        let result = match self.client.call("reloadConfig", &[]) {
            Err(Raised::Fault { code: 6, .. }) => {
                self.fail(1, "ERROR: already shutting down");
                return Ok(());
            }
            result => result?,
        };
        let [added, changed, removed] = changes(&result);
        let mut wanted = words.to_vec();
        if words.contains(&"all") {
            wanted.clear();
        }
        wanted.sort_unstable();
        wanted.dedup();
        self.check_groups(&wanted, &added)?;
        let meant = |name: &&String| wanted.is_empty() || wanted.contains(&name.as_str());
        for name in removed.iter().filter(meant) {
            self.update_removed(name)?;
        }
        for name in changed.iter().filter(meant) {
            self.update_changed(name)?;
        }
        for name in added.iter().filter(meant) {
            self.on_group_named("addProcessGroup", name)?;
            self.say(&format!("{name}: added process group"));
        }
        Ok(())
    }

    /// Tells of groups that are neither there nor added.
    fn check_groups(&mut self, wanted: &[&str], added: &[String]) -> Result<(), Raised> {
        if wanted.is_empty() {
            return Ok(());
        }
        let infos = Info::all(&self.client.call("getAllProcessInfo", &[])?);
        for name in wanted {
            let known = infos.iter().any(|info| info.group == *name);
            if !known && !added.iter().any(|other| other == name) {
                self.fail(1, &format!("ERROR: no such group: {name}"));
            }
        }
        Ok(())
    }

    fn update_removed(&mut self, name: &str) -> Result<(), Raised> {
        let results = self.on_group_named("stopProcessGroup", name)?;
        self.say(&format!("{name}: stopped"));
        let failed = |result: &Value| result.member("status").and_then(Value::as_int) == Some(30);
        if results.as_array().unwrap_or_default().iter().any(failed) {
            self.fail(1, &format!("{name}: has problems; not removing"));
            return Ok(());
        }
        self.on_group_named("removeProcessGroup", name)?;
        self.say(&format!("{name}: removed process group"));
        Ok(())
    }

    fn update_changed(&mut self, name: &str) -> Result<(), Raised> {
        self.on_group_named("stopProcessGroup", name)?;
        self.say(&format!("{name}: stopped"));
        self.on_group_named("removeProcessGroup", name)?;
        self.on_group_named("addProcessGroup", name)?;
        self.say(&format!("{name}: updated process group"));
        Ok(())
    }

    fn on_group_named(&self, method: &str, name: &str) -> Result<Value, Raised> {
        self.client.call(method, &[Value::text(name)])
    }

    pub(super) fn add(&mut self, words: &[&str]) -> Result<(), Raised> {
        for name in words {
            match self.on_group_named("addProcessGroup", name) {
                Ok(_) => self.say(&format!("{name}: added process group")),
                Err(Raised::Fault { code: 6, .. }) => self.fail(1, "ERROR: shutting down"),
                Err(Raised::Fault { code: 90, .. }) => {
                    self.say("ERROR: process group already active");
                }
                Err(Raised::Fault { code: 10, .. }) => {
                    self.fail(1, &format!("ERROR: no such process/group: {name}"));
                }
                Err(raised) => return Err(raised),
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, words: &[&str]) -> Result<(), Raised> {
        for name in words {
            match self.on_group_named("removeProcessGroup", name) {
                Ok(_) => self.say(&format!("{name}: removed process group")),
                Err(Raised::Fault { code: 91, .. }) => {
                    self.fail(1, &format!("ERROR: process/group still running: {name}"));
                }
                Err(Raised::Fault { code: 10, .. }) => {
                    self.fail(1, &format!("ERROR: no such process/group: {name}"));
                }
                Err(raised) => return Err(raised),
            }
        }
        Ok(())
    }
}

fn changes(result: &Value) -> Changes {
    let lists = result
        .as_array()
        .and_then(<[_]>::first)
        .and_then(Value::as_array);
    let list = |at: usize| {
        let names = lists
            .and_then(|lists| lists.get(at))
            .and_then(Value::as_array);
        let names = names.unwrap_or_default().iter();
        names
            .filter_map(|name| name.as_text().map(str::to_owned))
            .collect()
    };
    [list(0), list(1), list(2)]
}
