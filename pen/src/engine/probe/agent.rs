//! A server's agent is asked how busy it is, and says so in a line: as it is, or as the body of an answer by http.

use super::super::health::AgentAnswer;
use super::answer::{Answer, Piece};
use super::http::USER_AGENT;
use super::{reason, words};

/// The longest line, in bytes.
const LINE_LONGEST: usize = 4096;

/// An http answer with a head and a line as long as they may be is shorter than this, in bytes, unless it is all wrapping.
const HEARD_MOST: usize = 128 * 1024;

/// What http answers begin with, and lines do not.
const HTTP: &[u8] = b"HTTP/";

/// What some editors put before a text, to say that it is UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A conversation with an agent. An agent that speaks http has to be asked; one that says a plain line as soon as somebody
/// connects does not mind what is said meanwhile. So all are asked alike, and nobody has to configure which is which.
#[derive(Debug)]
pub struct Asking {
    opening: Vec<u8>,
    /// The line, or as much of it as has come.
    line: Vec<u8>,
    /// The answer around it, if there is one.
    answer: Option<Answer>,
    /// How much more is listened to, in bytes.
    patience: usize,
    hearing: Hearing,
}

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// It goes on: more has to come.
    Pending,
    /// This is what the agent says.
    Said(AgentAnswer),
    /// It says nothing that could be understood, for this reason: one line, short and escaped.
    Failed(String),
}

impl Asking {
    /// `host`: the agent's address and port, as a Host field says them.
    pub fn new(host: &str) -> Asking {
        // By 1.0, so that the answer is as simple as can be.
        let request = format!(
            "GET / HTTP/1.0\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
        );
        Asking {
            opening: request.into_bytes(),
            line: Vec::new(),
            answer: None,
            patience: HEARD_MOST,
            hearing: Hearing::Pending,
        }
    }

    /// What is to be sent as soon as the agent is there.
    pub fn opening(&self) -> &[u8] {
        &self.opening
    }

    /// Takes in what the agent has sent. What comes after the answer changes nothing.
    pub fn take(&mut self, data: &[u8]) -> Hearing {
        if self.hearing == Hearing::Pending {
            let data = data.get(..self.patience).unwrap_or(data);
            self.patience -= data.len();
            let hearing = match self.answer {
                None => self.take_bare(data),
                Some(_) => self.take_wrapped(data),
            };
            self.decide(match hearing {
                Hearing::Pending if self.patience == 0 => {
                    Hearing::Failed("128 KiB came that are no answer".to_owned())
                }
                hearing => hearing,
            });
        }
        self.hearing.clone()
    }

    /// The agent has closed the connection, orderly or not (one that has not read the question resets it). Never pending.
    pub fn end(&mut self) -> Hearing {
        if self.hearing == Hearing::Pending {
            let flaw = self.answer.as_ref().and_then(Answer::end);
            self.decide(match flaw {
                Some(flaw) => Hearing::Failed(flaw),
                None if self.line.is_empty() => {
                    Hearing::Failed("the agent closed the connection without an answer".to_owned())
                }
                None => understand(&self.line),
            });
        }
        self.hearing.clone()
    }

    /// The time is up: why there is no answer. One line, short and escaped.
    pub fn overdue(&self) -> String {
        let flaw = self.answer.as_ref().and_then(Answer::overdue);
        reason::bounded(match flaw {
            Some(flaw) => flaw,
            None if self.line.is_empty() => "no answer in time".to_owned(),
            None => format!("the end of the line {} did not come in time", reason::quoted(&self.line)),
        })
    }

    fn take_bare(&mut self, data: &[u8]) -> Hearing {
        let beginning: Vec<u8> = self.line.iter().chain(data).copied().take(HTTP.len()).collect();
        if beginning == HTTP {
            self.answer = Some(Answer::default());
            let before = std::mem::take(&mut self.line);
            return match self.take_wrapped(&before) {
                Hearing::Pending => self.take_wrapped(data),
                hearing => hearing,
            };
        }
        self.take_line(data)
    }

    fn take_wrapped(&mut self, mut data: &[u8]) -> Hearing {
        loop {
            let piece = match &mut self.answer {
                None => return Hearing::Pending,
                Some(answer) => answer.next(&mut data),
            };
            let hearing = match piece {
                Err(flaw) => Hearing::Failed(flaw),
                Ok(None) => return Hearing::Pending,
                Ok(Some(Piece::Status(200..=299))) => Hearing::Pending,
                Ok(Some(Piece::Status(status))) => {
                    Hearing::Failed(format!("status {status} where 200-299 is expected"))
                }
                Ok(Some(Piece::Body(part))) => self.take_line(part),
                Ok(Some(Piece::End)) => understand(&self.line),
            };
            if hearing != Hearing::Pending {
                return hearing;
            }
        }
    }

