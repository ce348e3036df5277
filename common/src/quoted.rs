//! Text with blanks or control characters in it, as a command says it: `"250 ok\r\n"`.

use std::fmt::{self, Display, Formatter, Write};

/// Bytes that are written in double quotes, with `\n`, `\r`, `\t`, `\"`, `\\` and `\xHH` for what a line cannot hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quoted(Vec<u8>);

/// What is wrong with a text in quotes: one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuoteError(String);

impl Quoted {
    /// These bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Quoted {
        Quoted(bytes.into())
    }

    /// What stands between the quotes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads a text that begins with a quote, and gives back what follows it.
    ///
    /// # Errors
    /// When the last quote is missing, or what follows a backslash is none of those known.
    pub fn read(line: &str) -> Result<(Quoted, &str), QuoteError> {
        let mut rest = line
            .strip_prefix('"')
            .ok_or_else(|| QuoteError(format!("no quote at the beginning of '{line}'")))?;
        let mut bytes = Vec::new();
        loop {
            let end = rest
                .find(['"', '\\'])
                .ok_or_else(|| QuoteError(format!("no quote at the end of '{line}'")))?;
            bytes.extend_from_slice(&rest.as_bytes()[..end]);
            let escaped = &rest[end..];
            if let Some(behind) = escaped.strip_prefix('"') {
                return Ok((Quoted(bytes), behind));
            }
            let (byte, length) = unescaped(escaped).ok_or_else(|| {
                let wrong: String = escaped.chars().take(2).collect();
                QuoteError(format!(
                    "bad '{wrong}' in '{line}': \\n, \\r, \\t, \\\", \\\\ or \\xHH is expected"
                ))
            })?;
            bytes.push(byte);
            rest = &escaped[length..];
        }
    }
}

/// The byte that stands behind a backslash, and how long that is.
fn unescaped(text: &str) -> Option<(u8, usize)> {
    let byte = match text.as_bytes().get(1)? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        byte @ (b'"' | b'\\') => *byte,
        b'x' => {
            let digits =
                text.get(2..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            return Some((u8::from_str_radix(digits, 16).ok()?, 4));
        }
        _ => return None,
    };
    Some((byte, 2))
}

impl Display for Quoted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    '"' | '\\' => write!(f, "\\{character}")?,
                    _ if character.is_control() => {
                        let mut bytes = [0; 4];
                        character
                            .encode_utf8(&mut bytes)
                            .bytes()
                            .try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
                    }
                    _ => f.write_char(character)?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_line_cannot_hold_is_written_with_a_backslash() {
        let text = Quoted::new(*b"a \"b\"\r\n\t\\\x00\xff\xc2\x85");
        assert_eq!(text.to_string(), r#""a \"b\"\r\n\t\\\x00\xff\xc2\x85""#);
        assert_eq!(Quoted::read(&text.to_string()), Ok((text, "")));
    }

    #[test]
    fn what_follows_the_last_quote_is_given_back() {
        assert_eq!(Quoted::read(r#""a" b"#), Ok((Quoted::new("a"), " b")));
        assert_eq!(Quoted::read(r#""""#), Ok((Quoted::default(), "")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |line| Quoted::read(line).unwrap_err().to_string();
        assert_eq!(error(r#""abc"#), r#"no quote at the end of '"abc'"#);
        assert_eq!(error(r#""abc\"#), r#"bad '\' in '"abc\': \n, \r, \t, \", \\ or \xHH is expected"#);
        assert_eq!(error(r#""\x1é""#), r#"bad '\x' in '"\x1é"': \n, \r, \t, \", \\ or \xHH is expected"#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_they_were_written(bytes: Vec<u8>, behind in "[a-z ]*") {
            let line = format!("{}{behind}", Quoted::new(bytes.clone()));
            prop_assert!(!line.contains(char::is_control));
            prop_assert_eq!(Quoted::read(&line), Ok((Quoted::new(bytes), behind.as_str())));
        }
    }
}
