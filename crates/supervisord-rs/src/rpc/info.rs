//! Programs as structs of XML-RPC.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::{Timestamp, tz::TimeZone};
use supervisor_core::StateName;

use crate::{
    config::{LogTarget, OutputConfig, ProgramConfig},
    driver::{ProgramStatus, Snapshot},
    service::blocker,
    xmlrpc::Value,
};

/// The struct of `getProcessInfo`, its members in the original's order.
pub(super) fn process_info(program: &ProgramStatus, now: SystemTime) -> Value {
    let state = program.view.state;
    let stdout_log = path_text(program.stdout_log.as_deref());
    let exit = program
        .view
        .last_exit
        .map(|(exit, _)| i64::from(exit.status()));
    // The original forgets the status of a run that ended too quickly.
    let exit = match state {
        StateName::Waiting
        | StateName::Backoff
        | StateName::Fatal
        | StateName::Starting
        | StateName::Running => None,
        StateName::Stopped | StateName::Stopping | StateName::Exited | StateName::Unknown => exit,
    };
    let seconds = |time: Option<SystemTime>| Value::Int(time.map_or(0, unix_seconds));
    structure(vec![
        ("name", Value::text(&*program.view.id.name)),
        ("group", Value::text(&*program.view.id.group)),
        ("start", seconds(program.started)),
        ("stop", seconds(program.stopped)),
        ("now", Value::Int(unix_seconds(now))),
        ("state", Value::Int(code(state))),
        ("statename", Value::text(state_name(state))),
        (
            "spawnerr",
            Value::text(program.view.spawn_error.clone().unwrap_or_default()),
        ),
        ("exitstatus", Value::Int(exit.unwrap_or(0))),
        ("logfile", Value::text(stdout_log.clone())),
        ("stdout_logfile", Value::text(stdout_log)),
        (
            "stderr_logfile",
            Value::text(path_text(program.stderr_log.as_deref())),
        ),
        ("pid", Value::Int(i64::from(program.pid))),
        ("description", Value::text(describe(program, now))),
    ])
}

/// The third column of `supervisorctl status`.
pub(crate) fn describe(program: &ProgramStatus, now: SystemTime) -> String {
    match program.view.state {
        StateName::Running => {
            let started = program.started.map_or(0, unix_seconds);
            let up = (unix_seconds(now) - started).max(0);
            format!("pid {}, uptime {}", program.pid, uptime(up))
        }
        StateName::Fatal | StateName::Backoff => match &program.view.spawn_error {
            Some(error) if !error.is_empty() => error.clone(),
            Some(_) | None => {
                format!("unknown error (try \"tail {}\")", program.view.id.name)
            }
        },
        StateName::Stopped if program.view.held.is_some() => {
            program.view.held.clone().unwrap_or_default()
        }
        StateName::Stopped | StateName::Exited => match (program.started, program.stopped) {
            (None, _) => "Not started".to_owned(),
            (Some(_), stopped) => local(stopped.unwrap_or(UNIX_EPOCH)),
        },
        StateName::Waiting => {
            let waiting = program.view.waiting_for.iter();
            let blockers: Vec<_> = waiting.map(|b| blocker(b, &program.config)).collect();
            format!("waiting for {}", blockers.join(", "))
        }
        StateName::Starting | StateName::Stopping | StateName::Unknown => String::new(),
    }
}

/// The structs of `getAllConfigInfo`, sorted by process name.
pub(super) fn config_info(snapshot: &Snapshot) -> Value {
    let mut all: Vec<_> = snapshot
        .configured
        .iter()
        .flat_map(|group| group.programs.iter().map(move |program| (group, program)))
        .collect();
    all.sort_by(|(_, a), (_, b)| a.id.name.cmp(&b.id.name));
    let infos = all.into_iter().map(|(group, program)| {
        let in_use = snapshot.has_group(&group.name);
        let active = snapshot.program(&program.id);
        one_config(program, active, group.priority, in_use)
    });
    Value::Array(infos.collect())
}

