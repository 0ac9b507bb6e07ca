//! What supervisord tells about the programs behind the apps. The only reader of its types here.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use api::supervisor::{
    Program, ProgramState, WatchSnapshotRequest, supervisor_service_client::SupervisorServiceClient,
};
use tokio::sync::watch;
use tonic::transport::Channel;

/// What is known of the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Programs {
    /// supervisord has not been asked yet.
    Untried,
    /// supervisord does not answer.
    Missing,
    /// The state of each, by name.
    Known(Arc<BTreeMap<String, String>>),
}

impl Programs {
    /// What is to be said of a program.
    pub(crate) fn told(&self, name: &str) -> Option<&String> {
        match self {
            Self::Known(programs) => programs.get(name),
            Self::Untried | Self::Missing => None,
        }
    }
}

/// Follows supervisord and comes back to it whenever it is away.
pub(crate) struct Feed {
    programs: watch::Sender<Programs>,
    missed: bool,
}

impl Feed {
    pub(crate) fn new() -> (Self, watch::Receiver<Programs>) {
        let (programs, receiver) = watch::channel(Programs::Untried);
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
            let before = self.programs.send_replace(Programs::Missing);
            if matches!(before, Programs::Known(_)) {
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

    /// Takes snapshots until the stream ends or supervisord hangs; the answer is why.
    async fn watch(&mut self, socket: &Path) -> String {
        let channel = ipc::connect(socket);
        tokio::select! {
            reason = self.listen(channel.clone()) => reason,
            () = ipc::silence(channel) => "it does not answer any more".to_owned(),
        }
    }

    async fn listen(&mut self, channel: Channel) -> String {
        let mut client = SupervisorServiceClient::new(channel);
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
        self.programs
            .send_replace(Programs::Known(Arc::new(described)));
    }
}

/// Why a program does not serve its app, for a person who waits for it.
fn describe(program: &Program) -> String {
    let name = &program.name;
    let detail = match program.spawn_error.as_str() {
        "" => program.description.trim(),
        error => error,
    };
    let plain = |text: &str| format!("Its program {name} {text}.");
    let known = |text: &str| match detail {
        "" => plain(text),
        detail => format!("Its program {name} {text} ({detail})."),
    };
    // While all goes as asked, the detail is a pid or a date that nobody waits for.
    match program.state() {
        ProgramState::Running => plain("runs and does not listen yet"),
        ProgramState::Waiting => known("is held back"),
        ProgramState::Starting => plain("is starting"),
        ProgramState::Backoff => known("ended too early and is started again"),
        ProgramState::Stopped => plain("is stopped; start it in the portal"),
        ProgramState::Stopping => plain("is stopping"),
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

    #[tokio::test]
    async fn supervisord_is_missed_only_once_it_was_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (feed, mut programs) = Feed::new();
        assert_eq!(*programs.borrow(), Programs::Untried);
        let socket = dir.path().join("absent.sock");
        tokio::select! {
            () = feed.follow(&socket) => panic!("it goes on for ever"),
            missing = programs.wait_for(|programs| *programs == Programs::Missing) => {
                assert!(missing.is_ok());
            }
        }
    }

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
        let stopped = Program {
            state: ProgramState::Stopped.into(),
            description: "Nov 24 12:55 PM".to_owned(),
            ..program
        };
        assert_eq!(
            describe(&stopped),
            "Its program jupyter is stopped; start it in the portal."
        );
    }
}
