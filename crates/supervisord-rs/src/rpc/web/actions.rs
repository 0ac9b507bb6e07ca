//! What buttons do.

use jiff::ZonedDateTime;

use super::unexpected;
use crate::{
    driver::{Action, Target, Wait},
    fault::{Fault, FaultCode},
    rpc::{methods::Methods, names},
    xmlrpc::Value,
};

/// Does something and says what has become of it; `None` if there is no such thing to do.
pub(super) async fn act(methods: &Methods, action: &str, name: Option<&str>) -> Option<String> {
    match (action, name) {
        ("refresh", _) => Some(format!("Page refreshed at {}", now())),
        ("stopall", _) => {
            let _ = on_all(methods, Action::Stop).await;
            Some(format!("All stopped at {}", now()))
        }
        ("restartall", _) => {
            let _ = on_all(methods, Action::Stop).await;
            let _ = on_all(methods, Action::Start).await;
            Some(format!("All restarted at {}", now()))
        }
        ("start" | "stop" | "restart" | "clearlog", Some(name)) => {
            Some(on_program(methods, action, name).await)
        }
        _ => None,
    }
}

async fn on_all(methods: &Methods, action: Action) -> Result<Value, Fault> {
    methods.act_on_many(action, Target::All, Wait::Done).await
}

async fn on_program(methods: &Methods, action: &str, name: &str) -> String {
    let snapshot = methods.handle.snapshot();
    if names::program_id(name).is_none_or(|id| snapshot.program(&id).is_none()) {
        return format!("No such process named {name}");
    }
    match action {
        "start" => match methods.act_on(Action::Start, name, Wait::Done).await {
            Ok(_) => format!("Process {name} started"),
            Err(fault) => format!("ERROR: Process {name}: {}", reason(&fault)),
        },
        "stop" => match methods.act_on(Action::Stop, name, Wait::Done).await {
            Ok(_) => format!("Process {name} stopped"),
            Err(fault) => unexpected(&fault),
        },
        "restart" => {
            let _ = methods.act_on(Action::Stop, name, Wait::Done).await;
            let _ = methods.act_on(Action::Start, name, Wait::Done).await;
            format!("Process {name} restarted")
        }
        _ => match methods.clear_logs_of(name).await {
            Ok(()) => format!("Log for {name} cleared"),
            Err(fault) => unexpected(&fault),
        },
    }
}

/// Why a program was not started.
fn reason(fault: &Fault) -> String {
    let known = [
        (FaultCode::NoFile, "no such file"),
        (FaultCode::NotExecutable, "file not executable"),
        (FaultCode::AlreadyStarted, "already started"),
        (FaultCode::SpawnError, "spawn error"),
        (FaultCode::AbnormalTermination, "abnormal termination"),
    ];
    let found = known.iter().find(|(code, _)| *code == fault.code);
    found.map_or_else(|| unexpected(fault), |(_, text)| (*text).to_owned())
}

/// The time as C prints it.
fn now() -> String {
    ZonedDateTime::now()
        .strftime("%a %b %e %H:%M:%S %Y")
        .to_string()
}