/// `active` has the names that `AUTO` stands for.
fn one_config(
    program: &ProgramConfig,
    active: Option<&ProgramStatus>,
    group_priority: i64,
    in_use: bool,
) -> Value {
    let stdout_auto = active.and_then(|active| active.stdout_log.as_deref());
    let stderr_auto = active.and_then(|active| active.stderr_log.as_deref());
    let codes = program
        .exitcodes
        .iter()
        .map(|code| Value::Int(i64::from(*code)));
    let or_none = |text: Option<String>| Value::text(text.unwrap_or_else(|| "none".to_owned()));
    let directory = program
        .directory
        .as_ref()
        .map(|dir| dir.display().to_string());
    let uid = program.user.as_ref().map(|user| user.uid.as_raw());
    let mut members = vec![
        ("autostart", Value::Bool(program.autostart)),
        ("directory", or_none(directory)),
        (
            "uid",
            uid.map_or_else(|| Value::text("none"), |uid| Value::Int(i64::from(uid))),
        ),
        ("command", Value::text(program.command.clone())),
        ("exitcodes", Value::Array(codes.collect())),
        ("group", Value::text(&*program.id.group)),
        ("group_prio", Value::Int(group_priority)),
        ("inuse", Value::Bool(in_use)),
        ("killasgroup", Value::Bool(program.killasgroup)),
        ("name", Value::text(&*program.id.name)),
        ("process_prio", Value::Int(program.priority)),
        ("redirect_stderr", Value::Bool(program.redirect_stderr)),
        ("startretries", Value::Int(program.startretries)),
        ("startsecs", Value::Int(program.startsecs)),
    ];
    members.extend(output(&program.stdout, stdout_auto, STDOUT_KEYS));
    members.extend([
        ("stopsignal", Value::Int(i64::from(program.stopsignal))),
        ("stopwaitsecs", Value::Int(program.stopwaitsecs)),
    ]);
    members.extend(output(&program.stderr, stderr_auto, STDERR_KEYS));
    members.push(("serverurl", or_none(program.serverurl.clone())));
    structure(members)
}

fn output(
    output: &OutputConfig,
    auto: Option<&Path>,
    keys: [&'static str; 6],
) -> Vec<(&'static str, Value)> {
    let logfile = match &output.logfile {
        LogTarget::None => "none".to_owned(),
        LogTarget::Auto => auto.map_or_else(|| "auto".to_owned(), |path| path_text(Some(path))),
        LogTarget::File(path) => path.display().to_string(),
    };
    let values = [
        Value::Int(output.capture_maxbytes),
        Value::Bool(output.events_enabled),
        Value::text(logfile),
        Value::Int(output.backups),
        Value::Int(output.maxbytes),
        Value::Bool(output.syslog),
    ];
    keys.into_iter().zip(values).collect()
}

pub(super) fn structure(members: Vec<(&str, Value)>) -> Value {
    let owned = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Struct(owned.collect())
}

/// As Python prints a duration.
fn uptime(seconds: i64) -> String {
    let (days, rest) = (seconds / 86400, seconds % 86400);
    let clock = format!("{}:{:02}:{:02}", rest / 3600, rest % 3600 / 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

fn local(time: SystemTime) -> String {
    let stamp = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp
        .to_zoned_datetime(TimeZone::system())
        .strftime("%b %d %I:%M %p")
        .to_string()
}

fn unix_seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or(0)
}

fn path_text(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| path.display().to_string())
}

fn code(state: StateName) -> i64 {
    match state {
        StateName::Stopped => 0,
        StateName::Waiting | StateName::Starting => 10,
        StateName::Running => 20,
        StateName::Backoff => 30,
        StateName::Stopping => 40,
        StateName::Exited => 100,
        StateName::Fatal => 200,
        StateName::Unknown => 1000,
    }
}

pub(super) fn state_name(state: StateName) -> &'static str {
    match state {
        StateName::Stopped => "STOPPED",
        StateName::Waiting | StateName::Starting => "STARTING",
        StateName::Running => "RUNNING",
        StateName::Backoff => "BACKOFF",
        StateName::Stopping => "STOPPING",
        StateName::Exited => "EXITED",
        StateName::Fatal => "FATAL",
        StateName::Unknown => "UNKNOWN",
    }
}

const STDOUT_KEYS: [&str; 6] = [
    "stdout_capture_maxbytes",
    "stdout_events_enabled",
    "stdout_logfile",
    "stdout_logfile_backups",
    "stdout_logfile_maxbytes",
    "stdout_syslog",
];
const STDERR_KEYS: [&str; 6] = [
    "stderr_capture_maxbytes",
    "stderr_events_enabled",
    "stderr_logfile",
    "stderr_logfile_backups",
    "stderr_logfile_maxbytes",
    "stderr_syslog",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_in_python() {
        assert_eq!(uptime(5), "0:00:05");
        assert_eq!(uptime(3_661), "1:01:01");
        assert_eq!(uptime(86_400 + 36_000), "1 day, 10:00:00");
        assert_eq!(uptime(3 * 86_400), "3 days, 0:00:00");
    }
}
