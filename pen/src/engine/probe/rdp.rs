//! RDP: the server confirms a connection request. That is the first message of a connection, long before anybody is known or
//! any session begun; what follows would be a TLS handshake.

use super::Outcome;
use super::reason::quoted;

/// TPKT, X.224 Connection Request, RDP Negotiation Request: no cookie, TLS and `CredSSP` are offered.
pub(super) const REQUEST: [u8; 19] = [
    3, 0, 0, 19, // TPKT: version, reserved, length
    14, 0xe0, 0, 0, 0, 0, 0, // X.224: length of the rest, code, references, class
    1, 0, 8, 0, 3, 0, 0, 0, // negotiation: type, flags, length, protocols
];

/// TPKT's only version.
const VERSION: u8 = 3;
const TPKT_LENGTH: usize = 4;
/// The fixed part of X.224 messages of this kind, behind the byte that says how long the rest is.
const SHORTEST: u8 = 6;
/// The code of a confirm; the lower bits are of no use here.
const CONFIRM: u8 = 0xd0;

/// Listens for the confirm.
#[derive(Debug, Default)]
pub(super) struct Check {
    /// What has come; less than a packet.
    packet: Vec<u8>,
}

impl Check {
    pub(super) fn take(&mut self, data: &[u8]) -> Outcome {
        for byte in data {
            self.packet.push(*byte);
            let outcome = read(&self.packet);
            if outcome != Outcome::Pending {
                return outcome;
            }
        }
        Outcome::Pending
    }

    /// Why it fails if the connection ends.
    pub(super) fn end(&self) -> String {
        if self.packet.is_empty() {
            return "the server closed the connection without an answer".to_owned();
        }
        format!("the server closed the connection after {}", quoted(&self.packet))
    }
}

/// What the beginning of an answer comes to. A server that confirms and says in the same message that it wants other security
/// (a negotiation failure) is alive all the same: what it wants is between it and its clients.
fn read(packet: &[u8]) -> Outcome {
    let [version, _, high, low, rest @ ..] = packet else { return Outcome::Pending };
    if *version != VERSION {
        let beginning = quoted(&packet[..TPKT_LENGTH]);
        return Outcome::Failed(format!("{beginning} where an RDP connection confirm is expected"));
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let [header, code, ..] = rest else { return Outcome::Pending };
    if code & 0xf0 != CONFIRM {
        return Outcome::Failed(format!(
            "X.224 message 0x{code:02x}{} where a connection confirm is expected",
            name(*code)
        ));
    }
    let longest = length.saturating_sub(TPKT_LENGTH + 1);
    if *header < SHORTEST || usize::from(*header) > longest || longest > usize::from(u8::MAX) - 1 {
        return Outcome::Failed(format!(
            "a connection confirm of {header} bytes in a packet of {length} bytes"
        ));
    }
    if packet.len() < length { Outcome::Pending } else { Outcome::Passed }
}

/// What such a message is called.
fn name(code: u8) -> &'static str {
    match code & 0xf0 {
        0xe0 => " (connection request)",
        0x80 => " (disconnect request)",
        0x70 => " (error)",
        0xf0 => " (data)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(answer: &[u8]) -> Outcome {
        Check::default().take(answer)
    }

    fn failure(answer: &[u8]) -> String {
        match outcome(answer) {
            Outcome::Failed(reason) => reason,
            outcome => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn the_request_is_as_long_as_it_says() {
        assert_eq!(usize::from(REQUEST[3]), REQUEST.len());
        assert_eq!(usize::from(REQUEST[4]), REQUEST.len() - 5);
        assert_eq!(usize::from(REQUEST[13]), REQUEST.len() - 11);
    }

    #[test]
    fn a_confirm_passes_with_or_without_a_word_about_security() {
        let plain: &[u8] = &[3, 0, 0, 11, 6, 0xd0, 0, 0, 0x12, 0x34, 0];
        let agreed: &[u8] = &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0];
        let failure: &[u8] = &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 5, 0, 0, 0];
        for confirm in [plain, agreed, failure] {
            assert_eq!(outcome(confirm), Outcome::Passed);
            assert_eq!(outcome(&[confirm, b"\x03 and more"].concat()), Outcome::Passed);
            assert_eq!(outcome(&confirm[..confirm.len() - 1]), Outcome::Pending);
        }
    }

    #[test]
    fn what_is_no_confirm_is_told() {
        assert_eq!(
            failure(b"HTTP/1.1 400 Bad Request\r\n"),
            r#""HTTP" where an RDP connection confirm is expected"#
        );
        assert_eq!(
            failure(&[3, 0, 0, 11, 6, 0x80, 0, 0, 0, 0, 0]),
            "X.224 message 0x80 (disconnect request) where a connection confirm is expected"
        );
        assert_eq!(
            failure(&REQUEST),
            "X.224 message 0xe0 (connection request) where a connection confirm is expected"
        );
        assert_eq!(
            failure(&[3, 0, 0, 9, 2, 0xf0, 0x80]),
            "X.224 message 0xf0 (data) where a connection confirm is expected"
        );
    }

    #[test]
    fn lengths_that_do_not_fit_fail() {
        for (high, low, header) in
            [(0, 0, 6), (0, 10, 6), (0, 11, 7), (0, 11, 5), (1, 4, 6), (0xff, 0xff, 14), (1, 3, 255)]
        {
            let length = u16::from_be_bytes([high, low]);
            let expected = format!("a connection confirm of {header} bytes in a packet of {length} bytes");
            assert_eq!(failure(&[3, 0, high, low, header, 0xd0, 0, 0, 0, 0, 0]), expected);
        }
        assert_eq!(outcome(&[3, 0, 1, 3, 254, 0xd0]), Outcome::Pending);
        let longest = [&[3, 0, 1, 3, 254, 0xd0][..], &[0; 253]].concat();
        assert_eq!(outcome(&longest), Outcome::Passed);
    }

    #[test]
    fn a_connection_that_ends_too_early_is_told() {
        let mut check = Check::default();
        assert_eq!(check.end(), "the server closed the connection without an answer");
        assert_eq!(check.take(b"hi"), Outcome::Pending);
        assert_eq!(check.end(), r#"the server closed the connection after "hi""#);
    }
}
