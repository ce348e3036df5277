//! A server is told something, and its answer must hold something.

use common::quoted::Quoted;

use super::Outcome;
use super::reason::{QUOTED_MOST, quoted};
use super::search::{Finding, Search};

/// Listens for what is expected.
#[derive(Debug)]
pub(super) struct Check {
    search: Search,
    /// The first bytes that came, to be told if they are all that there is to tell; one more than are quoted.
    beginning: Vec<u8>,
}

impl Check {
    pub(super) fn new(expected: &Quoted) -> Check {
        Check { search: Search::new(expected), beginning: Vec::new() }
    }

    pub(super) fn take(&mut self, data: &[u8]) -> Outcome {
        let room = QUOTED_MOST + 1 - self.beginning.len();
        self.beginning.extend(data.iter().take(room));
        match self.search.take(data) {
            Finding::Open => Outcome::Pending,
            Finding::Found => Outcome::Passed,
            Finding::Missing => Outcome::Failed(self.missing("does not hold", " in its first 64 KiB")),
        }
    }

    /// Why it fails if the connection ends.
    pub(super) fn end(&self) -> String {
        if self.beginning.is_empty() {
            return "the server closed the connection without an answer".to_owned();
        }
        self.missing("does not hold", "")
    }

    /// Why it fails if nothing more comes.
    pub(super) fn overdue(&self) -> String {
        if self.beginning.is_empty() {
            return "no answer in time".to_owned();
        }
        self.missing("did not hold", " in time")
    }

    fn missing(&self, verb: &str, place: &str) -> String {
        format!("the answer {} {verb} {}{place}", quoted(&self.beginning), self.search.quoted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check() -> Check {
        Check::new(&Quoted::new("220 "))
    }

    #[test]
    fn the_text_may_stand_anywhere_and_is_found_at_once() {
        assert_eq!(check().take(b"220 mail.example.com ESMTP"), Outcome::Passed);
        let mut split = check();
        assert_eq!(split.take(b"hello\r\n22"), Outcome::Pending);
        assert_eq!(split.take(b"0 "), Outcome::Passed);
    }

    #[test]
    fn what_came_instead_is_told() {
        let mut refused = check();
        assert_eq!(refused.overdue(), "no answer in time");
        assert_eq!(refused.end(), "the server closed the connection without an answer");
        assert_eq!(refused.take(b"554 go away\r\n"), Outcome::Pending);
        assert_eq!(refused.end(), r#"the answer "554 go away\r\n" does not hold "220 ""#);
        assert_eq!(refused.overdue(), r#"the answer "554 go away\r\n" did not hold "220 " in time"#);
    }

    #[test]
    fn an_answer_without_end_fails_after_64_kib() {
        let reads = (0..).map_while(|read| match refused_read(read) {
            Outcome::Pending => Some(read),
            _ => None,
        });
        assert_eq!(reads.count(), 65);
        let expected = format!(
            "the answer \"{}...\" does not hold \"220 \" in its first 64 KiB",
            "x".repeat(QUOTED_MOST)
        );
        assert_eq!(refused_read(65), Outcome::Failed(expected));
    }

    /// What comes of so many reads of 1000 bytes and one more.
    fn refused_read(reads: usize) -> Outcome {
        let mut check = check();
        for _ in 0..reads {
            assert_eq!(check.take(&[b'x'; 1000]), Outcome::Pending);
        }
        check.take(&[b'x'; 1000])
    }
}
