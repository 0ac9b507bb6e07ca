//! One module per command.

pub(crate) mod act;
pub(crate) mod apps;
pub(crate) mod boot;
pub(crate) mod gpu;
pub(crate) mod graph;
pub(crate) mod logs;
pub(crate) mod selftest;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod top;
pub(crate) mod tunnel;
pub(crate) mod why;
