//! Words for the states of the protocol, the same in text and JSON.

use api::{
    boot::{Phase, StepOutcome, SupervisorState},
    gpu::DriverState,
    proxy::{ListenState, UpstreamState},
    supervisor::{Exit, Program, ProgramState, Readiness, exit::How},
    tunnel::RelayState,
};

use crate::paint::Tone;

pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Unspecified => "unknown",
        Phase::Booting => "booting",
        Phase::Up => "up",
        Phase::Stopping => "stopping",
    }
}

pub(crate) fn outcome(outcome: StepOutcome) -> (&'static str, Tone) {
    match outcome {
        StepOutcome::Unspecified => ("unknown", Tone::Caution),
        StepOutcome::Pending => ("pending", Tone::Faint),
        StepOutcome::Running => ("running", Tone::Caution),
        StepOutcome::Done => ("done", Tone::Good),
        StepOutcome::Skipped => ("skipped", Tone::Faint),
        StepOutcome::Degraded => ("degraded", Tone::Caution),
        StepOutcome::Failed => ("failed", Tone::Bad),
    }
}

pub(crate) fn supervisor_state(state: SupervisorState) -> &'static str {
    match state {
        SupervisorState::Unspecified => "unknown",
        SupervisorState::NotStarted => "not started",
        SupervisorState::Running => "running",
        SupervisorState::Restarting => "restarting",
        SupervisorState::Stopped => "stopped",
    }
}

/// The supervisor's own words, as `supervisorctl` prints them.
pub(crate) fn program_state(state: ProgramState) -> (&'static str, Tone) {
    match state {
        ProgramState::Unspecified | ProgramState::Unknown => ("UNKNOWN", Tone::Bad),
        ProgramState::Stopped => ("STOPPED", Tone::Faint),
        ProgramState::Waiting => ("WAITING", Tone::Caution),
        ProgramState::Starting => ("STARTING", Tone::Caution),
        ProgramState::Running => ("RUNNING", Tone::Good),
        ProgramState::Backoff => ("BACKOFF", Tone::Bad),
        ProgramState::Stopping => ("STOPPING", Tone::Caution),
        ProgramState::Exited => ("EXITED", Tone::Caution),
        ProgramState::Fatal => ("FATAL", Tone::Bad),
    }
}

pub(crate) fn readiness(readiness: Readiness) -> (&'static str, Tone) {
    match readiness {
        Readiness::Unspecified | Readiness::NoProbe => ("-", Tone::Faint),
        Readiness::NotReady => ("no", Tone::Caution),
        Readiness::Ready => ("yes", Tone::Good),
    }
}

pub(crate) fn driver(state: DriverState) -> (&'static str, Tone) {
    match state {
        DriverState::Unspecified => ("unknown", Tone::Caution),
        DriverState::Ok => ("ok", Tone::Good),
        DriverState::NoDriver => ("no_driver", Tone::Faint),
        DriverState::Mismatch => ("mismatch", Tone::Bad),
        DriverState::NoDevice => ("no_device", Tone::Faint),
        DriverState::Hung => ("hung", Tone::Bad),
        DriverState::Error => ("error", Tone::Bad),
    }
}

pub(crate) fn relay(state: RelayState) -> (&'static str, Tone) {
    match state {
        RelayState::Unspecified => ("unknown", Tone::Caution),
        RelayState::NotConfigured => ("not configured", Tone::Faint),
        RelayState::Connecting => ("connecting", Tone::Caution),
        RelayState::Connected => ("connected", Tone::Good),
    }
}

pub(crate) fn listen(state: ListenState) -> &'static str {
    match state {
        ListenState::Unspecified => "unknown",
        ListenState::Listening => "listening",
        ListenState::Failed => "failed",
    }
}

pub(crate) fn upstream(state: UpstreamState) -> &'static str {
    match state {
        UpstreamState::Unspecified => "unknown",
        UpstreamState::Untried => "untried",
        UpstreamState::Reached => "reached",
        UpstreamState::Refused => "refused",
    }
}

/// "once", "2 times" and so on.
pub(crate) fn times(count: u32) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}

/// How a run ended, such as "exit code 3" or "killed by signal 9".
pub(crate) fn exit(exit: &Exit) -> String {
    match exit.how {
        Some(How::Code(code)) => format!("exit code {code}"),
        Some(How::Signal(signal)) => format!("killed by signal {signal}"),
        None => "ended in an unknown way".to_owned(),
    }
}

/// The name `supervisorctl` shows: with the group where that says more.
pub(crate) fn full_name(program: &Program) -> String {
    if program.group.is_empty() || program.group == program.name {
        program.name.clone()
    } else {
        format!("{}:{}", program.group, program.name)
    }
}
