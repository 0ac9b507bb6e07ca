//! What our configuration says, in the form of `oracle.py`.

use serde_json::{Map, Value, json};
use supervisor_core::Autorestart;
use supervisord_rs::config::{
    Config, Credentials, DaemonSection, GroupConfig, GroupKind, InetServer, LogLevel, LogTarget,
    OutputConfig, Password, ProgramConfig, SocketAddress, UnixServer,
};

/// Everything that the original knows, too.
pub(crate) fn config(config: &Config) -> Value {
    let remarks = |wanted: &[LogLevel]| {
        let texts = config
            .remarks
            .iter()
            .filter(|(level, _)| wanted.contains(level));
        texts.map(|(_, text)| text.clone()).collect::<Vec<_>>()
    };
    let mut warnings = remarks(&[LogLevel::Warn]);
    warnings.sort();
    warnings.dedup();
    json!({
        "supervisord": daemon(&config.daemon),
        "rpc": config.rpc,
        "inet": config.inet.iter().map(inet).collect::<Vec<_>>(),
        "unix": config.unix.iter().map(unix).collect::<Vec<_>>(),
        "serverurl": config.server_url(),
        "groups": config.groups.iter().map(group).collect::<Vec<_>>(),
        "included": remarks(&[LogLevel::Info]),
        "warnings": warnings.len(),
    })
}

fn daemon(daemon: &DaemonSection) -> Value {
    let logfile = match (&daemon.logfile, daemon.syslog) {
        (Some(path), _) => json!(path),
        (None, true) => json!("syslog"),
        (None, false) => Value::Null,
    };
    let user = daemon.user.as_ref();
    let account = user.and_then(|name| nix::unistd::User::from_name(name).ok().flatten());
    json!({
        "logfile": logfile,
        "logfile_maxbytes": daemon.logfile_maxbytes,
        "logfile_backups": daemon.logfile_backups,
        "loglevel": match daemon.loglevel {
            LogLevel::Critical => 50,
            LogLevel::Error => 40,
            LogLevel::Warn => 30,
            LogLevel::Info => 20,
            LogLevel::Debug => 10,
            LogLevel::Trace => 5,
            LogLevel::Blather => 3,
        },
        "pidfile": daemon.pidfile,
        "umask": daemon.umask,
        "directory": daemon.directory,
        "nodaemon": daemon.nodaemon,
        "silent": daemon.silent,
        "minfds": daemon.minfds,
        "minprocs": daemon.minprocs,
        "uid": account.map(|user| user.uid.as_raw()),
        "identifier": daemon.identifier,
        "childlogdir": daemon.childlogdir,
        "nocleanup": daemon.nocleanup,
        "strip_ansi": daemon.strip_ansi,
        "environment": daemon.environment,
    })
}

fn inet(server: &InetServer) -> Value {
    with_credentials(
        json!({"section": server.section, "host": server.host, "port": server.port}),
        server.credentials.as_ref(),
    )
}

fn unix(server: &UnixServer) -> Value {
    let owner = match server.owner {
        None => json!([-1, -1]),
        Some((uid, None)) => json!([uid.as_raw(), -1]),
        Some((uid, Some(gid))) => json!([uid.as_raw(), gid.as_raw()]),
    };
    with_credentials(
        json!({
            "section": server.section,
            "file": server.file,
            "chmod": server.mode,
            "chown": owner,
        }),
        server.credentials.as_ref(),
    )
}

fn with_credentials(mut server: Value, credentials: Option<&Credentials>) -> Value {
    let password = credentials.map(|credentials| match &credentials.password {
        Password::Plain(text) => text.clone(),
        Password::Sha1(hash) => format!("{{SHA}}{hash}"),
    });
    server["username"] = json!(credentials.map(|credentials| &credentials.username));
    server["password"] = json!(password);
    server
}

fn group(group: &GroupConfig) -> Value {
    let mut shown = json!({
        "name": group.name,
        "priority": group.priority,
        "kind": "programs",
        "programs": group.programs.iter().map(|one| program(one)).collect::<Vec<_>>(),
    });
    match &group.kind {
        GroupKind::Programs => {}
        GroupKind::Listeners(pool) => {
            let mut events: Vec<_> = pool.events.iter().map(|event| event.name()).collect();
            events.sort_unstable();
            shown["kind"] = json!("listeners");
            shown["buffer_size"] = json!(pool.buffer_size);
            shown["events"] = json!(events);
        }
        GroupKind::Fcgi(socket) => {
            shown["kind"] = json!("fcgi");
            shown["backlog"] = json!(socket.backlog);
            match &socket.address {
                SocketAddress::Tcp { host, port } => {
                    shown["socket"] = json!(format!("tcp://{host}:{port}"));
                }
                SocketAddress::Unix(path) => {
                    shown["socket"] = json!(format!("unix://{}", path.display()));
                    shown["mode"] = json!(socket.mode);
                    shown["owner"] = json!(socket.owner.map(|(uid, gid)| {
                        let gid = gid.map_or(-1, |gid| i64::from(gid.as_raw()));
                        (uid.as_raw(), gid)
                    }));
                }
            }
        }
    }
    shown
}

fn program(program: &ProgramConfig) -> Value {
    let mut shown = json!({
        "name": &*program.id.name,
        "uid": program.user.as_ref().map(|user| user.uid.as_raw()),
        "command": program.command,
        "directory": program.directory,
        "umask": program.umask,
        "priority": program.priority,
        "autostart": program.autostart,
        "autorestart": match program.autorestart {
            Autorestart::Always => "always",
            Autorestart::Unexpected => "unexpected",
            Autorestart::Never => "never",
        },
        "startsecs": program.startsecs,
        "startretries": program.startretries,
        "stopsignal": program.stopsignal,
        "stopwaitsecs": program.stopwaitsecs,
        "stopasgroup": program.stopasgroup,
        "killasgroup": program.killasgroup,
        "exitcodes": program.exitcodes,
        "redirect_stderr": program.redirect_stderr,
        "environment": program.environment,
        "serverurl": program.serverurl,
    });
    let all = shown.as_object_mut().expect("it is an object");
    output(all, "stdout", &program.stdout);
    output(all, "stderr", &program.stderr);
    shown
}

fn output(shown: &mut Map<String, Value>, channel: &str, output: &OutputConfig) {
    let logfile = match &output.logfile {
        LogTarget::None => Value::Null,
        LogTarget::Auto => json!("AUTO"),
        LogTarget::File(path) => json!(path),
    };
    for (key, value) in [
        ("logfile", logfile),
        ("logfile_maxbytes", json!(output.maxbytes)),
        ("logfile_backups", json!(output.backups)),
        ("capture_maxbytes", json!(output.capture_maxbytes)),
        ("events_enabled", json!(output.events_enabled)),
        ("syslog", json!(output.syslog)),
    ] {
        shown.insert(format!("{channel}_{key}"), value);
    }
}
