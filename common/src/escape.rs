//! Text from outside, made harmless where it is written: each wrapper writes what it holds so that it can forge no
//! markup, no line, no word, and say nothing to a terminal. What is harmless is written as it is.

use std::fmt::{self, Display, Formatter, Write};

/// In an HTML text or in a quoted attribute.
#[derive(Clone, Copy, Debug)]
pub struct Html<T>(pub T);

/// Within the strings of a JSON text, which stays the same JSON: what JSON itself allows may still speak to a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// In a line of text.
#[derive(Clone, Copy, Debug)]
pub struct Line<T>(pub T);

/// In a line of words that are separated by blanks.
#[derive(Clone, Copy, Debug)]
pub struct Word<T>(pub T);

/// In a quoted label of the Prometheus exposition format.
#[derive(Clone, Copy, Debug)]
pub struct Label<T>(pub T);

impl<T: Display> Display for Html<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaper { to: f, escape: in_html }, "{}", self.0)
    }
}

impl<T: Display> Display for Json<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaper { to: f, escape: in_json }, "{}", self.0)
    }
}

impl<T: Display> Display for Line<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaper { to: f, escape: in_line }, "{}", self.0)
    }
}

impl<T: Display> Display for Word<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaper { to: f, escape: in_word }, "{}", self.0)
    }
}

impl<T: Display> Display for Label<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The backslashes of a line's escapes are text to this format.
        write!(Escaper { to: f, escape: in_label }, "{}", Line(&self.0))
    }
}

/// What stands for a character that cannot stand for itself.
#[derive(Clone, Copy)]
enum Escape {
    Entity(&'static str),
    /// Its number, as in `\u{1b}`.
    Code,
    /// Its number, as in `\u001b`.
    JsonCode,
}

fn in_html(c: char) -> Option<Escape> {
    match c {
        '&' => Some(Escape::Entity("&amp;")),
        '<' => Some(Escape::Entity("&lt;")),
        '>' => Some(Escape::Entity("&gt;")),
        '"' => Some(Escape::Entity("&quot;")),
        '\'' => Some(Escape::Entity("&#39;")),
        c => in_line(c),
    }
}

/// Line breaks stand between a JSON text's values; within its strings they are written as `\n` anyway.
fn in_json(c: char) -> Option<Escape> {
    (c != '\n' && in_line(c).is_some()).then_some(Escape::JsonCode)
}

fn in_label(c: char) -> Option<Escape> {
    match c {
        '\\' => Some(Escape::Entity(r"\\")),
        '"' => Some(Escape::Entity("\\\"")),
        _ => None,
    }
}

fn in_line(c: char) -> Option<Escape> {
    (c.is_control() || is_layout(c)).then_some(Escape::Code)
}

fn in_word(c: char) -> Option<Escape> {
    if c.is_whitespace() { Some(Escape::Code) } else { in_line(c) }
}

/// Invisible characters that break lines or turn the direction of the text around them.
fn is_layout(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What stands for itself everywhere: nearly all names and addresses are made of nothing else, and need no closer look.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b'_' | b'/')
}

struct Escaper<'a, 'f> {
    to: &'a mut Formatter<'f>,
    escape: fn(char) -> Option<Escape>,
}

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(is_plain) {
            return self.to.write_str(text);
        }
        let mut written = 0;
        for (at, c) in text.char_indices() {
            let Some(escape) = (self.escape)(c) else { continue };
            self.to.write_str(&text[written..at])?;
            match escape {
                Escape::Entity(entity) => self.to.write_str(entity)?,
                Escape::Code => write!(self.to, "{}", c.escape_unicode())?,
                // All that is escaped has four digits at most.
                Escape::JsonCode => write!(self.to, "\\u{:04x}", u32::from(c))?,
            }
            written = at + c.len_utf8();
        }
        self.to.write_str(&text[written..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_becomes_entities_and_controls_become_numbers() {
        let hostile = "</td><script a=\"b\" c='d'>&amp;\0\x1b[31m\n\u{9b}\u{202e}ä";
        assert_eq!(
            Html(hostile).to_string(),
            "&lt;/td&gt;&lt;script a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;amp;\\u{0}\\u{1b}[31m\\u{a}\\u{9b}\\u{202e}ä"
        );
    }

    #[test]
    fn a_line_keeps_its_blanks_and_a_word_has_none() {
        assert_eq!(Line("/a b\r\n<c>").to_string(), r"/a b\u{d}\u{a}<c>");
        assert_eq!(Word("/a b\r\n<c>\u{a0}").to_string(), r"/a\u{20}b\u{d}\u{a}<c>\u{a0}");
    }

    #[test]
    fn json_keeps_its_lines_and_numbers_the_rest() {
        assert_eq!(
            Json("{\n  \"a\": \"\u{9b}\u{7f}\u{202e}\"\n}").to_string(),
            "{\n  \"a\": \"\\u009b\\u007f\\u202e\"\n}"
        );
    }

    #[test]
    fn a_label_is_quoted_as_the_format_demands() {
        assert_eq!(Label("/a \\ \"b\"\n\x1b'<").to_string(), r#"/a \\ \"b\"\\u{a}\\u{1b}'<"#);
    }

    #[test]
    fn json_keeps_its_own_escapes() {
        assert_eq!(Json("a\\\"\u{7f}\u{9b}\u{202e}ä").to_string(), "a\\\"\\u007f\\u009b\\u202eä");
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        for text in ["", "www1", "[2001:db8::1]:80", "/run/bücher.sock", "日本"] {
            assert_eq!(Html(text).to_string(), text);
            assert_eq!(Json(text).to_string(), text);
            assert_eq!(Line(text).to_string(), text);
            assert_eq!(Word(text).to_string(), text);
            assert_eq!(Label(text).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>()) {
            let html = Html(&text).to_string();
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            prop_assert_eq!(html.matches('&').count(), text.matches(['&', '<', '>', '"', '\'']).count());
            prop_assert!(!Json(&text).to_string().contains(|c: char| c != '\n' && c.is_control()));
            prop_assert!(!Line(&text).to_string().contains(char::is_control));
            let label = Label(&text).to_string().replace(r"\\", "").replace("\\\"", "");
            prop_assert!(!label.contains(['\\', '"']) && !label.contains(char::is_control));
            prop_assert!(!Word(&text).to_string().contains(|c: char| c.is_control() || c.is_whitespace()));
        }
    }
}
