//! The system calls themselves. The functions of C libraries of their names can be cancelled in glibc, which costs two exchanges
//! of atomics each in a program with threads, and musl's send several datagrams one by one.
#![allow(unsafe_code)]

use std::os::fd::RawFd;

use libc::{c_int, c_long, iovec, mmsghdr, msghdr};
use nix::errno::Errno;

/// Receives a datagram; returns its length.
///
/// # Safety
/// The header points to buffers of the sizes that it names, which nobody else uses during the call.
pub(super) unsafe fn receive(fd: RawFd, header: &mut msghdr, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    number(unsafe { libc::syscall(libc::SYS_recvmsg, fd, &raw mut *header, flags) })
}

/// Receives datagrams as long as there are any, and headers; returns how many.
///
/// # Safety
/// As with [`receive`], for each header.
pub(super) unsafe fn receive_several(
    fd: RawFd,
    headers: &mut [mmsghdr],
    flags: c_int,
) -> Result<usize, Errno> {
    let no_limit = std::ptr::null_mut::<libc::timespec>();
    // SAFETY: the caller's.
    number(unsafe {
        libc::syscall(libc::SYS_recvmmsg, fd, headers.as_mut_ptr(), headers.len(), flags, no_limit)
    })
}

/// Sends a datagram; returns its length.
///
/// # Safety
/// The header points to a name, control messages and bytes of the sizes that it names.
pub(super) unsafe fn send(fd: RawFd, header: &msghdr, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    number(unsafe { libc::syscall(libc::SYS_sendmsg, fd, &raw const *header, flags) })
}

/// Sends a datagram without control messages, in one piece, which is cheaper: the kernel needs not copy and check the header.
///
/// # Safety
/// As with [`send`]; and the header has one vector.
pub(super) unsafe fn send_plain(fd: RawFd, header: &msghdr, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    number(unsafe {
        let iovec { iov_base, iov_len } = *header.msg_iov;
        libc::syscall(libc::SYS_sendto, fd, iov_base, iov_len, flags, header.msg_name, header.msg_namelen)
    })
}

/// Sends datagrams until one cannot be sent; returns how many are.
///
/// # Safety
/// As with [`send`], for each header.
pub(super) unsafe fn send_several(fd: RawFd, headers: &mut [mmsghdr], flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    number(unsafe { libc::syscall(libc::SYS_sendmmsg, fd, headers.as_mut_ptr(), headers.len(), flags) })
}

fn number(result: c_long) -> Result<usize, Errno> {
    let result = Errno::result(result)?;
    Ok(usize::try_from(result).unwrap_or(0))
}
