//! The supervision state machine. Pure: no runtime, no operating system, no clock.
//!
//! [`Core`] is fed [`Input`]s (facts in the past tense and commands) with the present moment, and
//! is then asked for its [`Effect`]s, its next deadline and its [`View`]. It never sees a process
//! id: every spawn is a [`Run`], effects carry it out and facts carry it back, so a fact about an
//! earlier run is recognised and dropped.
//!
//! ```text
//!             start                  startsecs
//!  STOPPED ────┬─────────▶ STARTING ───────────▶ RUNNING ──▶ EXITED ─┐
//!     ▲ ▲ ▲    │     ┌───▶   │    ▲                │            │     │ autorestart,
//!     │ │ │    ▼     │       │    │ 1 s, 2 s, ...  │            └─────┴──▶ as a start
//!     │ │ └─ WAITING ┘       ▼    │                │
//!     │ └──── stop ─────── BACKOFF ─── retries used up ──▶ FATAL
//!     └────────────── STOPPING ◀─────── stop ──────┘
//! ```
//!
//! A start passes through WAITING if a dependency is not satisfied or the driver has to judge
//! start conditions. A program that is found not to live is stopped and started again; one that
//! did not become ready in time goes from STOPPING to BACKOFF. UNKNOWN is where a program ends up
//! when a signal to it fails.

mod core;
mod dependency;
mod effect;
mod input;
mod moment;
mod outbox;
mod program;
mod restart;
mod shutdown;
mod spec;
mod view;

pub use crate::{
    core::{Core, SHUTDOWN_BUDGET},
    dependency::{Blocker, Dependency, DependencyCondition, DependencyTarget},
    effect::{Announcement, Effect},
    input::{Admission, Command, Deny, Exit, Inherited, Input, Patience, Resting, Run},
    restart::RestartPolicy,
    spec::{
        Autorestart, Conditional, GroupSpec, Incarnation, Probed, ProgramId, ProgramKind,
        ProgramSpec, Scope,
    },
    view::{GroupView, Mood, ProgramView, Readiness, StateName, View},
};
