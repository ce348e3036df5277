//! Receiving several datagrams with one system call.
#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use libc::{iovec, mmsghdr, msghdr};
use nix::errno::Errno;

use super::address::{self, Address};
use super::control::{self, Control};
use super::failure::retry;
use super::outbox::zeroed;
use super::{Datagram, LARGEST};
use crate::calls;

/// From one buffer to the next. Were this a power of two, the beginnings of all buffers, the only parts that small datagrams
/// need, would fight for the same few lines of the processor's caches.
const STRIDE: usize = LARGEST + 192;

/// Room for several datagrams, used again and again. What lies in it stays until [`Batch::clear`].
///
/// None of the vectors ever grows or shrinks, so that their memory stays where it is: the headers point there from the beginning.
/// Those behind what was received name the whole room that there is.
pub struct Batch {
    /// [`STRIDE`] bytes for each. The system gives memory only for what has been used of it.
    buffers: Vec<u8>,
    sources: Vec<Address>,
    controls: Vec<Control>,
    /// Where the buffers are: only the kernel reads it.
    _vectors: Vec<iovec>,
    headers: Vec<mmsghdr>,
    received: usize,
}

// SAFETY: the pointers in the headers and vectors point to this value's own memory, which goes with it.
unsafe impl Send for Batch {}

impl Batch {
    /// Room for `most` datagrams of any size.
    pub fn new(most: usize) -> Batch {
        let mut buffers = vec![0; most * STRIDE];
        let mut sources = vec![Address::new(); most];
        let mut controls = vec![Control::new(); most];
        let room = |buffer: &mut [u8]| iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: LARGEST };
        let mut vectors: Vec<iovec> = buffers.chunks_exact_mut(STRIDE).map(room).collect();
        let mut headers: Vec<mmsghdr> = (0..most).map(|_| zeroed()).collect();
        for (index, header) in headers.iter_mut().enumerate() {
            let message = &mut header.msg_hdr;
            message.msg_name = sources[index].as_mut_ptr().cast();
            message.msg_iov = &raw mut vectors[index];
            message.msg_iovlen = 1;
            message.msg_control = controls[index].as_mut_ptr().cast();
            reset(message);
        }
        Batch { buffers, sources, controls, _vectors: vectors, headers, received: 0 }
    }

    /// Forgets what was received.
    pub fn clear(&mut self) {
        for header in &mut self.headers[..self.received] {
            reset(&mut header.msg_hdr);
        }
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
        let received = fill(socket.as_fd().as_raw_fd(), &mut self.headers[begin..end])?;
        self.received += received.min(end - begin);
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
        let notes = control::notes(self.controls[index].written(control::length(&header.msg_hdr)));
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
}

/// Says anew how much room a message has: the kernel changes it to what it used.
fn reset(message: &mut msghdr) {
    message.msg_namelen = ADDRESS;
    control::set_length(message, control::SIZE);
    message.msg_flags = 0;
}

/// Takes what has arrived, and returns how many datagrams that are. The headers are those of a batch.
fn fill(fd: RawFd, headers: &mut [mmsghdr]) -> Result<usize, Errno> {
    const FLAGS: libc::c_int = libc::MSG_DONTWAIT;
    if let [one] = headers {
        // SAFETY: the header points to buffers of the sizes that it names, which live as long as the batch, and which nobody else
        // uses during the call.
        let received = retry(|| unsafe { calls::receive(fd, &mut one.msg_hdr, FLAGS) })?;
        one.msg_len = libc::c_uint::try_from(received).unwrap_or(0);
        return Ok(1);
    }
    // SAFETY: as above.
    retry(|| unsafe { calls::receive_several(fd, headers, FLAGS) })
}

#[expect(clippy::cast_possible_truncation, reason = "a small number")]
const ADDRESS: libc::socklen_t = address::SIZE as libc::socklen_t;

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("room", &self.room())
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
