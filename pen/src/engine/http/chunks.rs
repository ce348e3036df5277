//! A body in chunks, with its trailers: where it ends.

/// How far the body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Chunks {
    /// In the size of a chunk, of which so many digits were read.
    Size {
        size: u64,
        digits: u8,
    },
    /// In the blanks or the extension behind the size.
    Extension {
        size: u64,
    },
    /// In blanks behind which nothing but an extension may follow; strictly only.
    Blanks {
        size: u64,
    },
    /// A CR was read, so that line ends with the next byte.
    SizeEnd {
        size: u64,
    },
    /// In the data, of which so much is missing.
    Data {
        left: u64,
    },
    /// Behind the data.
    DataEnd,
    /// The same, after a CR.
    DataEndLf,
    /// At the beginning of a line behind the last chunk.
    Line,
    /// In a trailer.
    Trailer,
    TrailerEnd,
    /// In the empty line that ends the body.
    BodyEnd,
    /// The body is over.
    Over,
    /// It breaks the rules, so nobody knows where it ends.
    Malformed,
}

/// A number of that many digits fits.
const DIGITS_MOST: u8 = 16;
/// The largest number that all servers can count to.
const LARGEST: u64 = i64::MAX.unsigned_abs();

impl Chunks {
    pub(in crate::engine) const START: Chunks = Chunks::Size { size: 0, digits: 0 };

    /// Reads on, until the body is over or malformed; tells how many bytes belong to it.
    pub(in crate::engine) fn take(&mut self, bytes: &[u8]) -> usize {
        self.read(bytes, Chunks::after)
    }

    /// The same by rules that leave no room for two opinions. Stops at [`Chunks::Line`] already: what follows the last chunk
    /// has the form of a head.
    pub(super) fn take_strictly(&mut self, bytes: &[u8]) -> usize {
        self.read(bytes, Chunks::after_strictly)
    }

    fn read(&mut self, bytes: &[u8], after: fn(Chunks, u8) -> Option<Chunks>) -> usize {
        let mut taken = 0;
        while let Some(&byte) = bytes.get(taken) {
            if let Chunks::Data { left } = self {
                let part = (bytes.len() - taken).min(usize::try_from(*left).unwrap_or(usize::MAX));
                taken += part;
                *left -= part as u64;
                if *left == 0 {
                    *self = Chunks::DataEnd;
                }
            } else {
                let Some(next) = after(*self, byte) else { break };
                *self = next;
                taken += usize::from(next != Chunks::Malformed);
            }
        }
        taken
    }

    /// Where it is after the next byte of anything but data; `None` if that does not belong to the body.
    fn after(self, byte: u8) -> Option<Chunks> {
        Some(match (self, byte) {
            (Chunks::Over | Chunks::Malformed, _) => return None,
            (Chunks::Size { size, digits }, _) if byte.is_ascii_hexdigit() && digits < DIGITS_MOST => {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                Chunks::Size { size: size << 4 | digit, digits: digits + 1 }
            }
            (Chunks::Size { size, digits: 1.. } | Chunks::Extension { size }, b'\r') => {
                Chunks::SizeEnd { size }
            }
            (
                Chunks::Size { size, digits: 1.. } | Chunks::Extension { size } | Chunks::SizeEnd { size },
                b'\n',
            ) => match size {
                0 => Chunks::Line,
                left => Chunks::Data { left },
            },
            (Chunks::Size { size, digits: 1.. }, b' ' | b'\t' | b';') | (Chunks::Extension { size }, 1..) => {
                Chunks::Extension { size }
            }
            (Chunks::DataEnd, b'\r') => Chunks::DataEndLf,
            (Chunks::DataEnd | Chunks::DataEndLf, b'\n') => Chunks::START,
            (Chunks::Line, b'\r') => Chunks::BodyEnd,
            (Chunks::Line | Chunks::BodyEnd, b'\n') => Chunks::Over,
            (Chunks::Trailer, b'\r') => Chunks::TrailerEnd,
            (Chunks::Trailer | Chunks::TrailerEnd, b'\n') => Chunks::Line,
            (Chunks::Line | Chunks::Trailer, 1..) => Chunks::Trailer,
            _ => Chunks::Malformed,
        })
    }

