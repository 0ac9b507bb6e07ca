//! The logs of the programs: files → [`reader`] → a small terminal per file → [`Store`] → page.
//!
//! Text stays text: colours travel as names of classes beside it, so nothing a program writes can
//! become markup.

pub(crate) mod reader;
mod row;
mod screen;
mod store;
mod style;

pub(crate) use store::{Selection, Store};
