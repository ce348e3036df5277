//! System errors in words for people: without the error number that Rust adds.

use std::io;

/// What went wrong: `Connection refused`, not `Connection refused (os error 111)`; of a name that was looked up,
/// `name or service not known`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    if let Some(words) = text.strip_prefix("failed to lookup address information: ") {
        return words.to_lowercase();
    }
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

    #[test]
    fn what_a_name_server_says_stands_alone() {
        use std::net::ToSocketAddrs;
        let error = ("a name", 1).to_socket_addrs().expect_err("blanks are in no name");
        assert!(error.to_string().ends_with(": Name or service not known"), "{error}");
        assert_eq!(reason(&error), "name or service not known");
    }
}
