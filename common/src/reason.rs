//! System errors in words for people: without the error number that Rust adds.

use std::io;

/// What went wrong: `Connection refused`, not `Connection refused (os error 111)`; of a name that was looked up,
/// `name or service not known`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    if let Some(words) = text.strip_prefix("failed to lookup address information: ") {
        return unfound(words);
    }
    let number = error.raw_os_error().map(|code| format!(" (os error {code})"));
    match number.and_then(|number| text.strip_suffix(&number).map(str::to_owned)) {
        Some(words) => words,
        None => text,
    }
}

/// Why a name was not found. The words of musl, with which static programs are built, are not for people ("try again").
fn unfound(words: &str) -> String {
    match words {
        "Name does not resolve" => "name or service not known".to_owned(),
        "Name has no usable address" => "no address associated with hostname".to_owned(),
        "Try again" => "temporary failure in name resolution".to_owned(),
        _ => words.to_lowercase(),
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
        assert_eq!(reason(&error), "name or service not known");
    }

    #[test]
    fn what_musl_says_is_told_in_the_words_of_glibc() {
        let told =
            |words| reason(&io::Error::other(format!("failed to lookup address information: {words}")));
        assert_eq!(told("Name does not resolve"), "name or service not known");
        assert_eq!(told("Try again"), "temporary failure in name resolution");
        assert_eq!(told("Non-recoverable error"), "non-recoverable error");
    }
}
