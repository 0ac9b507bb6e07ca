//! What supervisord tells about the programs behind the apps. The only reader of its types here.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use api::supervisor::{
    Program, ProgramState, TailLogRequest, WatchSnapshotRequest,
    supervisor_service_client::SupervisorServiceClient,
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
    /// What is to be said of each, by name.
    Known(Arc<BTreeMap<String, Told>>),
}

/// What is to be said of a program whose app does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// For programs that ask, in the words of Supervisor.
    pub(crate) state: &'static str,
    /// For people.
    pub(crate) text: String,
    /// Whether the last lines of its log say more.
    pub(crate) failed: bool,
}

impl Programs {
    /// What is to be said of a program.
    pub(crate) fn told(&self, name: &str) -> Option<&Told> {
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

/// Why a program does not serve its app, for whoever waits for it.
fn describe(program: &Program) -> Told {
    let name = &program.name;
    let first = |texts: [&str; 4]| {
        let mut texts = texts.into_iter().map(str::trim);
        texts.find(|text| !text.is_empty()).map(str::to_owned)
    };
    let ended = first([
        &program.spawn_error,
        &program.end_note,
        &program.held,
        &program.description,
    ]);
    let waits = (!program.waiting_for.is_empty()).then(|| program.waiting_for.join(", "));
    let seconds = program.restarts_in_us.div_ceil(1_000_000);
    let again = (seconds > 0).then(|| format!("again in {seconds} s"));
    // While all goes as asked, the detail is a pid or a date that nobody waits for.
    let (state, text, detail, failed) = match program.state() {
        ProgramState::Running => ("RUNNING", "runs and does not listen yet", None, false),
        ProgramState::Waiting => ("WAITING", "waits for", waits, false),
        ProgramState::Starting => ("STARTING", "is starting", None, false),
        ProgramState::Backoff => {
            let text = "ended too early and is started again";
            ("BACKOFF", text, again.or(ended), true)
        }
        ProgramState::Stopped => {
            let text = "is stopped; start it in the portal";
            ("STOPPED", text, None, false)
        }
        ProgramState::Stopping => ("STOPPING", "is stopping", None, false),
        ProgramState::Exited => ("EXITED", "has ended", ended, true),
        ProgramState::Fatal => {
            let text = "could not be started; its log says why";
            ("FATAL", text, ended, true)
        }
        ProgramState::Unknown | ProgramState::Unspecified => {
            ("UNKNOWN", "is in an unknown state", ended, true)
        }
    };
    let text = match detail {
        Some(detail) if state == "WAITING" => format!("Its program {name} {text} {detail}."),
        None if state == "WAITING" => format!("Its program {name} is held back."),
        Some(detail) => format!("Its program {name} {text} ({detail})."),
        None => format!("Its program {name} {text}."),
    };
    Told {
        state,
        text,
        failed,
    }
}

/// The last lines of programs' logs, asked for when somebody wants to see them.
#[derive(Debug)]
pub(crate) struct Logs {
    channel: Channel,
    /// Many may wait at once for the same app.
    kept: Mutex<Kept>,
}

/// Lines by program, and when they were asked for.
type Kept = BTreeMap<String, (Instant, Arc<Vec<String>>)>;

impl Logs {
    pub(crate) fn new(socket: &Path) -> Self {
        Self {
            channel: ipc::connect(socket),
            kept: Mutex::default(),
        }
    }

    /// The last lines of a program; none if they cannot be had soon.
    pub(crate) async fn last(&self, program: &str) -> Arc<Vec<String>> {
        if let Some((at, lines)) = self.kept().get(program)
            && at.elapsed() < FRESH
        {
            return lines.clone();
        }
        let lines = tokio::time::timeout(SOON, self.ask(program)).await;
        let lines = Arc::new(lines.unwrap_or_default());
        let kept = (Instant::now(), lines.clone());
        self.kept().insert(program.to_owned(), kept);
        lines
    }

    async fn ask(&self, program: &str) -> Vec<String> {
        let mut client = SupervisorServiceClient::new(self.channel.clone());
        let request = TailLogRequest {
            name: program.to_owned(),
            bytes: TAIL,
            follow: false,
        };
        let Ok(answer) = client.tail_log(request).await else {
            return Vec::new();
        };
        let mut stream = answer.into_inner();
        let mut bytes = Vec::new();
        while let Ok(Some(message)) = stream.message().await {
            bytes.extend_from_slice(&message.data);
        }
        last_lines(&String::from_utf8_lossy(&bytes))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn last_lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_end);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    let last = lines.len().saturating_sub(LINES);
    lines[last..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

const LINES: usize = 8;
const TAIL: u32 = 4096;
const SOON: Duration = Duration::from_millis(500);
const FRESH: Duration = Duration::from_secs(2);
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
            describe(&program).text,
            "Its program jupyter could not be started; its log says why (Exited too quickly)."
        );
        let stopped = Program {
            state: ProgramState::Stopped.into(),
            description: "Nov 24 12:55 PM".to_owned(),
            ..program
        };
        assert_eq!(
            describe(&stopped).text,
            "Its program jupyter is stopped; start it in the portal."
        );
    }

    #[test]
    fn a_program_that_waits_says_for_what_and_one_that_failed_when_it_is_tried_again() {
        let waits = Program {
            name: "app".to_owned(),
            state: ProgramState::Waiting.into(),
            waiting_for: vec!["db to be ready".to_owned()],
            ..Program::default()
        };
        let told = describe(&waits);
        assert_eq!(told.text, "Its program app waits for db to be ready.");
        assert_eq!((told.state, told.failed), ("WAITING", false));
        let backoff = Program {
            state: ProgramState::Backoff.into(),
            restarts_in_us: 2_100_000,
            ..waits
        };
        let told = describe(&backoff);
        assert!(told.text.ends_with("(again in 3 s)."), "{}", told.text);
        assert_eq!((told.state, told.failed), ("BACKOFF", true));
    }

    #[test]
    fn the_last_lines_are_those_with_something_in_them() {
        let text: String = (0..20)
            .map(|number| format!("line {number}  \n\n"))
            .collect();
        let lines = last_lines(&text);
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[LINES - 1], "line 19");
        assert!(last_lines("").is_empty());
    }
}
