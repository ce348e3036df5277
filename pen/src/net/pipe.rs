//! A pipe through which the kernel passes bytes from one socket to another: by reference, they are never copied to pen and back.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe2;

/// How large the pipe is made. The kernel counts pages and not bytes, and what came from a network fills its page only in part: so
/// this is four times what is passed at once. An ordinary user may have 64 of them (`pipe-user-pages-soft`).
const SIZE: i32 = 1 << 20;

/// A pipe, which is empty whenever nobody uses it: a worker has one for all its connections.
#[derive(Debug)]
pub struct Pipe {
    reader: File,
    writer: File,
    held: usize,
}

impl Pipe {
    /// # Errors
    /// When the system grants none of that size. A smaller one would be slower than to read and write.
    pub fn new() -> io::Result<Pipe> {
        let (reader, writer) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        fcntl(&writer, FcntlArg::F_SETPIPE_SZ(SIZE))?;
        Ok(Pipe { reader: reader.into(), writer: writer.into(), held: 0 })
    }

    /// Takes at most `limit` bytes out of a socket. Fewer do not mean that it has no more.
    pub fn fill(&mut self, socket: impl AsFd, limit: usize) -> io::Result<usize> {
        if self.held > 0 {
            // Bytes of another connection: nobody may ever get them.
            return Err(Errno::EINVAL.into());
        }
        self.held = splice(socket, None, &self.writer, None, limit, SpliceFFlags::SPLICE_F_NONBLOCK)?;
        Ok(self.held)
    }

    /// Gives a socket what it takes of them. Tells how many bytes that is.
    pub fn drain(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let taken = splice(&self.reader, None, socket, None, self.held, SpliceFFlags::SPLICE_F_NONBLOCK)?;
        self.held -= taken;
        Ok(taken)
    }

    /// Whether all that it was filled with has been taken out again.
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Copies what is left into `buffer`, which must have room for it; none if the system withholds some of it.
    pub fn take_rest<'a>(&mut self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        let rest = buffer.get_mut(..self.held)?;
        self.reader.read_exact(rest).ok()?;
        self.held = 0;
        Some(rest)
    }
}

#[cfg(test)]
mod tests;
