//! A text looked for in what a server says, however that is split.

use common::quoted::Quoted;
use memchr::memmem::Finder;

use super::reason;

/// So much is searched, in bytes.
const SEARCHED_MOST: usize = 64 * 1024;

/// Looks for a text in the first 64 KiB. Keeps no more of what has come than the text is long.
#[derive(Debug)]
pub(super) struct Search {
    text: Finder<'static>,
    /// The end of what has come, in which the text may begin.
    tail: Vec<u8>,
    /// How much is still searched.
    left: usize,
}

/// How a search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The text may still come.
    Open,
    Found,
    /// It was not among the first 64 KiB.
    Missing,
}

impl Search {
    pub(super) fn new(text: &Quoted) -> Search {
        Search { text: Finder::new(text.bytes()).into_owned(), tail: Vec::new(), left: SEARCHED_MOST }
    }

    pub(super) fn take(&mut self, data: &[u8]) -> Finding {
        let data = data.get(..self.left).unwrap_or(data);
        self.left -= data.len();
        self.tail.extend_from_slice(data);
        if self.text.find(&self.tail).is_some() {
            return Finding::Found;
        }
        if self.left == 0 {
            return Finding::Missing;
        }
        let kept = self.text.needle().len().saturating_sub(1);
        self.tail.drain(..self.tail.len().saturating_sub(kept));
        Finding::Open
    }

    /// The text in quotes.
    pub(super) fn quoted(&self) -> String {
        reason::quoted(self.text.needle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_reads() {
        for read in 1..6 {
            let mut search = Search::new(&Quoted::new("aab"));
            let finding = b"aaaaab".chunks(read).map(|data| search.take(data)).last();
            assert_eq!(finding, Some(Finding::Found), "{read}");
        }
    }

    #[test]
    fn only_the_first_64_kib_count() {
        for (before, finding) in [(SEARCHED_MOST - 2, Finding::Found), (SEARCHED_MOST - 1, Finding::Missing)]
        {
            let text = [vec![b'x'; before], b"ok".to_vec()].concat();
            assert_eq!(Search::new(&Quoted::new("ok")).take(&text), finding);
            let mut search = Search::new(&Quoted::new("ok"));
            let last =
                text.iter().map(|byte| search.take(&[*byte])).find(|finding| *finding != Finding::Open);
            assert_eq!(last, Some(finding));
        }
    }

    #[test]
    fn no_more_is_kept_than_the_text_is_long() {
        let mut search = Search::new(&Quoted::new("ok"));
        for _ in 0..60 {
            assert_eq!(search.take(&[b'x'; 1000]), Finding::Open);
            assert!(search.tail.len() < 2);
        }
    }
}
