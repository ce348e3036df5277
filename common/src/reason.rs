//! System errors in words for people: without the error number that Rust adds.

use std::io;

/// What went wrong: `Connection refused`, not `Connection refused (os error 111)`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let number = error.raw_os_error().map(|code| format!(" (os error {code})"));
    match number.and_then(|number| text.strip_suffix(&number).map(str::to_owned)) {
        Some(words) => words,
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_number_is_left_out() {
        assert_eq!(reason(&io::Error::from_raw_os_error(111)), "Connection refused");
        assert_eq!(reason(&io::ErrorKind::TimedOut.into()), "timed out");
        assert_eq!(reason(&io::Error::other("a (os error 3)")), "a (os error 3)");
    }
}
