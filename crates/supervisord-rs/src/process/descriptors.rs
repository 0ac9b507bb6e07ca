//! What a child must not inherit: our descriptors and our signal mask.

use std::os::fd::{BorrowedFd, RawFd};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::SigSet,
    },
};

/// Marks every descriptor we were started with close-on-exec and unblocks all signals. To be
/// called before anything else is opened.
pub(crate) fn prepare() {
    // A failure leaves the mask as our parent set it, which is what it wanted then.
    let _ = SigSet::empty().thread_set_mask();
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let inherited: Vec<RawFd> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in inherited {
        #[expect(unsafe_code, reason = "descriptors we inherited have no owner yet")]
        // SAFETY: the number was listed a moment ago and is only used for fcntl, which checks it;
        // the directory's own descriptor is closed by then and answers EBADF.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let _ = fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}

/// The limits of open files, soft and hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileLimit {
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

/// Raises our own limit of open files as far as it goes, for we hold several for every program, and
/// gives the one that programs shall have: at least `wanted`.
///
/// # Errors
/// In the original's words.
pub(crate) fn raise_file_limit(wanted: u64) -> Result<FileLimit, String> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string())?;
    // Root may go beyond the hard limit, outside of most containers.
    let raised = hard < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, wanted).is_ok();
    let hard = if raised { wanted } else { hard };
    if hard < wanted {
        return Err(format!(
            "The minimum number of file descriptors required to run this process is {wanted} as \
             per the \"minfds\" command-line argument or config file setting. The current \
             environment will only allow you to open {hard} file descriptors. Either raise the \
             number of usable file descriptors in your environment (see README.rst) or lower the \
             minfds setting in the config file to allow the process to start."
        ));
    }
    // Where even this is refused, we have what programs have.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    Ok(FileLimit {
        soft: soft.max(wanted),
        hard,
    })
}
