//! What supervisord tells about the programs behind the apps. The only reader of its types here.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use api::supervisor::{
    Program, ProgramState, WatchSnapshotRequest, supervisor_service_client::SupervisorServiceClient,
};
use tokio::sync::watch;

/// The programs by name; nothing while supervisord does not answer.
pub(crate) type Programs = watch::Receiver<Option<Arc<BTreeMap<String, String>>>>;

/// Follows supervisord and comes back to it whenever it is away.
pub(crate) struct Feed {
    programs: watch::Sender<Option<Arc<BTreeMap<String, String>>>>,
    missed: bool,
}

impl Feed {
    pub(crate) fn new() -> (Self, Programs) {
        let (programs, receiver) = watch::channel(None);
        let feed = Self {
            programs,
            missed: false,
        };
        (feed, receiver)
    }

    pub(crate) async fn follow(mut self, socket: &Path) {
        let mut pause = FIRST_PAUSE;
        loop {
            let reason = self.watch(socket).await;
            let was_there = self
                .programs
                .send_if_modified(|programs| programs.take().is_some());
            if was_there {
                pause = FIRST_PAUSE;
            }
            if !self.missed {
                tracing::warn!(?socket, reason, "supervisord is missed");
            }
            self.missed = true;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Takes snapshots until the stream ends; the answer is why.
    async fn watch(&mut self, socket: &Path) -> String {
        let mut client = SupervisorServiceClient::new(ipc::connect(socket));
        let mut stream = match client.watch_snapshot(WatchSnapshotRequest {}).await {
            Ok(response) => response.into_inner(),
            Err(status) => return ipc::describe(&status),
        };
        loop {
            match stream.message().await {
                Ok(Some(message)) => {
                    let programs = message.snapshot.map_or_else(Vec::new, |s| s.programs);
                    self.take(&programs);
                }
                Ok(None) => return "the stream ended".to_owned(),
                Err(status) => return ipc::describe(&status),
            }
        }
    }

    fn take(&mut self, programs: &[Program]) {
        if self.missed {
            tracing::info!("supervisord is back");
            self.missed = false;
        }
        let described = programs
            .iter()
            .map(|program| (program.name.clone(), describe(program)))
            .collect();
        self.programs.send_replace(Some(Arc::new(described)));
    }
}

/// Why a program does not serve its app, for a person who waits for it.
fn describe(program: &Program) -> String {
    let name = &program.name;
    let detail = match program.spawn_error.as_str() {
        "" => program.description.trim(),
        error => error,
    };
    let known = |text: &str| match detail {
        "" => format!("Its program {name} {text}."),
        detail => format!("Its program {name} {text} ({detail})."),
    };
    match program.state() {
        ProgramState::Running => known("runs and does not listen yet"),
        ProgramState::Starting => known("is starting"),
        ProgramState::Backoff => known("ended too early and is started again"),
        ProgramState::Stopped => known("is stopped; start it in the portal"),
        ProgramState::Stopping => known("is stopping"),
        ProgramState::Exited => known("has ended"),
        ProgramState::Fatal => known("could not be started; its log says why"),
        ProgramState::Unknown | ProgramState::Unspecified => known("is in an unknown state"),
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_waits_is_told_the_state() {
        let program = Program {
            name: "jupyter".to_owned(),
            state: ProgramState::Fatal.into(),
            description: "Exited too quickly".to_owned(),
            ..Program::default()
        };
        assert_eq!(
            describe(&program),
            "Its program jupyter could not be started; its log says why (Exited too quickly)."
        );
    }
}
