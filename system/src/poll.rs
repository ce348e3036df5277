//! What the kernel's poll can do and mio does not ask for.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Has a poll tell, as `token`, when the socket becomes readable. Of several polls that wait for it in this way only one that has
/// nothing else to do is woken, instead of all; those that are busy hear of it, too.
///
/// Who is told has to read all that there is, or remember that there may be more: nobody is told of it again.
pub fn wake_only_one(poll: &impl AsFd, socket: &impl AsFd, token: u64) -> io::Result<()> {
    let events = libc::EPOLLIN | libc::EPOLLET | libc::EPOLLEXCLUSIVE;
    let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: token };
    // SAFETY: both descriptors are open while they are borrowed, and the kernel only reads the event.
    let result = unsafe {
        let (poll, socket) = (poll.as_fd().as_raw_fd(), socket.as_fd().as_raw_fd());
        libc::epoll_ctl(poll, libc::EPOLL_CTL_ADD, socket, &raw mut event)
    };
    nix::errno::Errno::result(result)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    fn tokens(poll: &mut Poll) -> Vec<usize> {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().map(|event| event.token().0).collect()
    }

    #[test]
    fn polls_that_are_busy_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut polls = [Poll::new().unwrap(), Poll::new().unwrap()];
        for (token, poll) in polls.iter().enumerate() {
            wake_only_one(poll.registry(), &listener, token as u64 + 7).unwrap();
        }
        let _client = UnixStream::connect(&path).unwrap();
        // Nobody waits in either of them.
        assert_eq!(polls.each_mut().map(tokens), [[7], [8]]);
        assert!(polls.each_mut().map(tokens).iter().all(Vec::is_empty));
    }
}
