//! Whether this process may make a sandbox at all. Tries it in a child and leaves nothing behind.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, pipe2};

use super::init::namespaces;
use super::spec::Network;
use super::system;

/// One line for people, with what to do instead.
pub(crate) fn explain(refusal: &anyhow::Error) -> String {
    format!(
        "namespaces are not permitted here ({refusal:#}); run as root with CAP_SYS_ADMIN, or use \
         the container image with docker or podman"
    )
}

/// Tries what a sandbox needs. The caller must be single-threaded.
pub(crate) fn check() -> anyhow::Result<()> {
    let (answer, mut report) = {
        let (read, write) = pipe2(OFlag::O_CLOEXEC).context("make a pipe")?;
        (File::from(read), File::from(write))
    };
    match system::fork().context("fork")? {
        ForkResult::Child => {
            if let Err(error) = attempt() {
                let _ = write!(report, "{error:#}");
            }
            system::exit_now(0)
        }
        ForkResult::Parent { child } => {
            drop(report);
            let mut text = String::new();
            let read = { answer }.read_to_string(&mut text);
            waitpid(child, None).context("wait for the attempt")?;
            read.context("read the attempt's answer")?;
            if text.is_empty() {
                Ok(())
            } else {
                Err(anyhow::Error::msg(text))
            }
        }
    }
}

fn attempt() -> anyhow::Result<()> {
    unshare(namespaces(Network::Private) | CloneFlags::CLONE_NEWPID)
        .context("unshare namespaces")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("make mounts private")?;
    // Any directory serves as mount point: the mounts end with this process.
    let scratch = Path::new("/tmp");
    mount(
        Some("tmpfs"),
        scratch,
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .context("mount a tmpfs")?;
    std::env::set_current_dir(scratch)?;
    for dir in ["upper", "work", "root"] {
        fs::create_dir(dir)?;
    }
    let options = Some("lowerdir=/,upperdir=upper,workdir=work");
    mount(
        Some("overlay"),
        "root",
        Some("overlay"),
        MsFlags::empty(),
        options,
    )
    .context("mount an overlay over /")
}
