//! Berth's own keys in sections of programs.

use std::{path::PathBuf, time::Duration};

use super::{Kind, ProgramConfig};
use crate::config::{
    Limits, Liveness, LivenessProbe, Readiness, ReadinessProbe, RestartPolicy, Thousandths,
    extensions::{
        Wish, env_files, factor, first_descriptor, fraction, http, limit, log_pattern, nice,
        notify, oom_score_adj, seconds, start_conditions, tcp, wishes,
    },
    form::Form,
    names::Names,
    output::log_format,
    values::{boolean, integer},
};

/// What is the same for all processes of the section.
pub(super) fn of_all(form: &Form<'_>, names: &Names, kind: Kind, config: &mut ProgramConfig) {
    config.restart = restart(form, names);
    config.oneshot = form.value("oneshot", names, false, boolean);
    config.pty = form.value("pty", names, false, boolean);
    config.log_format = form.value("log_format", names, config.log_format, log_format);
    config.limits = limits(form, names);
    config.kill_descendants = form.value("kill_descendants", names, false, boolean);
    config.exit_on_fatal = form.value("exit_on_fatal", names, None, exit_on_fatal);
    if kind == Kind::Listener && config.pty {
        form.refuse("pty", "an event listener speaks over pipes");
    }
}

/// What may differ from process to process; returns what it depends on.
pub(super) fn of_one(
    form: &Form<'_>,
    names: &Names,
    kind: Kind,
    config: &mut ProgramConfig,
) -> Vec<Wish> {
    config.readiness = readiness(form, names);
    config.liveness = liveness(form, names);
    config.start_when = form.value("start_when", names, Vec::new(), start_conditions);
    config.env_files = form.value("env_file", names, Vec::new(), env_files);
    config.log_tiers = form.value("log_tiers", names, config.logs_to_stdout(), boolean);
    if kind == Kind::Listener {
        config.log_tiers = false;
    }
    form.value("depends_on", names, Vec::new(), wishes)
}

fn readiness(form: &Form<'_>, names: &Names) -> Option<Readiness> {
    let timeout = form.value("readiness_timeout", names, Duration::ZERO, seconds);
    let interval = form.value("readiness_interval", names, FIRST_INTERVAL, interval);
    let descriptor = form.optional("readiness_notify_fd", names, first_descriptor);
    let notified = match (form.optional("readiness_notify", names, notify), descriptor) {
        (None, descriptor) => descriptor,
        (Some(None), _) => None,
        (Some(Some(fd)), descriptor) => Some(descriptor.unwrap_or(fd)),
    };
    let network = |target| Some(ReadinessProbe::Network(target));
    let probes = [
        (
            "readiness_http",
            form.optional("readiness_http", names, http)
                .and_then(network),
        ),
        (
            "readiness_tcp",
            form.optional("readiness_tcp", names, tcp).and_then(network),
        ),
        (
            "readiness_file",
            form.optional("readiness_file", names, absolute)
                .map(ReadinessProbe::File),
        ),
        (
            "readiness_log",
            form.optional("readiness_log", names, log_pattern)
                .map(ReadinessProbe::Log),
        ),
        ("readiness_notify", notified.map(ReadinessProbe::Notify)),
    ];
    only(form, probes).map(|probe| Readiness {
        probe,
        interval,
        timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
    })
}

fn liveness(form: &Form<'_>, names: &Names) -> Option<Liveness> {
    let second = Duration::from_secs(1);
    let positive = |text: &str| match seconds(text)? {
        Duration::ZERO => Err("must be more than 0".to_owned()),
        positive => Ok(positive),
    };
    let interval = form.value("liveness_interval", names, 10 * second, positive);
    let timeout = form.value("liveness_timeout", names, 5 * second, positive);
    let start = form.value("liveness_start", names, Duration::ZERO, seconds);
    let failures = form.value("liveness_failures", names, 3, |text| {
        let number = integer(text)?;
        u32::try_from(number)
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| format!("not a whole number from 1: '{text}'"))
    });
    let network = |target| Some(LivenessProbe::Network(target));
    let command = |text: &str| match text.trim() {
        "" => Err("the command is empty".to_owned()),
        command => Ok(LivenessProbe::Command(command.to_owned())),
    };
    let probes = [
        (
            "liveness_http",
            form.optional("liveness_http", names, http)
                .and_then(network),
        ),
        (
            "liveness_tcp",
            form.optional("liveness_tcp", names, tcp).and_then(network),
        ),
        (
            "liveness_command",
            form.optional("liveness_command", names, command),
        ),
    ];
    only(form, probes).map(|probe| Liveness {
        probe,
        interval,
        timeout,
        failures,
        start,
    })
}

/// The one probe that is given; a second one is a mistake.
fn only<T, const N: usize>(form: &Form<'_>, probes: [(&str, Option<T>); N]) -> Option<T> {
    let mut given = probes
        .into_iter()
        .filter_map(|(key, probe)| probe.map(|probe| (key, probe)));
    let (first, probe) = given.next()?;
    for (second, _) in given {
        form.refuse(second, &format!("give either {first} or {second}"));
    }
    Some(probe)
}

fn restart(form: &Form<'_>, names: &Names) -> RestartPolicy {
    let policy = RestartPolicy {
        delay: form.optional("restart_delay", names, seconds),
        backoff: form.value("restart_backoff", names, Thousandths(1000), factor),
        delay_max: form.optional("restart_delay_max", names, seconds),
        jitter: form.value("restart_jitter", names, Thousandths(0), fraction),
    };
    if let (Some(delay), Some(most)) = (policy.delay, policy.delay_max)
        && delay > most
    {
        form.refuse("restart_delay_max", "is less than restart_delay");
    }
    policy
}

fn limits(form: &Form<'_>, names: &Names) -> Limits {
    let rlimit = |key: &str| form.optional(key, names, limit);
    Limits {
        nofile: rlimit("rlimit_nofile"),
        nproc: rlimit("rlimit_nproc"),
        core: rlimit("rlimit_core"),
        address_space: rlimit("rlimit_as"),
        memlock: rlimit("rlimit_memlock"),
        stack: rlimit("rlimit_stack"),
        nice: form.optional("nice", names, nice),
        oom_score_adj: form.optional("oom_score_adj", names, oom_score_adj),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds(text)
        .ok()
        .filter(|pause| (SHORTEST..=SLOWEST).contains(pause))
        .ok_or_else(|| format!("not a number of seconds from 0.01 to 60: '{text}'"))
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    match text.starts_with('/') {
        true => Ok(PathBuf::from(text)),
        false => Err(format!("not an absolute path: '{text}'")),
    }
}

/// A boolean, or the exit code itself.
fn exit_on_fatal(text: &str) -> Result<Option<u8>, String> {
    match (boolean(text), integer(text).map(u8::try_from)) {
        (Ok(true), _) => Ok(Some(1)),
        (Ok(false), _) => Ok(None),
        (Err(_), Ok(Ok(code))) => Ok(Some(code)),
        (Err(_), Ok(Err(_)) | Err(_)) => Err(format!(
            "not a boolean or an exit code from 1 to 255: '{text}'"
        )),
    }
}

const SHORTEST: Duration = Duration::from_millis(10);
const SLOWEST: Duration = Duration::from_secs(60);

/// Pause after the first failed question.
const FIRST_INTERVAL: Duration = Duration::from_millis(100);
