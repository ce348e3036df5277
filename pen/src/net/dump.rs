//! Traffic dumps, for `debug 3`: lower-case hex pairs with spaces, or text.

use std::fmt::Write;

use crate::settings::Process;

/// The debug level from which on traffic is dumped.
const DUMP_LEVEL: u32 = 3;

/// What a dump looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Pairs of hexadecimal digits.
    Hex,
    /// Printable ASCII, and a dot for anything else.
    Text,
}

impl Form {
    /// How traffic is to be dumped, if it is.
    pub fn wanted(process: &Process) -> Option<Form> {
        let form = if process.ascii { Form::Text } else { Form::Hex };
        (process.debug >= DUMP_LEVEL).then_some(form)
    }
}

/// Renders bytes for the log.
pub fn render(data: &[u8], form: Form) -> String {
    let printable = |byte: u8| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' };
    match form {
        Form::Text => data.iter().map(|&byte| printable(byte)).collect(),
        Form::Hex => {
            let mut text = String::with_capacity(data.len() * 3);
            for byte in data {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x} ");
            }
            text.truncate(text.trim_end().len());
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_hex_pairs_or_text() {
        assert_eq!(render(b"GET\r\n\xff", Form::Hex), "47 45 54 0d 0a ff");
        assert_eq!(render(b"GET\r\n\xff", Form::Text), "GET...");
        assert_eq!(render(b"", Form::Hex), "");
    }
}
