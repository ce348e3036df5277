//! Lines that wait for their clients: first come, first served, without an allocation for each.

use std::collections::VecDeque;

/// A queue of lines.
#[derive(Debug, Default)]
pub struct Waiting {
    /// All texts, behind each other.
    texts: Vec<u8>,
    /// Where the text of the first line begins.
    start: usize,
    lines: VecDeque<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    length: usize,
    log: usize,
    place: i64,
}

impl Waiting {
    /// Adds a line: what it says, the log that it is of, and its place in the merged log.
    pub fn push(&mut self, text: &[u8], log: usize, place: i64) {
        // What is gone makes room as soon as that moves no more than it frees.
        if 2 * self.start > self.texts.len() {
            self.texts.drain(..self.start);
            self.start = 0;
        }
        self.texts.extend_from_slice(text);
        self.lines.push_back(Entry { length: text.len(), log, place });
    }

    /// Takes the first line: what it says, and the log that it is of.
    pub fn pop(&mut self) -> Option<(&[u8], usize)> {
        let Entry { length, log, .. } = self.lines.pop_front()?;
        let start = self.start;
        self.start += length;
        Some((&self.texts[start..self.start], log))
    }

    /// The first line's place in the merged log.
    pub fn first_place(&self) -> Option<i64> {
        self.lines.front().map(|line| line.place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_come_out_in_the_order_in_which_they_came(turns in vec((vec(any::<u8>(), 0..20), 0..4_usize), 0..200)) {
            let (mut waiting, mut naive) = (Waiting::default(), VecDeque::new());
            for (log, (text, pops)) in turns.into_iter().enumerate() {
                waiting.push(&text, log, -1);
                naive.push_back((text, log));
                let held: usize = naive.iter().map(|(text, _)| text.len()).sum();
                prop_assert!(waiting.texts.len() <= 2 * held);
                for _ in 0..pops / 2 {
                    let popped = waiting.pop().map(|(text, log)| (text.to_vec(), log));
                    prop_assert_eq!(popped, naive.pop_front());
                }
                prop_assert_eq!(waiting.first_place(), naive.front().map(|_| -1));
            }
        }
    }
}
