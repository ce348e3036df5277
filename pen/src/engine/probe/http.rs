//! HTTP: a GET request is answered with a right status, and the body holds a text if one is expected.

use std::ops::RangeInclusive;

use common::quoted::Quoted;

use super::Outcome;
use super::answer::{Answer, Piece};
use super::search::{Finding, Search};

/// What pen calls itself.
pub(super) const USER_AGENT: &str = concat!("pen/", env!("CARGO_PKG_VERSION"));

/// The request for this path.
pub(super) fn request(path: &str, host: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\nAccept: */*\r\n\r\n"
    )
    .into_bytes()
}

/// Listens for the answer.
#[derive(Debug)]
pub(super) struct Check {
    statuses: RangeInclusive<u16>,
    /// What the body must hold.
    search: Option<Search>,
    answer: Answer,
}

impl Check {
    pub(super) fn new(statuses: RangeInclusive<u16>, body: Option<&Quoted>) -> Check {
        let text = body.filter(|text| !text.bytes().is_empty());
        Check { statuses, search: text.map(Search::new), answer: Answer::default() }
    }

    pub(super) fn take(&mut self, mut data: &[u8]) -> Outcome {
        loop {
            let outcome = match self.answer.next(&mut data) {
                Err(reason) => Outcome::Failed(reason),
                Ok(None) => return Outcome::Pending,
                Ok(Some(Piece::Status(status))) => self.judge(status),
                Ok(Some(Piece::Body(part))) => self.search(part),
                Ok(Some(Piece::End)) => Outcome::Failed(self.missing("the body")),
            };
            if outcome != Outcome::Pending {
                return outcome;
            }
        }
    }

    /// Why it fails if the connection ends.
    pub(super) fn end(&self) -> String {
        self.answer.end().unwrap_or_else(|| self.missing("the body"))
    }

    /// Why it fails if nothing more comes.
    pub(super) fn overdue(&self) -> String {
        self.answer.overdue().unwrap_or_else(|| self.missing("what came of the body in time"))
    }

    fn judge(&self, status: u16) -> Outcome {
        let (first, last) = (self.statuses.start(), self.statuses.end());
        if !self.statuses.contains(&status) {
            let expected = if first == last { first.to_string() } else { format!("{first}-{last}") };
            return Outcome::Failed(format!("status {status} where {expected} is expected"));
        }
        if self.search.is_some() { Outcome::Pending } else { Outcome::Passed }
    }

    fn search(&mut self, part: &[u8]) -> Outcome {
        match self.search.as_mut().map_or(Finding::Found, |search| search.take(part)) {
            Finding::Open => Outcome::Pending,
            Finding::Found => Outcome::Passed,
            Finding::Missing => Outcome::Failed(self.missing("the beginning of the body (64 KiB)")),
        }
    }

    fn missing(&self, place: &str) -> String {
        let text = self.search.as_ref().map(Search::quoted).unwrap_or_default();
        format!("{place} does not hold {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: Option<&str>) -> Check {
        Check::new(200..=399, body.map(Quoted::new).as_ref())
    }

    fn failed(reason: &str) -> Outcome {
        Outcome::Failed(reason.to_owned())
    }

    #[test]
    fn the_request_asks_for_the_path_and_the_end_of_the_connection() {
        let request = String::from_utf8(request("/health?a=b", "www.example.com:8080")).unwrap();
        let expected = format!(
            "GET /health?a=b HTTP/1.1\r\nHost: www.example.com:8080\r\nUser-Agent: pen/{}\r\nConnection: close\r\n\
             Accept: */*\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(request, expected);
    }

    #[test]
    fn the_head_decides_if_no_text_is_expected() {
        for (status, outcome) in [
            (200, Outcome::Passed),
            (399, Outcome::Passed),
            (199, Outcome::Pending),
            (101, failed("status 101 where 200-399 is expected")),
            (400, failed("status 400 where 200-399 is expected")),
            (500, failed("status 500 where 200-399 is expected")),
        ] {
            let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 1000\r\n\r\n");
            assert_eq!(check(None).take(answer.as_bytes()), outcome, "{status}");
            assert_eq!(check(Some("")).take(answer.as_bytes()), outcome, "{status}");
        }
        assert_eq!(
            Check::new(204..=204, None).take(b"HTTP/1.1 200 OK\r\n\r\n"),
            failed("status 200 where 204 is expected")
        );
    }

    #[test]
    fn the_body_must_hold_the_text_and_is_not_waited_for_longer() {
        let head = "HTTP/1.1 200 OK\r\nX: ok\r\n";
        for (rest, outcome) in [
            ("Content-Length: 1000\r\n\r\nall ok, and", Outcome::Passed),
            ("Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n5\r\nk", Outcome::Passed),
            ("\r\nall o", Outcome::Pending),
            ("Content-Length: 2\r\n\r\nno", failed("the body does not hold \"ok\"")),
            ("Content-Length: 1\r\n\r\nok", failed("the body does not hold \"ok\"")),
            ("Content-Length: 0\r\n\r\n", failed("the body does not hold \"ok\"")),
            ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nok", failed("the body does not hold \"ok\"")),
        ] {
            assert_eq!(check(Some("ok")).take(format!("{head}{rest}").as_bytes()), outcome, "{rest:?}");
        }
        let wrong = "HTTP/1.1 503 No\r\n\r\nok";
        assert_eq!(check(Some("ok")).take(wrong.as_bytes()), failed("status 503 where 200-399 is expected"));
    }

    #[test]
    fn only_the_first_64_kib_of_the_body_count() {
        let answer = |length: usize| format!("HTTP/1.1 200 OK\r\n\r\n{}ok", "x".repeat(length));
        assert_eq!(check(Some("ok")).take(answer(65534).as_bytes()), Outcome::Passed);
        assert_eq!(
            check(Some("ok")).take(answer(65535).as_bytes()),
            failed("the beginning of the body (64 KiB) does not hold \"ok\"")
        );
    }

    #[test]
    fn an_end_and_a_silence_are_told() {
        let mut cut = check(Some("ok"));
        assert_eq!(cut.end(), "the server closed the connection without an answer");
        assert_eq!(cut.overdue(), "no answer in time");
        assert_eq!(cut.take(b"HTTP/1.1 200 OK\r\n\r\no"), Outcome::Pending);
        assert_eq!(cut.end(), "the body does not hold \"ok\"");
        assert_eq!(cut.overdue(), "what came of the body in time does not hold \"ok\"");
    }
}
