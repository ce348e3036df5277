//! Bytes that can be checked wherever they arrive: the byte at an offset is a function of seed and offset.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::stream::{End, Stream};

/// An endless text, different for every seed.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    seed: u64,
}

impl Content {
    /// The text of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Puts the bytes from `offset` on into `buffer`.
    pub fn fill(self, offset: u64, buffer: &mut [u8]) {
        let mut position = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let word = self.word(position / 8).to_le_bytes();
            let from = (position % 8) as usize;
            let count = rest.len().min(8 - from);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&word[from..from + count]);
            rest = later;
            position += count as u64;
        }
    }

    /// The first `length` bytes.
    pub fn bytes(self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(0, &mut bytes);
        bytes
    }

    /// Whether `bytes` are those from `offset` on.
    pub fn matches(self, offset: u64, bytes: &[u8]) -> bool {
        let mut expected = vec![0; bytes.len()];
        self.fill(offset, &mut expected);
        expected == bytes
    }

    /// Asserts that a file holds the first `length` bytes and no more, however many these are.
    #[track_caller]
    pub fn assert_file(self, path: &Path, length: u64) {
        let mut file = File::open(path).unwrap();
        let mut buffer = vec![0; 1 << 20];
        let mut offset = 0;
        loop {
            let count = file.read(&mut buffer).unwrap();
            if count == 0 {
                return assert_eq!(offset, length, "the length of {}", path.display());
            }
            assert!(
                self.matches(offset, &buffer[..count]),
                "wrong bytes in {} from {offset}",
                path.display()
            );
            offset += count as u64;
        }
    }

    /// Writes the first `length` bytes.
    pub fn write_to(self, mut out: impl Write, length: u64) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let mut offset = 0;
        while offset < length {
            let count = buffer.len().min((length - offset) as usize);
            self.fill(offset, &mut buffer[..count]);
            out.write_all(&buffer[..count])?;
            offset += count as u64;
        }
        Ok(())
    }

    /// Reads `stream` to its end: how many bytes came, all of them checked, and how it ended.
    #[track_caller]
    pub fn expect_from(self, stream: &Stream) -> (u64, End) {
        let mut offset = 0;
        let end = stream.drain_with(|part| {
            assert!(self.matches(offset, part), "wrong bytes within {} bytes from {offset}", part.len());
            offset += part.len() as u64;
        });
        (offset, end)
    }

    /// The splitmix64 sequence: cheap, and no two offsets look alike.
    const fn word(self, index: u64) -> u64 {
        let mut word = self.seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_same_bytes_as_in_the_whole() {
        let content = Content::new(7);
        let whole = content.bytes(100);
        for from in 0..100 {
            assert!(content.matches(from as u64, &whole[from..]));
        }
        assert!(!content.matches(0, &whole[1..]));
    }
}
