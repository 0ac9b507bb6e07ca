//! What a section of a program says, in the original's order of names.
//!
//! Most keys know only the names outside the process; those that differ from process to process
//! know its number and its own variables as well.

use std::collections::BTreeMap;

use supervisor_core::{Autorestart, ProgramId};

use super::{InheritedVariables, ProgramConfig, User, extended};
use crate::config::{
    LogTarget, OutputConfig, Place, Refused,
    environment::pairs,
    expand::expand,
    extensions::Wish,
    form::Form,
    ini::Section,
    names::{Names, Value},
    values::{account, boolean, exit_codes, integer, octal, plain_name, signal_number},
};

/// What kind of section it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    /// `[program:x]` and `[fcgi-program:x]`.
    Program,
    /// `[eventlistener:x]`.
    Listener,
}

/// A process and what is not decided before all programs are known.
#[derive(Clone, Debug)]
pub(in crate::config) struct Parsed {
    pub(in crate::config) config: ProgramConfig,
    /// The name of its section.
    pub(in crate::config) section: String,
    pub(in crate::config) wishes: Vec<Wish>,
    /// Where they stand.
    pub(in crate::config) wishes_at: Place,
}

/// What was understood of a section.
#[derive(Debug)]
pub(in crate::config) struct Outcome {
    /// Not to be used if anything was refused.
    pub(in crate::config) processes: Vec<Parsed>,
    pub(in crate::config) refused: Vec<Refused>,
    /// What is odd.
    pub(in crate::config) remarks: Vec<String>,
}

/// The processes of `section` as members of `group`, in the order of their names.
///
/// `common` are the variables of `[supervisord]`; `names` hold `here` and the variables. There may
/// be at most `room` processes.
pub(in crate::config) fn parse(
    section: &Section,
    kind: Kind,
    group: &str,
    names: &Names,
    common: &BTreeMap<String, String>,
    room: i64,
) -> Outcome {
    let form = Form::new(section);
    let program = plain_name(section.suffix()).unwrap_or_else(|reason| {
        form.refuse_section(&reason);
        String::new()
    });
    let names = names
        .with("program_name", Value::Text(program))
        .with("group_name", Value::Text(group.to_owned()));
    let mut shared =
        ProgramConfig::blank(ProgramId::new(group, ""), section.place.file.to_path_buf());
    of_all(&form, &names, &mut shared);
    extended::of_all(&form, &names, kind, &mut shared);
    let processes = processes(&form, &names, kind, &shared, common, room);
    Outcome {
        processes,
        remarks: form.take_remarks(),
        refused: form.finish(()).err().unwrap_or_default(),
    }
}

/// What is the same for all processes of the section.
fn of_all(form: &Form<'_>, names: &Names, config: &mut ProgramConfig) {
    config.priority = form.value("priority", names, 999, integer);
    config.autostart = form.value("autostart", names, true, boolean);
    config.autorestart = form.value("autorestart", names, Autorestart::Unexpected, autorestart);
    config.startsecs = form.value("startsecs", names, 1, integer);
    config.startretries = form.value("startretries", names, 3, integer);
    config.stopsignal = form.value("stopsignal", names, 15, signal_number);
    config.stopwaitsecs = form.value("stopwaitsecs", names, 10, integer);
    config.stopasgroup = form.value("stopasgroup", names, false, boolean);
    config.killasgroup = form.value("killasgroup", names, config.stopasgroup, boolean);
    if config.stopasgroup && !config.killasgroup {
        form.refuse(
            "killasgroup",
            "Cannot set stopasgroup=true and killasgroup=false",
        );
    }
    config.exitcodes = form.value("exitcodes", names, vec![0], exit_codes);
    config.redirect_stderr = form.value("redirect_stderr", names, false, boolean);
    config.user = form.optional("user", names, user);
    config.umask = form.optional("umask", names, octal);
    let serverurl = form.text("serverurl", names);
    config.serverurl = serverurl.filter(|url| !url.trim().eq_ignore_ascii_case("auto"));
}

