//! What a datagram says, or several do that the kernel has joined.

use system::datagrams::{Datagram, Outgoing};

/// Bytes of one datagram, or of several that the kernel has joined.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// What is said.
    pub bytes: &'a [u8],
    /// They are several of so many bytes each, the last of which may be shorter.
    pub segment: Option<usize>,
}

impl<'a> Payload<'a> {
    /// What was received.
    pub fn of(datagram: &Datagram<'a>) -> Payload<'a> {
        Payload { bytes: datagram.bytes, segment: datagram.segment }
    }

    /// What is to be sent.
    pub fn of_outgoing(outgoing: &Outgoing<'a>) -> Payload<'a> {
        Payload { bytes: outgoing.bytes, segment: outgoing.segment }
    }

    /// How many datagrams it is.
    pub fn count(&self) -> u32 {
        self.count_of(self.bytes.len()).max(1)
    }

    /// How many of its datagrams so many bytes at its end are, which begin with a whole one.
    pub fn count_of(&self, bytes: usize) -> u32 {
        let size = self.segment.filter(|&size| size > 0).unwrap_or(usize::MAX);
        bytes.div_ceil(size).try_into().unwrap_or(u32::MAX)
    }

    /// The datagrams one by one.
    pub fn parts(self) -> impl Iterator<Item = Payload<'a>> {
        let size = self.segment.filter(|&size| size > 0 && size < self.bytes.len());
        // Chunks of an empty one would be none.
        let whole = size.is_none().then_some(self.bytes);
        let parts = size.map(|size| self.bytes.chunks(size)).into_iter().flatten();
        whole.into_iter().chain(parts).map(|bytes| Payload { bytes, segment: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_datagrams_are_counted_and_taken_apart() {
        for (length, segment, parts) in [
            (0, None, &[0][..]),
            (5, None, &[5]),
            (10, Some(4), &[4, 4, 2]),
            (8, Some(4), &[4, 4]),
            (3, Some(4), &[3]),
        ] {
            let bytes = vec![7; length];
            let payload = Payload { bytes: &bytes, segment };
            let lengths: Vec<usize> = payload.parts().map(|part| part.bytes.len()).collect();
            assert_eq!(lengths, parts);
            assert_eq!(payload.count() as usize, parts.len());
            for (sent, unsent) in parts
                .iter()
                .scan(0, |sent, part| {
                    *sent += part;
                    Some(*sent)
                })
                .zip((0..parts.len()).rev())
            {
                assert_eq!(
                    payload.count_of(length - sent) as usize,
                    unsent,
                    "after {sent} of {length} bytes"
                );
            }
        }
    }
}