    fn after_strictly(self, byte: u8) -> Option<Chunks> {
        match (self, byte) {
            (Chunks::Line, _) => None,
            // Only CRLF ends a line, and nothing in it may look like an end.
            (Chunks::Size { .. } | Chunks::Extension { .. } | Chunks::DataEnd, b'\n') => {
                Some(Chunks::Malformed)
            }
            // A number that goes on behind a blank is a larger one for some.
            (Chunks::Size { size, digits: 1.. } | Chunks::Blanks { size }, b' ' | b'\t') => {
                Some(Chunks::Blanks { size })
            }
            (Chunks::Blanks { size }, b';') => Some(Chunks::Extension { size }),
            (Chunks::Blanks { size }, b'\r') => Some(Chunks::SizeEnd { size }),
            (Chunks::Extension { .. }, ..=0x08 | 0x0b..=0x0c | 0x0e..=0x1f | 0x7f) => Some(Chunks::Malformed),
            _ => self.after(byte).map(|next| match next {
                // Some servers read it as a number below 0.
                Chunks::Size { size, .. } if size > LARGEST => Chunks::Malformed,
                next => next,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of the text is the body, and whether it ends in it.
    fn body(text: &str) -> (usize, bool) {
        let mut chunks = Chunks::START;
        let taken = chunks.take(text.as_bytes());
        assert_ne!(chunks, Chunks::Malformed, "{text:?}");
        (taken, chunks == Chunks::Over)
    }

    #[test]
    fn a_body_ends_with_the_empty_line_behind_the_last_chunk() {
        for text in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "5\nhello\n0\n\n",
            "00000005 \t;a=b;c=\"d\"\r\nhello\r\n000\r\n\r\n",
            "a\r\n0\r\n\r\n0\r\n\r\r\n0\r\nA: b\r\nC: d\r\n\r\n",
            "1F\r\n0123456789012345678901234567890\r\n0\r\n\r\n",
        ] {
            assert_eq!(body(&format!("{text}GET / HTTP/1.1\r\n")), (text.len(), true), "{text:?}");
            for end in 0..text.len() {
                assert_eq!(body(&text[..end]), (end, false), "{text:?} to {end}");
            }
        }
    }

    #[test]
    fn what_is_no_chunk_is_malformed() {
        for text in [
            "\r",
            ";",
            " ",
            "-",
            "0x",
            "5\rx",
            "5 a\0",
            "5\r\nhello0",
            "5\r\nhello\rx",
            "g",
            "10000000000000000",
            "0\r\nA\rB",
            "0\r\n\rx",
            "0\r\n\0",
        ] {
            let mut chunks = Chunks::START;
            let taken = chunks.take(text.as_bytes());
            assert_eq!((chunks, taken), (Chunks::Malformed, text.len() - 1), "{text:?}");
        }
        assert_eq!(body("ffffffffffffffff\r\nx"), (19, false));
    }

    #[test]
    fn strictly_a_body_is_read_as_far_as_its_trailers() {
        for text in ["0\r\n", "5\r\nhello\r\n0\r\n", "00005 \t;a=b;c=\"d\"\r\nhello\r\n000;x\ty\r\n"] {
            for end in 0..text.len() {
                let mut chunks = Chunks::START;
                assert_eq!(chunks.take_strictly(&text.as_bytes()[..end]), end, "{text:?}");
                assert!(!matches!(chunks, Chunks::Line | Chunks::Malformed), "{text:?} to {end}: {chunks:?}");
                let rest = format!("{}X: y\r\n\r\n", &text[end..]);
                assert_eq!(chunks.take_strictly(rest.as_bytes()), text.len() - end, "{text:?}");
                assert_eq!(chunks, Chunks::Line);
            }
        }
        for text in [
            "5\n",
            "5 \n",
            "5;a\n",
            "5;\u{1}",
            "5;\u{7f}",
            "5;a\rb",
            "5\r\nhello\n",
            "0\n",
            "8000000000000000",
            "ffffffffffffffff",
            "10000000000000000",
            "+5",
            ";",
        ] {
            let mut chunks = Chunks::START;
            chunks.take_strictly(text.as_bytes());
            assert_eq!(chunks, Chunks::Malformed, "{text:?}");
        }
    }
}
