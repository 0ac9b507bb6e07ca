//! `berth-sandbox`: boots an instance in namespaces of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    testkit::tool::main()
}
