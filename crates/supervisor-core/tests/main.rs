//! The supervision state machine in virtual time: one scenario per rule, and a reference model.

mod model;
mod scenarios;
mod support;
