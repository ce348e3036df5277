//! Whether a server agreed to speak another protocol.

/// Looks at the beginning of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwitchWatch {
    seen: usize,
}

/// What stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// That is not known yet.
    Open,
    /// From here on both sides speak another protocol.
    Switched,
    /// They go on as before.
    Unchanged,
}

/// Stands for the minor version, which may be any.
const MINOR: u8 = b'?';
const SWITCHED: &[u8; 12] = b"HTTP/1.? 101";

impl SwitchWatch {
    /// Takes the next bytes of the answer.
    pub fn take(&mut self, bytes: &[u8]) -> Verdict {
        for &byte in bytes {
            let fits = match SWITCHED[self.seen] {
                MINOR => byte.is_ascii_digit(),
                expected => byte == expected,
            };
            if !fits {
                return Verdict::Unchanged;
            }
            self.seen += 1;
            if self.seen == SWITCHED.len() {
                return Verdict::Switched;
            }
        }
        Verdict::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_101_switches_however_it_arrives() {
        for (answer, expected) in [
            ("HTTP/1.1 101 Switching Protocols\r\n", Verdict::Switched),
            ("HTTP/1.0 101", Verdict::Switched),
            ("HTTP/1.1 10", Verdict::Open),
            ("HTTP/1.1 200 OK\r\n", Verdict::Unchanged),
            ("HTTP/1.1 100 Continue\r\n", Verdict::Unchanged),
            ("HTTP/1.? 101", Verdict::Unchanged),
            ("HTTP/2.0 101", Verdict::Unchanged),
            ("hello", Verdict::Unchanged),
        ] {
            assert_eq!(SwitchWatch::default().take(answer.as_bytes()), expected, "{answer}");
            let mut watch = SwitchWatch::default();
            let bytewise = answer.bytes().map(|byte| watch.take(&[byte]));
            let verdict = bytewise.into_iter().find(|verdict| *verdict != Verdict::Open);
            assert_eq!(verdict.unwrap_or(Verdict::Open), expected, "{answer}");
        }
    }
}