    /// Takes a part of the line, as far as its end.
    fn take_line(&mut self, data: &[u8]) -> Hearing {
        let data = data.get(..LINE_LONGEST - self.line.len()).unwrap_or(data);
        let end = data.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        self.line.extend_from_slice(&data[..end.unwrap_or(data.len())]);
        if end.is_some() {
            understand(&self.line)
        } else if self.line.len() == LINE_LONGEST {
            Hearing::Failed("the agent's line is longer than 4 KiB".to_owned())
        } else {
            Hearing::Pending
        }
    }

    fn decide(&mut self, hearing: Hearing) {
        self.hearing = match hearing {
            Hearing::Failed(reason) => Hearing::Failed(reason::bounded(reason)),
            hearing => hearing,
        };
    }
}

fn understand(line: &[u8]) -> Hearing {
    match words::read(line.strip_prefix(MARK).unwrap_or(line)) {
        Ok(answer) => Hearing::Said(answer),
        Err(reason) => Hearing::Failed(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(share: u8) -> Hearing {
        Hearing::Said(AgentAnswer { share: Some(share), ..AgentAnswer::default() })
    }

    fn failed(reason: &str) -> Hearing {
        Hearing::Failed(reason.to_owned())
    }

    fn asking() -> Asking {
        Asking::new("10.0.0.1:8888")
    }

    #[test]
    fn an_agent_is_asked_by_http() {
        let request = String::from_utf8(asking().opening().to_vec()).unwrap();
        assert!(request.starts_with("GET / HTTP/1.0\r\nHost: 10.0.0.1:8888\r\n"), "{request:?}");
        assert!(request.ends_with("\r\n\r\n"), "{request:?}");
    }

    #[test]
    fn a_plain_line_is_an_answer_and_the_rest_does_not_count() {
        for line in ["75%\n", "75%\r\nhello", "25\r", "\u{feff}75%\n", "  75% \t\n100\n"] {
            assert_eq!(asking().take(line.as_bytes()), share(75), "{line:?}");
        }
        let mut asking = asking();
        assert_eq!(asking.take(b"75"), Hearing::Pending);
        assert_eq!(asking.take(b"%\n"), share(75));
        assert_eq!(asking.take(b"50%\n"), share(75));
        assert_eq!(asking.end(), share(75));
    }

    #[test]
    fn a_line_may_end_with_the_connection() {
        let mut asking = asking();
        assert_eq!(asking.take(b"40"), Hearing::Pending);
        assert_eq!(asking.overdue(), r#"the end of the line "40" did not come in time"#);
        assert_eq!(asking.end(), share(60));
    }

    #[test]
    fn an_answer_by_http_has_the_line_in_its_body() {
        for answer in [
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n60",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n6\r\n1\r\n0\r\n0\r\n",
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\n60\r\n",
        ] {
            assert_eq!(asking().take(answer.as_bytes()), share(40), "{answer:?}");
        }
        let mut asking = asking();
        assert_eq!(asking.take(b"HTTP/1.0 200 OK\r\n\r\n60"), Hearing::Pending);
        assert_eq!(asking.end(), share(40));
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let heard = |bytes: &[u8]| asking().take(bytes);
        assert_eq!(heard(b"\n"), failed("the agent said nothing"));
        assert_eq!(heard(b"HTTP/1.1 503 Busy\r\n\r\n50"), failed("status 503 where 200-299 is expected"));
        assert_eq!(heard(b"HTTP/1.1 204 No Content\r\n\r\n"), failed("the agent said nothing"));
        assert_eq!(heard(b"HTTP/x\r\n\r\n"), failed("no http answer: \"HTTP/x\" came"));
        assert_eq!(heard(&[b'1'; 5000]), failed("the agent's line is longer than 4 KiB"));
        assert_eq!(asking().end(), failed("the agent closed the connection without an answer"));
        let mut cut = asking();
        assert_eq!(cut.take(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n10"), Hearing::Pending);
        assert_eq!(cut.end(), failed("the body is cut short"));
        assert_eq!(asking().overdue(), "no answer in time");
    }

    #[test]
    fn a_line_may_be_4_kib_long_with_its_end() {
        let line = |length: usize| [vec![b' '; length], b"50\n".to_vec()].concat();
        for read in [1, 1000, 10_000] {
            let hear = |line: &[u8]| {
                let mut asking = asking();
                line.chunks(read).map(|data| asking.take(data)).last()
            };
            assert_eq!(hear(&line(LINE_LONGEST - 3)), Some(share(50)));
            assert_eq!(hear(&line(LINE_LONGEST - 2)), Some(failed("the agent's line is longer than 4 KiB")));
        }
    }

    #[test]
    fn nobody_is_listened_to_for_ever() {
        let mut asking = asking();
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        let heard = (0..10_000).map(|_| asking.take(interim)).find(|heard| *heard != Hearing::Pending);
        assert_eq!(heard, Some(failed("128 KiB came that are no answer")));
    }
}
