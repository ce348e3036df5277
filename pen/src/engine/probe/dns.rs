//! DNS: the server answers a query for an address. What the address is, and whether there is one, is not judged.

use super::Outcome;

const HEADER_LENGTH: usize = 12;

/// A query for the IPv4 address of this name, recursion desired.
pub(super) fn query(name: &str, id: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    // Recursion desired; one question.
    query.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        // Names that a command takes fit.
        let label = label.as_bytes().get(..63).unwrap_or(label.as_bytes());
        query.extend(u8::try_from(label.len()));
        query.extend_from_slice(label);
    }
    // The root; type A, class IN.
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// Listens for the answer to a query.
#[derive(Debug)]
pub(super) struct Check {
    query: Vec<u8>,
}

/// What comes of a query, by the answer's response code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ResponseCode(u8);

impl Check {
    pub(super) fn new(query: Vec<u8>) -> Check {
        Check { query }
    }

    /// Takes a datagram. One that answers something else, or is none at all, may be anybody's or come late: the answer may
    /// still come.
    pub(super) fn take(&self, datagram: &[u8]) -> Outcome {
        match self.read(datagram) {
            None => Outcome::Pending,
            Some(ResponseCode(0)) => Outcome::Passed,
            Some(code) => Outcome::Failed(format!("answer {} where NOERROR is expected", code.name())),
        }
    }

    /// The response code, if the datagram answers the query. That it is cut short (TC) does not matter.
    fn read(&self, datagram: &[u8]) -> Option<ResponseCode> {
        let (header, rest) = datagram.split_at_checked(HEADER_LENGTH)?;
        let is_response = header[2] & 0x80 != 0;
        let opcode = header[2] >> 3 & 0x0f;
        if header[..2] != self.query[..2] || !is_response || opcode != 0 {
            return None;
        }
        let code = ResponseCode(header[3] & 0x0f);
        let questions = u16::from_be_bytes([header[4], header[5]]);
        let question = &self.query[HEADER_LENGTH..];
        let is_same = questions == 1
            && rest.get(..question.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(question));
        // Some servers refuse without repeating the question.
        let is_refusal = questions == 0 && code != ResponseCode(0);
        (is_same || is_refusal).then_some(code)
    }
}

impl ResponseCode {
    fn name(self) -> String {
        let name = match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            7 => "YXRRSET",
            8 => "NXRRSET",
            9 => "NOTAUTH",
            10 => "NOTZONE",
            other => return format!("code {other}"),
        };
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: u16 = 0xbeef;

    /// An answer to the query for `Example.org`, changed.
    fn outcome(change: impl Fn(&mut Vec<u8>)) -> Outcome {
        let query = query("Example.org", ID);
        let mut answer = query.clone();
        answer[2] |= 0x80;
        change(&mut answer);
        Check::new(query).take(&answer)
    }

    #[test]
    fn the_query_asks_for_an_address() {
        assert_eq!(
            query("www.example.org.", ID),
            b"\xbe\xef\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03org\x00\x00\x01\x00\x01"
        );
        assert_eq!(query(".", 1)[HEADER_LENGTH..], [0, 0, 1, 0, 1]);
    }

    #[test]
    fn an_answer_without_an_error_passes_with_or_without_an_address() {
        assert_eq!(outcome(|_| {}), Outcome::Passed);
        assert_eq!(outcome(|answer| answer[3] |= 0x80), Outcome::Passed);
        let address = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01";
        assert_eq!(
            outcome(|answer| {
                answer[7] = 1;
                answer.extend(address);
            }),
            Outcome::Passed
        );
        assert_eq!(outcome(|answer| answer[2] |= 0x02), Outcome::Passed, "cut short");
        assert_eq!(outcome(|answer| answer.make_ascii_lowercase()), Outcome::Passed);
    }

    #[test]
    fn errors_fail_by_their_names() {
        for (code, name) in
            [(1, "FORMERR"), (2, "SERVFAIL"), (3, "NXDOMAIN"), (5, "REFUSED"), (15, "code 15")]
        {
            let failed = Outcome::Failed(format!("answer {name} where NOERROR is expected"));
            assert_eq!(outcome(|answer| answer[3] |= code), failed);
            let bare = |answer: &mut Vec<u8>| {
                answer.truncate(HEADER_LENGTH);
                answer[3] |= code;
                answer[5] = 0;
            };
            assert_eq!(outcome(bare), failed);
        }
    }

    #[test]
    fn what_answers_something_else_is_ignored() {
        let changes: [fn(&mut Vec<u8>); 8] = [
            |answer| answer[0] ^= 1,
            |answer| answer[1] ^= 1,
            |answer| answer[2] &= 0x7f,
            |answer| answer[2] |= 0x20,
            |answer| answer[14] = b'z',
            |answer| answer[5] = 2,
            |answer| answer.truncate(HEADER_LENGTH + 3),
            |answer| {
                answer.truncate(HEADER_LENGTH);
                answer[5] = 0;
            },
        ];
        for change in changes {
            assert_eq!(outcome(change), Outcome::Pending);
        }
        for length in 0..HEADER_LENGTH {
            assert_eq!(outcome(|answer| answer.truncate(length)), Outcome::Pending);
        }
    }
}
