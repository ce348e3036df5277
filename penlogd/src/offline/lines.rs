//! Lines of a file, one after the other, in a buffer that never grows.

use std::io::{self, ErrorKind, Read};

/// Longer lines are handed out in pieces, which nobody can read anything from.
pub const LONGEST: usize = crate::line::LONGEST;

/// A line of the greatest length and its newline are read before they are looked at.
const IN_SIGHT: usize = LONGEST + 1;

const BUFFER: usize = 4 * LONGEST;

/// A file, as lines.
pub struct Lines<Source> {
    source: Source,
    buffer: Box<[u8]>,
    /// What has not been handed out.
    start: usize,
    /// Where what has been read ends.
    end: usize,
    /// Where the piece that was handed out last begins.
    last: usize,
    is_within_long: bool,
    was_within_long: bool,
    over: Option<Over>,
}

/// Why there is nothing more to read.
enum Over {
    End,
    Failed(io::Error),
}

/// The next part of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line without its newline.
    Line(&'a [u8]),
    /// A part of a line that is longer than [`LONGEST`].
    OfLong {
        /// Without a newline.
        text: &'a [u8],
        /// Whether the line ends with it.
        is_last: bool,
    },
}

impl<Source: Read> Lines<Source> {
    /// The lines of `source`.
    pub fn of(source: Source) -> Self {
        Lines {
            source,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            last: 0,
            is_within_long: false,
            was_within_long: false,
            over: None,
        }
    }

    /// The next piece; none at the end, be it the file's or one that an error made ([`Lines::failure`]): what could be
    /// read before it is handed out. A last line without a newline is a line.
    pub fn next(&mut self) -> Option<Piece<'_>> {
        while self.end - self.start < IN_SIGHT && self.over.is_none() {
            self.read_more();
        }
        let unread = &self.buffer[self.start..self.end];
        let in_sight = &unread[..unread.len().min(IN_SIGHT)];
        let newline = memchr::memchr(b'\n', in_sight);
        let length = newline.unwrap_or(in_sight.len());
        if length == 0 && newline.is_none() {
            return None;
        }
        let next = length + usize::from(newline.is_some());
        let is_last = newline.is_some() || next == unread.len();
        self.last = self.start;
        self.was_within_long = self.is_within_long;
        self.is_within_long = !is_last;
        self.start += next;
        let text = &unread[..length];
        let is_long = self.was_within_long || length > LONGEST;
        Some(if is_long { Piece::OfLong { text, is_last } } else { Piece::Line(text) })
    }

    /// Has [`Lines::next`] hand out the last piece once more.
    pub fn step_back(&mut self) {
        self.start = self.last;
        self.is_within_long = self.was_within_long;
    }

    /// What kept the rest from being read.
    pub fn failure(&self) -> Option<&io::Error> {
        match &self.over {
            Some(Over::Failed(error)) => Some(error),
            Some(Over::End) | None => None,
        }
    }

    fn read_more(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.over = Some(Over::End),
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => self.over = Some(Over::Failed(error)),
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A source that gives a few bytes at a time, and fails at its end if it is to.
    struct Trickle<'a> {
        rest: &'a [u8],
        sizes: Vec<usize>,
        fails: bool,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.rest.is_empty() && self.fails {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.sizes.rotate_left(1);
            let count = self.sizes[0].min(buffer.len()).min(self.rest.len());
            buffer[..count].copy_from_slice(&self.rest[..count]);
            self.rest = &self.rest[count..];
            Ok(count)
        }
    }

    /// The whole lines, where pieces of long ones are put together again, and whether they were long.
    fn read(source: impl Read, steps_back: bool) -> (Vec<(Vec<u8>, bool)>, bool) {
        let mut lines = Lines::of(source);
        let (mut whole, mut open): (Vec<(Vec<u8>, bool)>, _) = (Vec::new(), false);
        loop {
            if steps_back && lines.next().is_some() {
                lines.step_back();
            }
            let Some(piece) = lines.next() else { break };
            let (text, is_long, is_last) = match piece {
                Piece::Line(text) => (text, false, true),
                Piece::OfLong { text, is_last } => (text, true, is_last),
            };
            if !open {
                whole.push((Vec::new(), is_long));
            }
            whole.last_mut().unwrap().0.extend_from_slice(text);
            open = !is_last;
        }
        (whole, lines.failure().is_some())
    }

    #[test]
    fn lines_end_with_a_newline_or_the_file() {
        let (lines, failed) = read(&b"a\n\nb\r\n\0c"[..], true);
        let lines: Vec<_> = lines.iter().map(|(line, _)| line.as_slice()).collect();
        assert_eq!(lines, [&b"a"[..], b"", b"b\r", b"\0c"]);
        assert!(!failed);
        assert_eq!(read(&b""[..], false), (vec![], false));
        assert_eq!(read(&b"\n"[..], false), (vec![(vec![], false)], false));
    }

    #[test]
    fn a_line_of_the_greatest_length_is_one_and_a_longer_one_comes_in_pieces() {
        for (length, is_long) in [(LONGEST, false), (LONGEST + 1, true), (3 * BUFFER, true)] {
            let mut text = vec![b'x'; length];
            text.extend_from_slice(b"\nnext\n");
            let (lines, _) = read(text.as_slice(), true);
            assert_eq!(lines, [(vec![b'x'; length], is_long), (b"next".to_vec(), false)], "{length}");
        }
    }

    #[test]
    fn what_came_before_an_error_is_read() {
        let source = Trickle { rest: b"a\nb", sizes: vec![2], fails: true };
        assert_eq!(read(source, true), (vec![(b"a".to_vec(), false), (b"b".to_vec(), false)], true));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_a_file_comes(
            lengths in proptest::collection::vec(prop_oneof![8 => 0..200_usize, 1 => 65_000..70_000_usize], 0..12),
            sizes in proptest::collection::vec(1..100_000_usize, 1..5),
            has_last_newline: bool,
            steps_back: bool,
        ) {
            let lines: Vec<Vec<u8>> =
                lengths.iter().zip(b'a'..).map(|(length, letter)| vec![letter; *length]).collect();
            let mut text = lines.join(&b'\n');
            // An empty last line without a newline is none.
            if has_last_newline || lines.last().is_some_and(Vec::is_empty) {
                text.push(b'\n');
            }
            let expected = if lines.is_empty() && has_last_newline { vec![vec![]] } else { lines };
            let expected: Vec<_> =
                expected.into_iter().map(|line| { let is_long = line.len() > LONGEST; (line, is_long) }).collect();
            let (lines, failed) = read(Trickle { rest: &text, sizes, fails: false }, steps_back);
            prop_assert_eq!(lines, expected);
            prop_assert!(!failed);
        }
    }
}
