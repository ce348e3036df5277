//! A head that comes in pieces, put together. One that comes at once is not copied.

use std::borrow::Cow;

use memchr::memchr;

/// The largest head, with the empty line that ends it.
pub(in crate::engine::http) const LARGEST_HEAD: usize = 64 * 1024;

/// What is known of a head that is not complete.
#[derive(Debug, Default)]
pub(in crate::engine) struct Assembly {
    bytes: Vec<u8>,
    /// The head does not end with a line that ends before this one.
    searched: usize,
}

impl Assembly {
    /// Takes a head from the beginning of `data`, or more of one. If it is complete: the head, and how much of `data` belongs to
    /// it. Otherwise how much of `data` is kept: all of it, or as much as a head may have.
    pub(in crate::engine) fn take<'a>(&mut self, data: &'a [u8]) -> Result<(Cow<'a, [u8]>, usize), usize> {
        let kept = self.bytes.len();
        if kept == 0 {
            let window = data.get(..LARGEST_HEAD).unwrap_or(data);
            match end_of_head(window, 0) {
                Ok(end) => return Ok((Cow::Borrowed(&data[..end]), end)),
                Err(searched) => self.searched = searched,
            }
            self.bytes.extend_from_slice(window);
            return Err(window.len());
        }
        let window = data.get(..LARGEST_HEAD - kept).unwrap_or(data);
        self.bytes.extend_from_slice(window);
        match end_of_head(&self.bytes, self.searched) {
            Ok(end) => {
                let mut head = self.release();
                head.truncate(end);
                Ok((Cow::Owned(head), end - kept))
            }
            Err(searched) => {
                self.searched = searched;
                Err(window.len())
            }
        }
    }

    /// What is kept.
    pub(in crate::engine) fn kept(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether more than a head would have been kept.
    pub(in crate::engine) fn is_full(&self) -> bool {
        self.bytes.len() == LARGEST_HEAD
    }

    /// Gives back what is kept. The next head begins.
    pub(in crate::engine) fn release(&mut self) -> Vec<u8> {
        self.searched = 0;
        std::mem::take(&mut self.bytes)
    }
}

/// Where the first empty line behind another line ends. If there is none: where to look for it when there is more.
fn end_of_head(bytes: &[u8], mut from: usize) -> Result<usize, usize> {
    while let Some(distance) = memchr(b'\n', &bytes[from..]) {
        let newline = from + distance;
        match &bytes[newline + 1..] {
            [b'\n', ..] => return Ok(newline + 2),
            [b'\r', b'\n', ..] => return Ok(newline + 3),
            [] | [b'\r'] => return Err(newline),
            _ => from = newline + 1,
        }
    }
    Err(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_however_it_comes() {
        for head in [
            "GET / HTTP/1.1\r\nHost: www\r\n\r\n",
            "GET / HTTP/1.1\nHost: www\n\n",
            "a\n\r\n",
            "\r\na\r\n\r\n",
        ] {
            let text = format!("{head}GET /b HTTP/1.1\r\n\r\n");
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut assembly = Assembly::default();
                    let mut at = 0;
                    let mut found = None;
                    for end in [first, second, text.len()] {
                        if found.is_none() {
                            let whole = assembly.take(&text.as_bytes()[at..end]).ok();
                            found = whole.map(|(whole, taken)| (whole.into_owned(), at + taken));
                            at = end;
                        }
                    }
                    assert_eq!(
                        found,
                        Some((head.as_bytes().to_vec(), head.len())),
                        "{head:?} {first} {second}"
                    );
                    assert!(assembly.kept().is_empty());
                }
            }
        }
    }

    #[test]
    fn no_more_is_kept_than_a_head_may_have() {
        let longest = format!("{}\r\n\r\n", "x".repeat(LARGEST_HEAD - 4)).into_bytes();
        for read in [1, 1000, longest.len()] {
            let mut assembly = Assembly::default();
            let heads = longest.chunks(read).filter(|data| assembly.take(data).is_ok()).count();
            assert_eq!((heads, assembly.is_full()), (1, false), "{read}");
        }
        let longer = [b"x", longest.as_slice()].concat();
        for read in [1, 1000, longer.len()] {
            let mut assembly = Assembly::default();
            assert!(longer.chunks(read).all(|data| assembly.take(data).is_err()), "{read}");
            assert!(assembly.is_full());
            assert_eq!(assembly.kept(), &longer[..LARGEST_HEAD]);
        }
    }
}
