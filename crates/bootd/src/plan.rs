//! Decides what a boot does. Pure: facts in, plan out.
//!
//! Native steps and the files of the boot directory run in the order of their names. A native step
//! has a file of its name there: unchanged, the step runs; edited, the file is sourced in its
//! place; deleted, the step is skipped.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    facts::{Facts, Launch, Script},
    options::Options,
    steps::Native,
};

/// What a boot does.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) is_init: bool,
    pub(crate) is_root: bool,
    pub(crate) launch: Launch,
    /// The platform's name for this instance; empty outside a platform.
    pub(crate) instance_id: String,
    pub(crate) options: Options,
    pub(crate) steps: Vec<Step>,
    /// What people should know before anything runs: subject and text.
    pub(crate) notices: Vec<(String, String)>,
}

/// One step, in execution order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The file name without `.sh`.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) action: Action,
}

/// Where a step comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is built in.
    Native,
    /// It is a file of the boot directory, perhaps in the place of a native step.
    Script,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Runs native code.
    Run(Native),
    /// Sources a file in the boot shell.
    Source(PathBuf),
    /// Does nothing, for this reason.
    Skip(String),
}

/// Makes the plan; `boot_dir` is the directory the scripts of the facts come from.
pub(crate) fn plan(facts: &Facts, boot_dir: &Path) -> Plan {
    let mut notices = facts.options.remarks.clone();
    let mut steps: Vec<Step> = Native::ALL
        .iter()
        .map(|native| {
            let action = native_action(*native, facts, boot_dir);
            Step {
                name: native.name().to_owned(),
                kind: match action {
                    Action::Source(_) => Kind::Script,
                    Action::Run(_) | Action::Skip(_) => Kind::Native,
                },
                action,
            }
        })
        .collect();
    let scripts = facts.scripts.iter().flatten();
    for script in scripts.filter(|script| !is_native(&script.name)) {
        let action = script_action(script, boot_dir);
        if let Action::Skip(reason) = &action {
            let subject = format!("boot script {:?}", script.name);
            notices.push((subject, format!("is skipped: {reason}")));
        }
        let name = script.name.trim_end_matches(".sh");
        steps.push(Step {
            name: name.escape_debug().to_string(),
            kind: Kind::Script,
            action,
        });
    }
    steps.sort_by(|a, b| a.name.cmp(&b.name));
    if !facts.is_root {
        notices.push(("user".to_owned(), NOT_ROOT.to_owned()));
    }
    Plan {
        is_init: facts.is_init,
        is_root: facts.is_root,
        launch: facts.launch,
        instance_id: instance_id(facts),
        options: facts.options.clone(),
        steps,
        notices,
    }
}

fn native_action(native: Native, facts: &Facts, boot_dir: &Path) -> Action {
    if native == Native::Certificate && facts.options.no_cert_gen {
        return Action::Skip("--no-cert-gen was given".to_owned());
    }
    let Some(scripts) = &facts.scripts else {
        return Action::Run(native);
    };
    let file = native.file();
    match scripts.iter().find(|script| script.name == file) {
        Some(script) if is_shipped(native, script) => Action::Run(native),
        Some(_) => Action::Source(boot_dir.join(file)),
        None => Action::Skip(format!("{} was deleted", boot_dir.join(file).display())),
    }
}

/// The shell is told one script per line.
fn script_action(script: &Script, boot_dir: &Path) -> Action {
    if script.name.chars().any(char::is_control) {
        return Action::Skip("its name holds a control character; rename it".to_owned());
    }
    if script.content.is_none() {
        return Action::Skip("it cannot be read; check its mode and its link".to_owned());
    }
    Action::Source(boot_dir.join(&script.name))
}

/// Line ends are not an edit: templates pass files through editors that change them. A file that
/// cannot be read is not an edit either.
fn is_shipped(native: Native, script: &Script) -> bool {
    let Some(content) = &script.content else {
        return true;
    };
    content.lines().eq(native.stub().lines())
}

fn is_native(file: &str) -> bool {
    Native::ALL.iter().any(|native| native.file() == file)
}

fn instance_id(facts: &Facts) -> String {
    ["CONTAINER_ID", "VAST_CONTAINERLABEL", "CONTAINER_LABEL"]
        .iter()
        .find_map(|name| facts.environment.get(*name).filter(|id| !id.is_empty()))
        .cloned()
        .unwrap_or_default()
}

/// The form of `bootd plan`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.is_init {
            "PID 1"
        } else {
            "a child of another init"
        };
        let user = if self.is_root { "root" } else { "not root" };
        let launch = match self.launch {
            Launch::Entrypoint => "entry point",
            Launch::Ssh => "ssh",
            Launch::Jupyter => "jupyter",
        };
        writeln!(f, "bootd as {place}, {user}, launch mode {launch}")?;
        if !self.instance_id.is_empty() {
            writeln!(f, "instance {}", self.instance_id)?;
        }
        for (name, value) in &self.options.variables {
            writeln!(f, "set {name}={value}")?;
        }
        for step in &self.steps {
            let (verb, what) = match &step.action {
                Action::Run(native) => ("run", native.purpose().to_owned()),
                Action::Source(path) => ("source", path.display().to_string()),
                Action::Skip(reason) => ("skip", reason.clone()),
            };
            writeln!(f, "{:<28} {verb:<7} {what}", step.name)?;
        }
        for (subject, text) in &self.notices {
            writeln!(f, "notice: {subject}: {text}")?;
        }
        Ok(())
    }
}

const NOT_ROOT: &str = "bootd does not run as root: accounts, SSH keys, file owners and system \
directories stay as they are; start the container without --user";

#[cfg(test)]
mod tests;
