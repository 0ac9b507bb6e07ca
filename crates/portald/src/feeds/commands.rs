//! Commands to the supervisor.

use std::{path::Path, str::FromStr, time::Duration};

use api::supervisor::{
    RestartProgramRequest, StartProgramRequest, StopProgramRequest,
    supervisor_service_client::SupervisorServiceClient,
};
use thiserror::Error;
use tonic::{Code, Request, Status, transport::Channel};

/// What may be asked of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Start,
    Stop,
    Restart,
}

/// Why the supervisor did not carry a command out.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error("no program is named {0:?}")]
    NoSuchProgram(String),
    #[error("{0}")]
    NotPossible(String),
    #[error("supervisord does not answer: {0}")]
    Unreachable(String),
    #[error("supervisord failed: {0}")]
    Failed(String),
}

/// The supervisor, as the page's commands reach it.
#[derive(Clone, Debug)]
pub(crate) struct Supervisor {
    client: SupervisorServiceClient<Channel>,
}

impl Command {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

impl FromStr for Command {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "start" => Ok(Self::Start),
            "stop" => Ok(Self::Stop),
            "restart" => Ok(Self::Restart),
            _ => Err(()),
        }
    }
}

impl Supervisor {
    /// A client of the supervisor behind `socket`; nothing is opened before the first command.
    pub(crate) fn new(socket: &Path) -> Self {
        Self {
            client: SupervisorServiceClient::new(ipc::connect(socket)),
        }
    }

    /// Has the supervisor begin `command` and returns once it has accepted it. The program's next
    /// states arrive by the feed, so a program may even restart the page that asked for it.
    pub(crate) async fn carry_out(&self, command: Command, name: &str) -> Result<(), CommandError> {
        let mut client = self.client.clone();
        let program = name.to_owned();
        let done = match command {
            Command::Start => client
                .start_program(bounded(StartProgramRequest {
                    name: program,
                    wait: false,
                }))
                .await
                .map(drop),
            Command::Stop => client
                .stop_program(bounded(StopProgramRequest {
                    name: program,
                    wait: false,
                }))
                .await
                .map(drop),
            Command::Restart => client
                .restart_program(bounded(RestartProgramRequest {
                    name: program,
                    wait: false,
                }))
                .await
                .map(drop),
        };
        done.map_err(|status| explain(&status, name))
    }
}

fn bounded<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(LIMIT);
    request
}

fn explain(status: &Status, name: &str) -> CommandError {
    let text = ipc::describe(status);
    if status.code() == Code::NotFound {
        return CommandError::NoSuchProgram(name.to_owned());
    }
    if matches!(
        status.code(),
        Code::FailedPrecondition | Code::Aborted | Code::InvalidArgument
    ) {
        return CommandError::NotPossible(text);
    }
    if matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled
    ) {
        return CommandError::Unreachable(text);
    }
    CommandError::Failed(text)
}

const LIMIT: Duration = Duration::from_secs(10);
