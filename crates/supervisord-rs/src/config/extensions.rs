//! Berth's own keys in sections of programs, which the original ignores.
//!
//! They are described for users in `docs/supervisord-extensions.md`.

mod dependency;
mod env_file;
mod limits;
mod probe;
mod restart;
mod start_condition;

#[cfg(any(test, feature = "fuzzing"))]
pub(super) use self::env_file::variables;
pub use self::{
    dependency::{Condition, Dependency},
    env_file::{EnvFile, EnvFileError},
    limits::{Limit, Limits},
    probe::{Liveness, LivenessProbe, LogPattern, ProbeTarget, Readiness, ReadinessProbe},
    restart::{RestartPolicy, Thousandths},
    start_condition::StartCondition,
};
pub(super) use self::{
    dependency::{Wish, wishes},
    env_file::env_files,
    limits::{limit, nice, oom_score_adj},
    probe::{first_descriptor, http, log_pattern, notify, tcp},
    restart::{factor, fraction, seconds},
    start_condition::start_conditions,
};
