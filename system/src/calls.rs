//! Sending and receiving without the C library. Its functions for that can be cancelled in glibc, which costs two exchanges of
//! atomics each in a program with threads, and musl's send several datagrams one by one.
#![allow(unsafe_code)]

use std::os::fd::RawFd;
use std::ptr;

use libc::{c_int, c_long, iovec, mmsghdr, msghdr};
use nix::errno::Errno;

/// Receives bytes; returns how many.
pub fn receive_bytes(fd: RawFd, buffer: &mut [u8], flags: c_int) -> Result<usize, Errno> {
    let (from, length) = (ptr::null_mut::<libc::sockaddr>(), ptr::null_mut::<libc::socklen_t>());
    // SAFETY: the buffer has the size that is told, and nobody else uses it. Nothing is told of where they come from.
    number(unsafe {
        libc::syscall(libc::SYS_recvfrom, fd, buffer.as_mut_ptr(), buffer.len(), flags, from, length)
    })
}

/// Sends bytes; returns how many.
pub fn send_bytes(fd: RawFd, bytes: &[u8], flags: c_int) -> Result<usize, Errno> {
    let (to, no_length) = (ptr::null::<libc::sockaddr>(), 0);
    // SAFETY: there are as many bytes as are told, which are only read.
    number(unsafe { libc::syscall(libc::SYS_sendto, fd, bytes.as_ptr(), bytes.len(), flags, to, no_length) })
}

/// Receives a datagram; returns its length.
///
/// # Safety
/// The header points to buffers of the sizes that it names, which nobody else uses during the call.
pub unsafe fn receive(fd: RawFd, header: &mut msghdr, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    number(unsafe { libc::syscall(libc::SYS_recvmsg, fd, &raw mut *header, flags) })
}

/// Receives datagrams as long as there are any, and headers; returns how many.
///
/// # Safety
/// As with [`receive`], for each header.
pub unsafe fn receive_several(fd: RawFd, headers: &mut [mmsghdr], flags: c_int) -> Result<usize, Errno> {
    let no_limit = ptr::null_mut::<libc::timespec>();
    // SAFETY: the caller's.
    number(unsafe {
        libc::syscall(libc::SYS_recvmmsg, fd, headers.as_mut_ptr(), headers.len(), flags, no_limit)
    })
}

/// Sends a datagram; returns its length.
///
/// # Safety
/// The header points to a name, control messages and bytes of the sizes that it names.
pub unsafe fn send(fd: RawFd, header: &msghdr, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    number(unsafe { libc::syscall(libc::SYS_sendmsg, fd, &raw const *header, flags) })
}

/// Sends a datagram without control messages, in one piece, which is cheaper: the kernel needs not copy and check the header.
///
/// # Safety
/// As with [`send`]; and the header has one vector.
pub unsafe fn send_plain(fd: RawFd, header: &msghdr, flags: c_int) -> Result<usize, Errno> {
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
pub unsafe fn send_several(fd: RawFd, headers: &mut [mmsghdr], flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    number(unsafe { libc::syscall(libc::SYS_sendmmsg, fd, headers.as_mut_ptr(), headers.len(), flags) })
}

fn number(result: c_long) -> Result<usize, Errno> {
    let result = Errno::result(result)?;
    Ok(usize::try_from(result).unwrap_or(0))
}
