//! Receiving several datagrams with one system call.
#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};

use libc::{iovec, mmsghdr};
use nix::errno::Errno;

use super::address::{self, Address};
use super::control::{self, Control};
use super::failure::retry;
use super::outbox::zeroed;
use super::{Datagram, LARGEST};

/// From one buffer to the next. Were this a power of two, the beginnings of all buffers, the only parts that small datagrams
/// need, would fight for the same few lines of the processor's caches.
const STRIDE: usize = LARGEST + 192;

/// Room for several datagrams, used again and again. What lies in it stays until [`Batch::clear`].
pub struct Batch {
    /// [`STRIDE`] bytes for each. The system gives memory only for what has been used of it.
    buffers: Box<[u8]>,
    sources: Box<[Address]>,
    controls: Box<[Control]>,
    vectors: Box<[iovec]>,
    headers: Box<[mmsghdr]>,
    received: usize,
}

// SAFETY: the pointers in the headers and vectors are set before every call of the kernel, point into this value's own boxes,
// and are read by nobody after the call.
unsafe impl Send for Batch {}

impl Batch {
    /// Room for `most` datagrams of any size.
    pub fn new(most: usize) -> Batch {
        Batch {
            buffers: vec![0; most * STRIDE].into(),
            sources: vec![Address::new(); most].into(),
            controls: vec![Control::new(); most].into(),
            vectors: (0..most).map(|_| zeroed()).collect(),
            headers: (0..most).map(|_| zeroed()).collect(),
            received: 0,
        }
    }

    /// Forgets what was received.
    pub fn clear(&mut self) {
        self.received = 0;
    }

    /// How many datagrams there is still room for.
    pub fn room(&self) -> usize {
        self.headers.len() - self.received
    }

    /// There is no room left.
    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// Nothing was received since it was cleared.
    pub fn is_empty(&self) -> bool {
        self.received == 0
    }

    /// How many datagrams were received since it was cleared.
    pub fn len(&self) -> usize {
        self.received
    }

    /// Takes what has arrived, at most `most` and as many as there is room for, behind what is already here, and says where it
    /// lies. It does not wait: where nothing is, that is [`WouldBlock`](io::ErrorKind::WouldBlock).
    ///
    /// Fewer than asked for means that nothing more is there now, or that the network has reported a failure meanwhile: the
    /// socket then becomes ready anew (`EPOLLERR`), and must be read again.
    pub fn receive(&mut self, socket: &impl AsFd, most: usize) -> io::Result<Range<usize>> {
        let begin = self.received;
        let end = begin + most.min(self.room());
        if begin == end {
            return Ok(begin..end);
        }
        self.prepare(begin..end);
        let fd = socket.as_fd().as_raw_fd();
        let headers = &mut self.headers[begin..end];
        let most = libc::c_uint::try_from(headers.len()).unwrap_or(libc::c_uint::MAX);
        let received = retry(|| {
            // SAFETY: the headers, no less than `most`, point to buffers of the sizes that they name, which live as long as
            // this value, and which nobody else uses during the call. The descriptor is open while it is borrowed.
            Errno::result(unsafe {
                let no_limit = std::ptr::null_mut();
                libc::recvmmsg(fd, headers.as_mut_ptr(), most, libc::MSG_DONTWAIT, no_limit)
            })
        })?;
        self.received += usize::try_from(received).unwrap_or(0).min(end - begin);
        Ok(begin..self.received)
    }

    /// The datagram at this place.
    ///
    /// # Panics
    /// If nothing was received there.
    pub fn get(&self, index: usize) -> Datagram<'_> {
        assert!(index < self.received, "no datagram has the index {index}: there are {}", self.received);
        let header = &self.headers[index];
        let length = usize::try_from(header.msg_len).unwrap_or(LARGEST).min(LARGEST);
        let name_length = usize::try_from(header.msg_hdr.msg_namelen).unwrap_or(0);
        let notes = control::notes(self.controls[index].written(header.msg_hdr.msg_controllen));
        Datagram {
            source: self.sources[index].read(name_length),
            local: notes.local,
            bytes: &self.buffers[index * STRIDE..][..length],
            segment: notes.segment.filter(|&size| size > 0 && size < length),
            arrived: notes.arrived,
            is_cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        }
    }

    /// All that was received since it was cleared.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        (0..self.received).map(|index| self.get(index))
    }

    /// Points the headers to their room, and says anew how much that is: the kernel changes it to what it used.
    fn prepare(&mut self, range: Range<usize>) {
        for index in range {
            let vector = &mut self.vectors[index];
            vector.iov_base = self.buffers[index * STRIDE..][..LARGEST].as_mut_ptr().cast();
            vector.iov_len = LARGEST;
            let message = &mut self.headers[index].msg_hdr;
            message.msg_name = self.sources[index].as_mut_ptr().cast();
            message.msg_namelen = ADDRESS;
            message.msg_iov = vector;
            message.msg_iovlen = 1;
            message.msg_control = self.controls[index].as_mut_ptr().cast();
            message.msg_controllen = control::SIZE;
            message.msg_flags = 0;
        }
    }
}

/// The size of an address, a small number.
#[allow(clippy::cast_possible_truncation)]
const ADDRESS: libc::socklen_t = address::SIZE as libc::socklen_t;

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("room", &self.room())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
