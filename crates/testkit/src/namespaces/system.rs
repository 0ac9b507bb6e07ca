//! The few system calls without a safe wrapper. Everything unsafe of this crate is here.

use std::ffi::c_short;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::SigSet;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::ForkResult;

/// Forks. The caller must still be single-threaded, as this program is until it has forked.
#[expect(unsafe_code, reason = "fork has no safe wrapper")]
pub(crate) fn fork() -> nix::Result<ForkResult> {
    // SAFETY: callers fork before any thread exists, so no lock can be left held in the child.
    unsafe { nix::unistd::fork() }
}

/// Ends this process at once, without destructors: a forked child must not run its parent's.
#[expect(unsafe_code, reason = "_exit has no safe wrapper")]
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes any value and does not return.
    unsafe { libc::_exit(code) }
}

/// Gives the next program the signal mask and dispositions of a fresh process.
#[expect(unsafe_code, reason = "sigaction has no safe wrapper")]
pub(crate) fn reset_signals() -> nix::Result<()> {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL is a valid disposition; numbers that cannot be changed only fail.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
    SigSet::empty().thread_set_mask()
}

/// Undoes an inherited "ignore my children", under which their exit codes would be lost.
#[expect(unsafe_code, reason = "sigaction has no safe wrapper")]
pub(crate) fn notice_children() {
    // SAFETY: SIG_DFL is a valid disposition for SIGCHLD.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Marks every descriptor above the standard three close-on-exec.
#[expect(unsafe_code, reason = "close_range has no safe wrapper")]
pub(crate) fn keep_only_standard_descriptors() -> nix::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    // SAFETY: only sets a flag on descriptors; none is closed while somebody owns it.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, flags) };
    Errno::result(result).map(drop)
}

/// Brings the loopback interface of the current network namespace up.
#[expect(unsafe_code, reason = "interface flags are set by ioctl")]
pub(crate) fn bring_up_loopback() -> nix::Result<()> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let mut name = [0; libc::IFNAMSIZ];
    for (slot, byte) in name.iter_mut().zip(*b"lo") {
        *slot = libc::c_char::try_from(byte).map_err(|_| Errno::EINVAL)?;
    }
    let flags = c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).map_err(|_| Errno::EINVAL)?;
    let request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags },
    };
    // SAFETY: the request is a complete ifreq that outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    Errno::result(result).map(drop)
}

/// Limits what this process and all it starts can ever gain to the capabilities a container
/// runtime grants by default.
#[expect(unsafe_code, reason = "prctl has no safe wrapper for the bounding set")]
pub(crate) fn keep_only_container_capabilities() -> nix::Result<()> {
    for number in 0..=HIGHEST_CAPABILITY {
        if CONTAINER_CAPABILITIES.contains(&number) {
            continue;
        }
        // SAFETY: plain integers; a number unknown to the kernel fails with EINVAL.
        let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
        match Errno::result(result) {
            Ok(_) | Err(Errno::EINVAL) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the terminal on standard input the controlling terminal of this session.
#[expect(unsafe_code, reason = "ioctl has no safe wrapper")]
pub(crate) fn take_terminal(terminal: &OwnedFd) -> nix::Result<()> {
    // SAFETY: TIOCSCTTY takes an integer argument.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) };
    Errno::result(result).map(drop)
}

/// Copies the window size of one terminal to another.
#[expect(unsafe_code, reason = "ioctl has no safe wrapper")]
pub(crate) fn copy_window_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> nix::Result<()> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the kernel fills the winsize, which outlives the call.
    let read = unsafe { libc::ioctl(from.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    Errno::result(read)?;
    // SAFETY: the kernel reads the winsize, which outlives the call.
    let written = unsafe { libc::ioctl(to.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    Errno::result(written).map(drop)
}

/// Numbers of include/uapi/linux/capability.h: chown, dac_override, fowner, fsetid, kill, setgid,
/// setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap.
const CONTAINER_CAPABILITIES: [libc::c_ulong; 14] =
    [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];

/// The kernel keeps capabilities in 64 bits.
const HIGHEST_CAPABILITY: libc::c_ulong = 63;
