//! What an event says, byte for byte as the original says it.

use supervisor_core::{ProgramId, StateName};

use crate::{
    config::EventType,
    logs::{Channel, OutputEvent, shown},
};

/// Something that happened, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: EventType,
    pub(crate) payload: String,
}

/// A change of a program's state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) program: &'a ProgramId,
    pub(crate) from: StateName,
    pub(crate) to: StateName,
    pub(crate) tries: u32,
    pub(crate) expected: bool,
    pub(crate) pid: i32,
}

impl Event {
    /// A change of a program's state. Waiting is no state of the original's, so entering it is no
    /// event.
    pub(crate) fn state(change: Change<'_>) -> Option<Self> {
        let Change {
            program,
            from,
            to,
            tries,
            expected,
            pid,
        } = change;
        let (kind, extra) = match to {
            StateName::Starting => (EventType::ProcessStateStarting, format!(" tries:{tries}")),
            StateName::Backoff => (EventType::ProcessStateBackoff, format!(" tries:{tries}")),
            StateName::Running => (EventType::ProcessStateRunning, format!(" pid:{pid}")),
            StateName::Stopping => (EventType::ProcessStateStopping, format!(" pid:{pid}")),
            StateName::Stopped => (EventType::ProcessStateStopped, format!(" pid:{pid}")),
            StateName::Exited => (
                EventType::ProcessStateExited,
                format!(" expected:{} pid:{pid}", u8::from(expected)),
            ),
            StateName::Fatal => (EventType::ProcessStateFatal, String::new()),
            StateName::Unknown => (EventType::ProcessStateUnknown, String::new()),
            StateName::Waiting => return None,
        };
        let from = match from == StateName::Waiting {
            true => "STOPPED",
            false => name(from),
        };
        Some(Self {
            kind,
            payload: format!("{} from_state:{from}{extra}", names(program)),
        })
    }

    /// Output of a program that is an event.
    pub(crate) fn output(program: &ProgramId, pid: i32, output: &OutputEvent) -> Option<Self> {
        let names = names(program);
        let event = match output {
            OutputEvent::Seen => return None,
            OutputEvent::Log(channel, text) => Self {
                kind: match channel {
                    Channel::Stdout => EventType::ProcessLogStdout,
                    Channel::Stderr => EventType::ProcessLogStderr,
                },
                payload: format!(
                    "{names} pid:{pid} channel:{}\n{}",
                    channel.name(),
                    shown(text)
                ),
            },
            OutputEvent::Communication(channel, text) => Self {
                kind: match channel {
                    Channel::Stdout => EventType::ProcessCommunicationStdout,
                    Channel::Stderr => EventType::ProcessCommunicationStderr,
                },
                payload: format!("{names} pid:{pid}\n{}", shown(text)),
            },
        };
        Some(event)
    }

    /// A message of a client.
    pub(crate) fn remote(kind: &str, data: &str) -> Self {
        Self {
            kind: EventType::RemoteCommunication,
            payload: format!("type:{kind}\n{data}"),
        }
    }

    /// A period of `seconds` began at `at`.
    pub(crate) fn tick(kind: EventType, at: u64) -> Self {
        Self {
            kind,
            payload: format!("when:{at}"),
        }
    }

    /// A group was added or removed.
    pub(crate) fn group(kind: EventType, group: &str) -> Self {
        Self {
            kind,
            payload: format!("groupname:{group}\n"),
        }
    }

    /// A change of our own state.
    pub(crate) fn own(kind: EventType) -> Self {
        Self {
            kind,
            payload: String::new(),
        }
    }
}

fn names(program: &ProgramId) -> String {
    format!("processname:{} groupname:{}", program.name, program.group)
}

/// The original's name of a state.
pub(crate) fn name(state: StateName) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(from: StateName, to: StateName) -> Option<String> {
        let program = ProgramId::new("g", "p");
        let change = Change {
            program: &program,
            from,
            to,
            tries: 2,
            expected: false,
            pid: 7,
        };
        Event::state(change).map(|event| format!("{} {}", event.kind.name(), event.payload))
    }

    #[test]
    fn changes_of_state_say_what_the_original_says() {
        use StateName::{Backoff, Exited, Fatal, Running, Starting, Stopped, Waiting};
        for (from, to, expected) in [
            (
                Backoff,
                Starting,
                "STARTING processname:p groupname:g from_state:BACKOFF tries:2",
            ),
            (
                Starting,
                Running,
                "RUNNING processname:p groupname:g from_state:STARTING pid:7",
            ),
            (
                Running,
                Exited,
                "EXITED processname:p groupname:g from_state:RUNNING expected:0 pid:7",
            ),
            (
                Backoff,
                Fatal,
                "FATAL processname:p groupname:g from_state:BACKOFF",
            ),
            (
                Waiting,
                Starting,
                "STARTING processname:p groupname:g from_state:STOPPED tries:2",
            ),
        ] {
            assert_eq!(said(from, to).unwrap(), format!("PROCESS_STATE_{expected}"));
        }
        assert_eq!(said(Stopped, Waiting), None);
    }

    #[test]
    fn output_that_is_no_text_is_shown_and_counted_in_characters() {
        let program = ProgramId::new("g", "p");
        let output = OutputEvent::Log(Channel::Stderr, b"\xff".to_vec());
        let event = Event::output(&program, 7, &output).unwrap();
        assert_eq!(
            event.payload,
            "processname:p groupname:g pid:7 channel:stderr\nUndecodable: b'\\xff'"
        );
    }
}
