//! Traffic dumps, for `debug 3`: lower-case hex pairs with spaces, or text.

use std::fmt::Write;

/// Renders bytes for the log.
pub fn render(data: &[u8], ascii: bool) -> String {
    if ascii {
        return data
            .iter()
            .map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' })
            .collect();
    }
    let mut text = String::with_capacity(data.len() * 3);
    for byte in data {
        let space = if text.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{space}{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn bytes_are_hex_pairs_or_text() {
        assert_eq!(render(b"GET\r\n\xff", false), "47 45 54 0d 0a ff");
        assert_eq!(render(b"GET\r\n\xff", true), "GET...");
        assert_eq!(render(b"", false), "");
    }
}
