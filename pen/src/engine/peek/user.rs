//! Users of RDP: which of the names that clients send are the same user's.

use common::command::RdpUsers;

/// All of a name that some clients send.
const SHORT: usize = 9;

/// The name by which users are told apart; `None`: nothing is left of it. Names are bytes in a code that nobody tells, so only
/// the letters of ASCII have two cases.
pub fn name(sent: &[u8], users: RdpUsers) -> Option<Box<[u8]>> {
    let mut name = sent;
    if users.nodomain
        && let Some(end) = name.iter().position(|byte| *byte == b'\\')
    {
        name = &name[end + 1..];
    }
    if users.short {
        name = &name[..name.len().min(SHORT)];
    }
    let mut name: Box<[u8]> = name.into();
    if users.fold {
        name.make_ascii_lowercase();
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASIS: RdpUsers = RdpUsers { fold: false, nodomain: false, short: false };
    const ALL: RdpUsers = RdpUsers { fold: true, nodomain: true, short: true };

    #[track_caller]
    fn expect(sent: &str, users: RdpUsers, expected: &str) {
        assert_eq!(name(sent.as_bytes(), users).as_deref(), Some(expected.as_bytes()), "{sent}");
    }

    #[test]
    fn a_name_is_taken_as_it_was_sent_unless_told_otherwise() {
        expect("CORP\\Alexander.Great", ASIS, "CORP\\Alexander.Great");
        assert_eq!(name(b"\xc4nne \xff\0", ASIS).as_deref(), Some(&b"\xc4nne \xff\0"[..]));
    }

    #[test]
    fn each_option_takes_one_difference_away() {
        expect("CORP\\Alexander.Great", RdpUsers { fold: true, ..ASIS }, "corp\\alexander.great");
        expect("CORP\\Alexander.Great", RdpUsers { nodomain: true, ..ASIS }, "Alexander.Great");
        expect("Alexander.Great", RdpUsers { nodomain: true, ..ASIS }, "Alexander.Great");
        expect("CORP\\Alexander.Great", RdpUsers { short: true, ..ASIS }, "CORP\\Alex");
        expect("Alexander.Great", RdpUsers { short: true, ..ASIS }, "Alexander");
    }

    #[test]
    fn the_domain_is_dropped_before_characters_are_counted() {
        expect("CORP\\Alexander.Great", ALL, "alexander");
        expect("alexander@corp.example", ALL, "alexander");
        expect("Zoe", ALL, "zoe");
    }

    #[test]
    fn of_nothing_nothing_is_left() {
        for (sent, users) in [("", ASIS), ("", ALL), ("CORP\\", ALL), ("\\", ALL)] {
            assert_eq!(name(sent.as_bytes(), users), None, "{sent}");
        }
        expect("CORP\\", ASIS, "CORP\\");
    }

    #[test]
    fn letters_beyond_ascii_are_left_alone() {
        expect("JÜRGEN", RdpUsers { fold: true, ..ASIS }, "jÜrgen");
    }
}
