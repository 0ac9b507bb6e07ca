//! Messages with descriptors over a Unix socket that keeps messages apart.

use std::{
    io::{self, IoSlice},
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
};

use nix::{
    libc,
    sys::socket::{ControlMessage, MsgFlags, sendmsg},
};

/// One message that has arrived.
#[derive(Debug)]
pub(crate) struct Packet {
    /// Empty at the end of the connection.
    pub(crate) bytes: Vec<u8>,
    pub(crate) descriptors: Vec<OwnedFd>,
    /// Whether all of it has arrived: not if it is longer than allowed, or brings more descriptors
    /// than this process may have.
    pub(crate) is_whole: bool,
}

/// Takes the next message of at most `longest` bytes without waiting. Its descriptors are not
/// inherited by children.
///
/// Not `nix::sys::socket::recvmsg`: that one loses the descriptors that did arrive when not all of
/// them fit.
pub(crate) fn receive(socket: BorrowedFd<'_>, longest: usize) -> io::Result<Packet> {
    let mut bytes = vec![0_u8; longest];
    let mut control = [0_u64; CONTROL];
    let mut part = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    #[expect(unsafe_code, reason = "the structure has private padding")]
    // SAFETY: an all-zero msghdr is valid: no address, no parts, no control data.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&control);
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    #[expect(unsafe_code, reason = "see above")]
    // SAFETY: the header leads to buffers of ours with their true lengths, which live on.
    let size = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    let size = usize::try_from(size).map_err(|_| io::Error::last_os_error())?;
    bytes.truncate(size);
    Ok(Packet {
        bytes,
        descriptors: descriptors(&header),
        is_whole: header.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) == 0,
    })
}

/// The descriptors that the kernel has just made, each of which has one owner from here on.
fn descriptors(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut received = Vec::new();
    #[expect(unsafe_code, reason = "control data has no safe form")]
    // SAFETY: recvmsg has filled the header, whose control buffer is alive.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    #[expect(unsafe_code, reason = "see above")]
    // SAFETY: the pointer is null or leads to a whole entry inside the control buffer.
    while let Some(entry) = unsafe { next.as_ref() } {
        if (entry.cmsg_level, entry.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            #[expect(unsafe_code, reason = "see above")]
            // SAFETY: takes and gives a number.
            let head = unsafe { libc::CMSG_LEN(0) };
            let size = entry.cmsg_len.saturating_sub(head as usize);
            #[expect(unsafe_code, reason = "see above")]
            // SAFETY: the entry is one that the kernel wrote.
            let data = unsafe { libc::CMSG_DATA(next) };
            #[expect(unsafe_code, reason = "see above")]
            // SAFETY: an entry of this type holds that many numbers, aligned for them.
            let numbers = unsafe {
                std::slice::from_raw_parts(data.cast::<RawFd>(), size / size_of::<RawFd>())
            };
            for number in numbers {
                #[expect(unsafe_code, reason = "see above")]
                // SAFETY: the kernel made the number for this process and nobody else knows it.
                let descriptor = unsafe { OwnedFd::from_raw_fd(*number) };
                received.push(descriptor);
            }
        }
        #[expect(unsafe_code, reason = "see above")]
        // SAFETY: the entry lies in the buffer of this header.
        let after = unsafe { libc::CMSG_NXTHDR(header, next) };
        next = after;
    }
    received
}

/// Sends a message without waiting. The descriptors stay the sender's.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[OwnedFd],
) -> io::Result<()> {
    let numbers: Vec<RawFd> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control: &[ControlMessage<'_>] = if numbers.is_empty() { &[] } else { &rights };
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(bytes)],
        control,
        flags,
        None,
    )?;
    Ok(())
}

/// Words of control data: room for as many descriptors as the kernel lets one message bring, so
/// that none is lost for want of room here.
const CONTROL: usize = 130;

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use nix::{
        fcntl::{FcntlArg, FdFlag, fcntl},
        sys::socket::{AddressFamily, SockFlag, SockType, socketpair},
        unistd::pipe,
    };

    use super::*;

    fn pair() -> (OwnedFd, OwnedFd) {
        let kind = SockType::SeqPacket;
        socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap()
    }

    #[test]
    fn descriptors_arrive_in_order_and_are_not_inherited() {
        let (ours, theirs) = pair();
        let (reader, writer) = pipe().unwrap();
        send(theirs.as_fd(), b"two", &[reader, writer]).unwrap();
        let packet = receive(ours.as_fd(), 100).unwrap();
        assert_eq!((&packet.bytes[..], packet.is_whole), (&b"two"[..], true));
        nix::unistd::write(&packet.descriptors[1], b"x").unwrap();
        assert_eq!(
            nix::unistd::read(&packet.descriptors[0], &mut [0; 9]),
            Ok(1)
        );
        for descriptor in &packet.descriptors {
            let flags = fcntl(descriptor, FcntlArg::F_GETFD).unwrap();
            assert!(FdFlag::from_bits_truncate(flags).contains(FdFlag::FD_CLOEXEC));
        }
    }

    #[test]
    fn as_many_descriptors_as_one_message_can_bring_arrive() {
        let (ours, theirs) = pair();
        let many: Vec<OwnedFd> = (0..253).map(|_| ours.try_clone().unwrap()).collect();
        send(theirs.as_fd(), b"many", &many).unwrap();
        let packet = receive(ours.as_fd(), 100).unwrap();
        assert_eq!((packet.descriptors.len(), packet.is_whole), (253, true));
    }

    #[test]
    fn a_message_that_is_too_long_is_known_as_such() {
        let (ours, theirs) = pair();
        send(theirs.as_fd(), &[b'x'; 101], &[]).unwrap();
        assert!(!receive(ours.as_fd(), 100).unwrap().is_whole);
    }
}