fn processes(
    form: &Form<'_>,
    common_names: &Names,
    kind: Kind,
    shared: &ProgramConfig,
    common: &BTreeMap<String, String>,
    room: i64,
) -> Vec<Parsed> {
    let first = form.value("numprocs_start", common_names, 0, integer);
    let count = form.value("numprocs", common_names, 1, integer);
    if count > MOST_PROCESSES {
        form.refuse("numprocs", &format!("more than {MOST_PROCESSES}"));
    } else if count > room {
        form.refuse_section(&format!(
            "there are more than {MOST_PROCESSES} processes in all"
        ));
    }
    let pattern = form.section.raw("process_name");
    if count > 1 && !pattern.is_some_and(|pattern| pattern.contains("%(process_num)")) {
        form.refuse(
            "process_name",
            "%(process_num) must be present within process_name when numprocs > 1",
        );
    }
    let mut names = common_names.with("numprocs", Value::Number(count));
    let count = count.min(MOST_PROCESSES);
    let mut processes = Vec::new();
    let inherited = shared_text(shared, common);
    for number in first..first.saturating_add(count) {
        names.next_process(number);
        if let Err(reason) = names.take_room(inherited) {
            form.refuse_section(&format!("what its processes have in common {reason}"));
        }
        let mut config = shared.clone();
        let environment = environment(form, &names);
        names.set_own(&environment);
        of_one(form, common_names, &names, &mut config);
        config.environment = common.clone();
        config.environment.extend(environment.clone());
        let wishes = extended::of_one(form, &names, kind, &mut config);
        if !config.env_files.is_empty() {
            let inherited = common
                .keys()
                .filter(|name| !environment.contains_key(*name));
            config.inherited_variables = InheritedVariables(inherited.cloned().collect());
        }
        processes.push(Parsed {
            config,
            section: form.section.name.clone(),
            wishes,
            wishes_at: form.section.place_of("depends_on").clone(),
        });
        // Further processes would have the same mistakes.
        if !form.is_clean() {
            break;
        }
    }
    processes.sort_by(|a, b| a.config.id.name.cmp(&b.config.id.name));
    processes
}

/// How much text each process has from its section and from `[supervisord]`.
fn shared_text(shared: &ProgramConfig, common: &BTreeMap<String, String>) -> usize {
    let variables = common.iter().map(|(name, value)| name.len() + value.len());
    variables.sum::<usize>() + shared.serverurl.as_ref().map_or(0, String::len)
}

/// What differs from process to process.
fn of_one(form: &Form<'_>, common: &Names, names: &Names, config: &mut ProgramConfig) {
    let section = form.section;
    config.id = ProgramId::new(&config.id.group, &process_name(form, names));
    config.directory = form.text("directory", names).map(Into::into);
    config.stdout = OutputConfig::parse(form, "stdout", common, names);
    config.stderr = OutputConfig::parse(form, "stderr", common, names);
    if config.redirect_stderr {
        if let LogTarget::File(_) = config.stderr.logfile {
            form.remark(format!(
                "For [{}], redirect_stderr=true but stderr_logfile has also been set to a \
                 filename, the filename has been ignored",
                section.name
            ));
        }
        config.stderr.logfile = LogTarget::None;
    }
    match section.raw("command") {
        Some(_) => config.command = form.text("command", names).unwrap_or_default(),
        None => form.refuse_section(&format!(
            "program section {} does not specify a command",
            section.name
        )),
    }
}

/// The characters of a name are checked before it is expanded, as in the original.
fn process_name(form: &Form<'_>, names: &Names) -> String {
    let pattern = form
        .section
        .raw("process_name")
        .unwrap_or("%(program_name)s");
    let expanded = plain_name(pattern).and_then(|pattern| expand(&pattern, names));
    expanded.unwrap_or_else(|reason| {
        form.refuse("process_name", &reason);
        String::new()
    })
}

fn environment(form: &Form<'_>, names: &Names) -> BTreeMap<String, String> {
    form.value("environment", names, BTreeMap::new(), pairs)
}

fn autorestart(text: &str) -> Result<Autorestart, String> {
    if text.eq_ignore_ascii_case("unexpected") {
        return Ok(Autorestart::Unexpected);
    }
    match boolean(text) {
        Ok(true) => Ok(Autorestart::Always),
        Ok(false) => Ok(Autorestart::Never),
        Err(_) => Err(format!("invalid 'autorestart' value '{text}'")),
    }
}

fn user(text: &str) -> Result<User, String> {
    account(text).map(|account| User {
        name: account.name,
        uid: account.uid,
        gid: account.gid,
    })
}

/// More is a slip of the keyboard.
pub(in crate::config) const MOST_PROCESSES: i64 = 10_000;
