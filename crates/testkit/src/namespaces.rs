//! The sandbox itself: a process tree in its own mount, pid, network, uts and ipc namespaces.
//!
//! ```text
//!  berth-sandbox run ── holds the state lock, owns the host listeners, waits
//!     │  unshare(NEWPID) + fork
//!     └─ init (PID 1) ── unshare the rest, overlay over /, pivot, exec the command
//! ```
//!
//! The upper layer lives on a tmpfs that exists only in the private mount namespace, and init dies
//! with the outer process. So the kernel itself cleans up, whatever happens to us. Nothing in here
//! may write to the host outside the state directory, and the code that runs between fork and exec
//! stays single-threaded and free of tokio.

pub(crate) mod enter;
mod filesystem;
mod hide;
mod init;
pub(crate) mod launch;
mod mounts;
pub(crate) mod permission;
pub(crate) mod publish;
pub(crate) mod spec;
pub(crate) mod state;
pub(crate) mod system;
pub(crate) mod terminal;
mod tree;

/// Says something on standard error. To be used where an error cannot be returned.
pub(crate) fn complain(text: &str) {
    use std::io::Write;
    // With standard error gone nobody is left to tell.
    let _ = writeln!(std::io::stderr(), "berth-sandbox: {text}");
}
