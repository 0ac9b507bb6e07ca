//! Looking at programs and at the world around them: readiness, liveness, start conditions.
//!
//! Each question is asked by a task of its own, which ends with what it asks about. Nothing is asked
//! once the answer is known, so that programs that are up cost nothing.

mod conditions;
mod liveness;
mod network;
mod readiness;

pub(crate) use self::{
    conditions::{Verdict, decide},
    liveness::{Check, watch_life},
    readiness::become_ready,
};
