//! The types of events that an `[eventlistener:x]` may ask for.
//!
//! They form a tree; who asks for a parent gets everything below it.

use std::{fmt, str::FromStr};

macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal in $parent:expr,)*) => {
        /// A type of event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $($(#[$doc])* $variant,)*
        }

        impl EventType {
            /// All types, parents before their children.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in configuration files and headers of events.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The type that this one is a kind of.
            pub const fn parent(self) -> Option<Self> {
                match self {
                    $(Self::$variant => $parent,)*
                }
            }
        }
    };
}

event_types! {
    /// Every event.
    Event = "EVENT" in None,
    /// Every change of a program's state.
    ProcessState = "PROCESS_STATE" in Some(Self::Event),
    /// A program was stopped.
    ProcessStateStopped = "PROCESS_STATE_STOPPED" in Some(Self::ProcessState),
    /// A program ended by itself.
    ProcessStateExited = "PROCESS_STATE_EXITED" in Some(Self::ProcessState),
    /// A program is being started.
    ProcessStateStarting = "PROCESS_STATE_STARTING" in Some(Self::ProcessState),
    /// A program is being stopped.
    ProcessStateStopping = "PROCESS_STATE_STOPPING" in Some(Self::ProcessState),
    /// A program ended too early and will be tried again.
    ProcessStateBackoff = "PROCESS_STATE_BACKOFF" in Some(Self::ProcessState),
    /// A program was given up.
    ProcessStateFatal = "PROCESS_STATE_FATAL" in Some(Self::ProcessState),
    /// A program is up.
    ProcessStateRunning = "PROCESS_STATE_RUNNING" in Some(Self::ProcessState),
    /// A program can no longer be told anything.
    ProcessStateUnknown = "PROCESS_STATE_UNKNOWN" in Some(Self::ProcessState),
    /// A message between the marks of capture mode.
    ProcessCommunication = "PROCESS_COMMUNICATION" in Some(Self::Event),
    /// Such a message on stdout.
    ProcessCommunicationStdout = "PROCESS_COMMUNICATION_STDOUT" in Some(Self::ProcessCommunication),
    /// Such a message on stderr.
    ProcessCommunicationStderr = "PROCESS_COMMUNICATION_STDERR" in Some(Self::ProcessCommunication),
    /// Output of a program.
    ProcessLog = "PROCESS_LOG" in Some(Self::Event),
    /// Output on stdout.
    ProcessLogStdout = "PROCESS_LOG_STDOUT" in Some(Self::ProcessLog),
    /// Output on stderr.
    ProcessLogStderr = "PROCESS_LOG_STDERR" in Some(Self::ProcessLog),
    /// A message sent by a client.
    RemoteCommunication = "REMOTE_COMMUNICATION" in Some(Self::Event),
    /// A change of supervisord's own state.
    SupervisorStateChange = "SUPERVISOR_STATE_CHANGE" in Some(Self::Event),
    /// supervisord is up.
    SupervisorStateChangeRunning = "SUPERVISOR_STATE_CHANGE_RUNNING" in Some(Self::SupervisorStateChange),
    /// supervisord is stopping.
    SupervisorStateChangeStopping = "SUPERVISOR_STATE_CHANGE_STOPPING" in Some(Self::SupervisorStateChange),
    /// Time has passed.
    Tick = "TICK" in Some(Self::Event),
    /// Five seconds have passed.
    Tick5 = "TICK_5" in Some(Self::Tick),
    /// A minute has passed.
    Tick60 = "TICK_60" in Some(Self::Tick),
    /// An hour has passed.
    Tick3600 = "TICK_3600" in Some(Self::Tick),
    /// The set of groups has changed.
    ProcessGroup = "PROCESS_GROUP" in Some(Self::Event),
    /// A group was added.
    ProcessGroupAdded = "PROCESS_GROUP_ADDED" in Some(Self::ProcessGroup),
    /// A group was removed.
    ProcessGroupRemoved = "PROCESS_GROUP_REMOVED" in Some(Self::ProcessGroup),
}

impl EventType {
    /// Whether an event of type `other` is one of this type: the same, or below it in the tree.
    pub fn contains(self, other: Self) -> bool {
        let mut at = Some(other);
        while let Some(event) = at {
            if event == self {
                return true;
            }
            at = event.parent();
        }
        false
    }

    /// Whether somebody who asked for `wanted` gets events of this type.
    pub fn matches<'a>(self, wanted: impl IntoIterator<Item = &'a Self>) -> bool {
        wanted.into_iter().any(|wanted| wanted.contains(self))
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no type of event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type {0}")]
pub struct UnknownEvent(pub String);

impl FromStr for EventType {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        let name = text.trim().to_uppercase();
        let found = Self::ALL.iter().find(|event| event.name() == name);
        found.copied().ok_or(UnknownEvent(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_contains_what_is_below_it_and_nothing_else() {
        assert!(EventType::Event.contains(EventType::Tick3600));
        assert!(EventType::ProcessState.contains(EventType::ProcessStateFatal));
        assert!(!EventType::ProcessStateFatal.contains(EventType::ProcessState));
        assert!(!EventType::Tick.contains(EventType::ProcessLog));
        assert!(EventType::Tick5.matches(&[EventType::ProcessLog, EventType::Tick]));
        assert!(!EventType::Tick5.matches(&[]));
    }

    #[test]
    fn names_are_read_in_any_case() {
        for event in EventType::ALL {
            let text = event.name().to_lowercase();
            assert_eq!(text.parse(), Ok(*event));
        }
        assert_eq!(
            "tick_6".parse::<EventType>(),
            Err(UnknownEvent("TICK_6".to_owned()))
        );
        assert!("".parse::<EventType>().is_err());
    }
}
