//! Sending several datagrams with one system call.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use libc::{iovec, mmsghdr, msghdr};
use nix::errno::Errno;

use super::address::Address;
use super::control::{self, Control};
use super::failure::retry;
use super::options::is_unix;
use super::{Name, Outgoing};
use crate::calls;

/// It never waits, and a Unix socket whose peer has gone raises no signal.
const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Room for what the kernel is told of several datagrams, used again and again.
pub struct Outbox {
    names: Box<[Address]>,
    controls: Box<[Control]>,
    vectors: Box<[iovec]>,
    headers: Box<[mmsghdr]>,
    unsent: usize,
}

// SAFETY: the pointers in the headers and vectors are set before every call of the kernel, and read by nobody after it.
unsafe impl Send for Outbox {}

impl Outbox {
    /// Room for `most` datagrams in one system call, at least one.
    pub fn new(most: usize) -> Outbox {
        let most = most.max(1);
        Outbox {
            names: vec![Address::new(); most].into(),
            controls: vec![Control::new(); most].into(),
            vectors: (0..most).map(|_| zeroed()).collect(),
            headers: (0..most).map(|_| zeroed()).collect(),
            unsent: 0,
        }
    }

    /// Sends datagrams in order, with as few system calls as possible; it does not wait. Returns how many of them are sent: if
    /// these are not all, the next one could not be, and another call with it tells why.
    ///
    /// A joined one goes out as it is where the kernel is able to take it apart, and as single datagrams otherwise. If only some
    /// of those can be sent, the joined one counts as sent, and [`Outbox::unsent`] says how much of it is not.
    ///
    /// # Errors
    /// The first one could not be sent: [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room for it now. A failure of
    /// an earlier datagram is no error here. Nothing can be sent to a Unix socket without a name (`EINVAL`).
    pub fn send(&mut self, socket: &impl AsFd, datagrams: &[Outgoing<'_>]) -> io::Result<usize> {
        self.unsent = 0;
        let mut sent = 0;
        while sent < datagrams.len() && self.unsent == 0 {
            match self.send_some(socket, &datagrams[sent..]) {
                Ok(more) => sent += more,
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sent)
    }

    /// How many bytes at the end of the last datagram that counts as sent are not, because it was a joined one, and there was
    /// room for a part of it only. They are whole datagrams.
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// Sends at least the first.
    fn send_some(&mut self, socket: &impl AsFd, datagrams: &[Outgoing<'_>]) -> Result<usize, Errno> {
        let Some((first, others)) = datagrams.split_first() else { return Ok(0) };
        if first.joined().is_some() && !takes_apart(socket, first) {
            return self.send_apart(socket, first);
        }
        let alike = others.iter().take(self.headers.len() - 1);
        let count = 1 + alike.take_while(|other| other.joined().is_none() || is_inet(other)).count();
        for (index, datagram) in datagrams[..count].iter().enumerate() {
            self.load(index, datagram, datagram.joined());
        }
        match self.hand_over(socket, count) {
            Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE) if first.joined().is_some() => {
                self.send_apart(socket, first)
            }
            result => result,
        }
    }

    /// Sends a joined datagram as the single ones that it consists of. If only some of them can be sent, it counts as sent.
    fn send_apart(&mut self, socket: &impl AsFd, joined: &Outgoing<'_>) -> Result<usize, Errno> {
        let size = joined.joined().unwrap_or(joined.bytes.len());
        let mut rest = joined.bytes;
        while !rest.is_empty() {
            let mut count = 0;
            for (index, bytes) in rest.chunks(size).take(self.headers.len()).enumerate() {
                self.load(index, &Outgoing { bytes, ..*joined }, None);
                count = index + 1;
            }
            match self.hand_over(socket, count) {
                Ok(sent) => rest = &rest[rest.len().min(sent * size)..],
                Err(error) if rest.len() == joined.bytes.len() => return Err(error),
                Err(_) => break,
            }
        }
        self.unsent = rest.len();
        Ok(1)
    }

    /// Writes what the kernel is told of one datagram, and of what size its parts are if it is to be taken apart.
    fn load(&mut self, index: usize, datagram: &Outgoing<'_>, segment: Option<usize>) {
        let vector = &mut self.vectors[index];
        vector.iov_base = datagram.bytes.as_ptr().cast_mut().cast();
        vector.iov_len = datagram.bytes.len();
        let message = &mut self.headers[index].msg_hdr;
        message.msg_iov = vector;
        message.msg_iovlen = 1;
        message.msg_name = std::ptr::null_mut();
        message.msg_namelen = 0;
        if let Some(name) = datagram.to {
            let address = &mut self.names[index];
            // At most the size of an address.
            message.msg_namelen = libc::socklen_t::try_from(address.write(name)).unwrap_or(0);
            message.msg_name = address.as_mut_ptr().cast();
        }
        message.msg_control = std::ptr::null_mut();
        control::set_length(message, 0);
        // No larger one is sent as a whole: the kernel refuses more than `LARGEST` bytes.
        let segment = segment.and_then(|size| u16::try_from(size).ok());
        if datagram.from.is_some() || segment.is_some() {
            let control = &mut self.controls[index];
            control::set_length(message, control.write(datagram.from, segment));
            message.msg_control = control.as_mut_ptr().cast();
        }
    }

    /// Gives the kernel what is loaded, and returns how many of them it has taken.
    fn hand_over(&mut self, socket: &impl AsFd, count: usize) -> Result<usize, Errno> {
        let fd = socket.as_fd().as_raw_fd();
        let headers = &mut self.headers[..count];
        if let [one] = headers {
            retry(|| hand_over_one(fd, &one.msg_hdr))?;
            return Ok(1);
        }
        // SAFETY: the headers point to names, control messages and bytes of the sizes that they name, which
        // live until the end of the call and are only read. The descriptor is open while it is borrowed.
        let sent = retry(|| unsafe { calls::send_several(fd, headers, FLAGS) })?;
        Ok(sent.min(count))
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("room", &self.headers.len()).finish_non_exhaustive()
    }
}

/// Gives the kernel one datagram, that is loaded into this header.
fn hand_over_one(fd: RawFd, message: &msghdr) -> Result<usize, Errno> {
    // SAFETY: the header points to a name, control messages and one vector of bytes of the sizes that they name, which live until
    // the end of the call and are only read.
    unsafe {
        if message.msg_controllen > 0 {
            calls::send(fd, message, FLAGS)
        } else {
            calls::send_plain(fd, message, FLAGS)
        }
    }
}

/// Whether the kernel takes a joined datagram apart on its way. A Unix socket would hand it over as one.
fn takes_apart(socket: &impl AsFd, joined: &Outgoing<'_>) -> bool {
    is_inet(joined) || (joined.to.is_none() && !is_unix(socket))
}

fn is_inet(datagram: &Outgoing<'_>) -> bool {
    matches!(datagram.to, Some(Name::Inet(_)))
}

/// A header or vector of nothing.
pub(super) fn zeroed<T: Plain>() -> T {
    // SAFETY: all-zero is a valid value of these.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// # Safety
/// All-zero must be a valid value.
pub(super) unsafe trait Plain {}

// SAFETY: these are plain numbers and pointers of C.
unsafe impl Plain for iovec {}
// SAFETY: as above.
unsafe impl Plain for msghdr {}
// SAFETY: as above.
unsafe impl Plain for mmsghdr {}
