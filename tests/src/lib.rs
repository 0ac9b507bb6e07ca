//! Stories over the real stack.
