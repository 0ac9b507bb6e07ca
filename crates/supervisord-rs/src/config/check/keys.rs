//! The names of sections and keys.

/// What kind of section a name begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    Supervisord,
    Include,
    Unix,
    Inet,
    Supervisorctl,
    Group,
    Program,
    Fcgi,
    Listener,
    /// Its keys are for somebody else.
    Foreign,
}

/// The kind of a section; `None` for one that nobody reads.
pub(in crate::config) fn kind_of(section: &str) -> Option<Kind> {
    match section
        .split_once(':')
        .map_or(section, |(prefix, _)| prefix)
    {
        "program" if section.contains(':') => Some(Kind::Program),
        "fcgi-program" if section.contains(':') => Some(Kind::Fcgi),
        "eventlistener" if section.contains(':') => Some(Kind::Listener),
        "group" if section.contains(':') => Some(Kind::Group),
        "rpcinterface" | "ctlplugin" if section.contains(':') => Some(Kind::Foreign),
        _ if section.starts_with("unix_http_server") => Some(Kind::Unix),
        _ if section.starts_with("inet_http_server") => Some(Kind::Inet),
        _ => match section {
            "supervisord" => Some(Kind::Supervisord),
            "include" => Some(Kind::Include),
            "supervisorctl" => Some(Kind::Supervisorctl),
            _ => None,
        },
    }
}

impl Kind {
    /// The keys of such a section; `None` where anything goes.
    pub(in crate::config) fn keys(self) -> Option<&'static [&'static [&'static str]]> {
        match self {
            Self::Supervisord => Some(&[SUPERVISORD]),
            Self::Include => Some(&[&["files"]]),
            Self::Unix => Some(&[&["file", "chmod", "chown", "username", "password"]]),
            Self::Inet => Some(&[&["port", "username", "password"]]),
            Self::Supervisorctl => Some(&[&[
                "serverurl",
                "username",
                "password",
                "prompt",
                "history_file",
            ]]),
            Self::Group => Some(&[&["programs", "priority"]]),
            Self::Program => Some(&[PROGRAM, EXTENSIONS]),
            Self::Fcgi => Some(&[PROGRAM, EXTENSIONS, FCGI]),
            Self::Listener => Some(&[PROGRAM, EXTENSIONS, LISTENER]),
            Self::Foreign => None,
        }
    }
}

/// The first parts of the names of sections.
pub(super) const SECTIONS: &[&str] = &[
    "supervisord",
    "supervisorctl",
    "include",
    "unix_http_server",
    "inet_http_server",
    "group",
    "program",
    "fcgi-program",
    "eventlistener",
    "rpcinterface",
    "ctlplugin",
];

const SUPERVISORD: &[&str] = &[
    "logfile",
    "logfile_maxbytes",
    "logfile_backups",
    "loglevel",
    "pidfile",
    "umask",
    "directory",
    "nodaemon",
    "silent",
    "minfds",
    "minprocs",
    "user",
    "identifier",
    "childlogdir",
    "nocleanup",
    "strip_ansi",
    "environment",
    "berth_portal_log_dir",
    "berth_log_dir",
    "berth_socket",
];

const PROGRAM: &[&str] = &[
    "command",
    "process_name",
    "numprocs",
    "numprocs_start",
    "priority",
    "autostart",
    "startsecs",
    "startretries",
    "autorestart",
    "exitcodes",
    "stopsignal",
    "stopwaitsecs",
    "stopasgroup",
    "killasgroup",
    "user",
    "redirect_stderr",
    "stdout_logfile",
    "stdout_logfile_maxbytes",
    "stdout_logfile_backups",
    "stdout_capture_maxbytes",
    "stdout_events_enabled",
    "stdout_syslog",
    "stderr_logfile",
    "stderr_logfile_maxbytes",
    "stderr_logfile_backups",
    "stderr_capture_maxbytes",
    "stderr_events_enabled",
    "stderr_syslog",
    "environment",
    "directory",
    "umask",
    "serverurl",
];

/// Berth's own; each has its row in `docs/supervisord-extensions.md`.
pub(in crate::config) const EXTENSIONS: &[&str] = &[
    "depends_on",
    "start_when",
    "readiness_http",
    "readiness_tcp",
    "readiness_file",
    "readiness_log",
    "readiness_notify",
    "readiness_notify_fd",
    "readiness_interval",
    "readiness_timeout",
    "liveness_http",
    "liveness_tcp",
    "liveness_command",
    "liveness_interval",
    "liveness_timeout",
    "liveness_failures",
    "liveness_start",
    "restart_delay",
    "restart_backoff",
    "restart_delay_max",
    "restart_jitter",
    "oneshot",
    "pty",
    "log_tiers",
    "log_format",
    "rlimit_nofile",
    "rlimit_nproc",
    "rlimit_core",
    "rlimit_as",
    "rlimit_memlock",
    "rlimit_stack",
    "nice",
    "oom_score_adj",
    "env_file",
    "kill_descendants",
    "exit_on_fatal",
];

const FCGI: &[&str] = &["socket", "socket_owner", "socket_mode", "socket_backlog"];

const LISTENER: &[&str] = &["events", "buffer_size", "result_handler"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_ours_is_documented() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/supervisord-extensions.md"
        );
        let text = std::fs::read_to_string(path).unwrap();
        for key in EXTENSIONS {
            assert!(text.contains(&format!("\n| `{key}`")), "{key}");
        }
    }
}
