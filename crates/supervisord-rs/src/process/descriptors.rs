//! What a child must not inherit: our descriptors and our signal mask.

use std::os::fd::{BorrowedFd, RawFd};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::signal::SigSet,
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
