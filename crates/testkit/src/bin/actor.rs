//! `actor`: a child program that behaves as a test tells it to.

use std::process::ExitCode;

fn main() -> ExitCode {
    testkit::actor::main()
}
