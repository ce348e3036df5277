//! Why a check failed, as it is told to people: one line, whatever the server had sent.

use common::escape::Line;
use common::quoted::Quoted;

/// The longest reason, in bytes.
pub(super) const LONGEST: usize = 200;

/// So much of what a server says is looked at when that is quoted, in bytes.
pub(super) const QUOTED_MOST: usize = 40;

/// Stands for the rest.
const DOTS: &str = "...";

/// The longest quotation, in bytes, without what says that there is more.
const QUOTATION_LONGEST: usize = 70;

/// A text from outside in quotes, or its beginning.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let beginning = bytes.get(..QUOTED_MOST).unwrap_or(bytes);
    let mut text = Line(Quoted::new(beginning)).to_string();
    if beginning.len() < bytes.len() || text.len() > QUOTATION_LONGEST {
        let end = QUOTATION_LONGEST.min(text.len() - 1);
        text.truncate(text.floor_char_boundary(end));
        text.push_str(DOTS);
        text.push('"');
    }
    text
}

/// The reason as one line that is not too long.
pub(super) fn bounded(reason: String) -> String {
    if reason.len() <= LONGEST && !reason.contains(char::is_control) {
        return reason;
    }
    let mut line = Line(reason).to_string();
    if line.len() > LONGEST {
        line.truncate(line.floor_char_boundary(LONGEST - DOTS.len()));
        line.push_str(DOTS);
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quotation_is_one_line_of_bounded_length() {
        assert_eq!(quoted(b""), r#""""#);
        assert_eq!(quoted(b"500 \"no\"\r\n\x1b\xff"), r#""500 \"no\"\r\n\x1b\xff""#);
        assert_eq!(quoted("\u{202e}abc".as_bytes()), r#""\u{202e}abc""#);
        assert_eq!(quoted(&[b'a'; 40]), format!("\"{}\"", "a".repeat(40)));
        assert_eq!(quoted(&[b'a'; 41]), format!("\"{}...\"", "a".repeat(40)));
        assert_eq!(quoted(&[0; 40]), format!("\"{}\\...\"", "\\x00".repeat(17)));
    }

    #[test]
    fn a_long_reason_is_cut() {
        assert_eq!(bounded("a".repeat(LONGEST)), "a".repeat(LONGEST));
        assert_eq!(bounded("a".repeat(LONGEST + 1)), format!("{}...", "a".repeat(LONGEST - 3)));
        assert_eq!(bounded("a\nb".to_owned()), r"a\u{a}b");
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_makes_a_plain_line(bytes: Vec<u8>, text: String) {
            let quotation = quoted(&bytes);
            prop_assert!(quotation.len() <= QUOTATION_LONGEST + 4 && !quotation.contains(char::is_control));
            let reason = bounded(text);
            prop_assert!(reason.len() <= LONGEST && !reason.contains(char::is_control));
        }
    }
}
