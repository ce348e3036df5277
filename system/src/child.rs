//! Child processes, as far as a poll and a careful parent need more than the standard library has.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

/// So many are buried at one go.
const STRANGERS_MOST: usize = 1024;

/// A descriptor that becomes readable when the child ends, which nobody may have waited for yet.
pub fn end_of(child: u32) -> io::Result<OwnedFd> {
    let pid = number(child)?;
    // SAFETY: the call takes two numbers, and opens a descriptor that is closed on exec.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: it was just opened, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether the child has ended. It still has to be waited for, and its number is nobody else's until then.
pub fn has_ended(child: u32) -> io::Result<bool> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    Ok(waitid(Id::Pid(Pid::from_raw(number(child)?)), flags)? != WaitStatus::StillAlive)
}

/// Waits for children that have ended and that nobody here has started: what is left of them when their parents are killed falls
/// to the first process of a container, which pen may be. Those that are `known` are left to whoever knows them.
pub fn bury_strangers(known: impl Fn(u32) -> bool) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    for _ in 0..STRANGERS_MOST {
        let Ok(Some(pid)) = waitid(Id::All, flags).map(|status| status.pid()) else { return };
        // Behind one that is known there may be others, but that one is about to be waited for, and then it is their turn.
        if u32::try_from(pid.as_raw()).is_ok_and(&known) || waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err()
        {
            return;
        }
    }
}

fn number(child: u32) -> io::Result<i32> {
    i32::try_from(child).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    #[test]
    fn an_end_is_told_before_anybody_has_waited() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let end = end_of(child.id()).unwrap();
        let ends_within = |limit: PollTimeout| {
            let mut ends = [PollFd::new(std::os::fd::AsFd::as_fd(&end), PollFlags::POLLIN)];
            poll(&mut ends, limit).unwrap() == 1
        };
        assert!(!ends_within(PollTimeout::ZERO));
        assert!(!has_ended(child.id()).unwrap());
        child.stdin.take().unwrap().write_all(b"bye").unwrap();
        assert!(ends_within(PollTimeout::MAX));
        for _ in 0..2 {
            assert!(has_ended(child.id()).unwrap());
        }
        assert!(child.wait().unwrap().success());
        assert!(has_ended(child.id()).is_err());
    }
}
