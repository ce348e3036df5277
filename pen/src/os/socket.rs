//! What the kernel knows of a socket and no library asks.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// How many written bytes the peer's kernel has not acknowledged yet.
pub fn unsent_bytes(socket: &impl AsFd) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open while it is borrowed, and TIOCOUTQ writes one int.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    nix::errno::Errno::result(result)?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}
