//! Stories of the state machine in virtual time, one per rule.

mod announcements;
mod conditions;
mod dependencies;
mod exits;
mod groups;
mod liveness;
mod one_shots;
mod pauses;
mod readiness;
mod shutdown;
mod shutdown_order;
mod starting;
mod stopping;
mod taking_over;
mod time;
mod unknown;
