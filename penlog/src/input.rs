//! Standard input cut into datagrams: a line each, with its newline. Pure, but for the reading.

use std::io::{self, Read};

use memchr::memchr_iter;

/// As much as a pipe holds.
const CHUNK: usize = 64 * 1024;

/// What was read and not sent yet: lines, and the beginning of one more. Holds at most a chunk and a datagram.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    /// So much of it is known to have no newline.
    searched: usize,
}

impl Input {
    /// Reads what there is, a chunk at most. Tells how many bytes; 0 is the end.
    pub fn read_from(&mut self, mut source: impl Read) -> io::Result<usize> {
        let kept = self.bytes.len();
        self.bytes.resize(kept + CHUNK, 0);
        let count = source.read(&mut self.bytes[kept..]);
        self.bytes.truncate(kept + count.as_ref().copied().unwrap_or(0));
        count
    }

    /// Ends a line that the input has left without its newline.
    pub fn end(&mut self) {
        if !self.bytes.is_empty() {
            self.bytes.push(b'\n');
        }
    }

    /// Appends the datagrams that are complete, of at most `longest` bytes each. A longer line is several, of which
    /// only the last has the newline.
    pub fn datagrams<'a>(&'a self, longest: usize, datagrams: &mut Vec<&'a [u8]>) {
        let mut start = 0;
        for newline in memchr_iter(b'\n', &self.bytes[self.searched..]) {
            let end = self.searched + newline + 1;
            datagrams.extend(self.bytes[start..end].chunks(longest));
            start = end;
        }
        // Of a line whose end is not here yet, at least a byte stays, so that its newline does not go alone.
        let rest = &self.bytes[start..];
        let pieces = rest.len().saturating_sub(1) / longest;
        datagrams.extend(rest[..pieces * longest].chunks(longest));
    }

    /// Forgets so many bytes from the beginning: those of the datagrams.
    pub fn forget(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.searched = self.bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is sent of input that comes in these chunks.
    fn sent(chunks: &[&[u8]], longest: usize) -> Vec<Vec<u8>> {
        let mut input = Input::default();
        let mut sent = Vec::new();
        let mut send = |input: &mut Input| {
            let mut datagrams = Vec::new();
            input.datagrams(longest, &mut datagrams);
            let count = datagrams.iter().map(|datagram| datagram.len()).sum();
            sent.extend(datagrams.into_iter().map(<[u8]>::to_vec));
            input.forget(count);
            assert!(input.bytes.len() <= longest);
        };
        for chunk in chunks {
            assert_eq!(input.read_from(*chunk).unwrap(), chunk.len());
            send(&mut input);
        }
        assert_eq!(input.read_from(&b""[..]).unwrap(), 0);
        input.end();
        send(&mut input);
        assert!(input.bytes.is_empty());
        sent
    }

    #[test]
    fn a_line_is_a_datagram_with_its_newline() {
        assert_eq!(sent(&[b"one\ntwo\n"], 10), [b"one\n", b"two\n"]);
        assert_eq!(sent(&[b"o", b"ne\nt", b"wo", b"\n"], 10), [b"one\n", b"two\n"]);
    }

    #[test]
    fn empty_lines_and_bytes_of_any_kind_pass() {
        assert_eq!(sent(&[b"\n\n\0\xff\n"], 10), [b"\n".to_vec(), b"\n".to_vec(), b"\0\xff\n".to_vec()]);
    }

    #[test]
    fn the_last_line_gets_its_newline() {
        assert_eq!(sent(&[b"one\ntwo"], 10), [b"one\n", b"two\n"]);
        assert_eq!(sent(&[], 10), [b""; 0]);
    }

    #[test]
    fn a_line_that_is_too_long_is_several_datagrams() {
        let pieces = [&b"0123"[..], b"4567", b"8\n", b"x\n"].map(<[u8]>::to_vec);
        assert_eq!(sent(&[b"012345678\nx\n"], 4), pieces);
        assert_eq!(sent(&[b"01", b"2345", b"678\nx", b"\n"], 4), pieces);
        assert_eq!(sent(&[b"012345678\nx"], 4), pieces);
    }

    #[test]
    fn a_line_that_just_fits_is_one_datagram() {
        assert_eq!(sent(&[b"012\n012\n"], 4), [b"012\n", b"012\n"]);
        assert_eq!(sent(&[b"012", b"\n012"], 4), [b"012\n", b"012\n"]);
    }

    proptest! {
        #[test]
        fn however_it_comes_the_same_bytes_go_and_every_newline_ends_a_datagram(
            lines in prop::collection::vec("[ab]{0,9}\n", 0..20),
            cuts in prop::collection::vec(1..30_usize, 1..20),
            longest in 1..12_usize,
        ) {
            let text = lines.concat().into_bytes();
            let (mut chunks, mut rest) = (Vec::new(), &text[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (chunk, after) = rest.split_at(rest.len().min(*cut));
                chunks.push(chunk);
                rest = after;
            }
            let sent = sent(&chunks, longest);
            prop_assert_eq!(sent.concat(), text);
            for datagram in &sent {
                prop_assert!(datagram.len() <= longest);
                let newlines = memchr_iter(b'\n', datagram).count();
                prop_assert!(newlines == 0 && datagram.len() == longest || datagram.ends_with(b"\n") && newlines == 1);
            }
        }
    }
}
