//! What must hold of any input, each as one function that panics where it does not.
//!
//! libFuzzer calls these functions through `tests/fuzz` and looks for an input that breaks them;
//! the tests below call them with every input that it has kept. Neither is part of a build for
//! users.
//!
//! Beyond not panicking, what is asked is that what we write we read back, that a stream means the
//! same wherever it is cut, and that nothing grows out of proportion to its input.

pub use crate::{
    config::fuzzing::{environment, ini},
    events::fuzzing::listener,
    logs::fuzzing::output,
    rpc::fuzzing::http,
    xmlrpc::fuzzing::xmlrpc,
};

/// Tries one input.
pub type Target = fn(&[u8]);

/// All targets by their names, which are those of their corpora.
pub const TARGETS: [(&str, Target); 6] = [
    ("environment", environment),
    ("http", http),
    ("ini", ini),
    ("listener", listener),
    ("output", output),
    ("xmlrpc", xmlrpc),
];

/// Takes the first byte off the input and cuts the rest as it says: 0 leaves it whole, and any
/// other makes pieces whose lengths follow from it.
pub(crate) fn cut(data: &[u8]) -> Option<(&[u8], Pieces<'_>)> {
    let (seed, rest) = data.split_first()?;
    let pieces = Pieces {
        rest,
        state: u32::from(*seed),
    };
    Some((rest, pieces))
}

/// A stream as it comes in; see [`cut`].
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    rest: &'a [u8],
    state: u32,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        // Xorshift; it stays 0 if it is.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        let length = match self.state {
            0 => self.rest.len(),
            // Mostly short ones, where most goes wrong.
            state if state & 3 == 0 => (state >> 8 & 0xff) as usize + 1,
            state => (state >> 8 & 7) as usize + 1,
        };
        let (piece, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests;
