//! `berth start`, `stop` and `restart`.

use api::supervisor::{RestartProgramRequest, StartProgramRequest, StopProgramRequest};
use serde_json::json;
use tonic::{Code, Status};

use super::target;
use crate::{
    answer::{Answer, Exit, Failure},
    sockets::Sockets,
    words,
};

/// What is done to a program.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Start,
    Stop,
    Restart,
}

pub(crate) async fn run(
    sockets: &Sockets,
    action: Action,
    typed: &str,
    wait: bool,
) -> Result<Answer, Failure> {
    let snapshot = sockets.supervisor().await?.snapshot;
    let name = words::full_name(target::find(&snapshot, typed)?);
    let mut client = sockets.supervisor_client().await?;
    let request_name = name.clone();
    let result = match action {
        Action::Start => client
            .start_program(StartProgramRequest {
                name: request_name,
                wait,
            })
            .await
            .map(drop),
        Action::Stop => client
            .stop_program(StopProgramRequest {
                name: request_name,
                wait,
            })
            .await
            .map(drop),
        Action::Restart => client
            .restart_program(RestartProgramRequest {
                name: request_name,
                wait,
            })
            .await
            .map(drop),
    };
    result.map_err(|status| refused(&name, action, &status))?;
    let done = action.done(wait);
    Ok(Answer {
        text: format!("{name}: {done}\n"),
        json: json!({ "name": name, "done": done }),
        exit: Exit::Ok,
    })
}

impl Action {
    fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    fn done(self, wait: bool) -> &'static str {
        match (self, wait) {
            (Self::Start, true) => "started",
            (Self::Stop, true) => "stopped",
            (Self::Restart, true) => "restarted",
            (Self::Start | Self::Stop | Self::Restart, false) => "asked",
        }
    }
}

fn refused(name: &str, action: Action, status: &Status) -> Failure {
    let exit = if status.code() == Code::Unavailable {
        Exit::Unreachable
    } else {
        Exit::Wrong
    };
    let hint = if status.code() == Code::Aborted {
        format!("; see `berth why {name}`")
    } else {
        String::new()
    };
    Failure {
        text: format!(
            "failed to {} {name}: {}{hint}",
            action.verb(),
            ipc::describe(status)
        ),
        exit,
    }
}
