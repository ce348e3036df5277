//! What servers and their agents answer to health checks.

use common::command::Probe;
use common::quoted::Quoted;
use memchr::memmem;

use super::expect_one_plain_line;
use crate::engine::health::AgentReport;
use crate::engine::probe::{Asking, Conversation, Hearing, Outcome};

/// What pen asks for. The seeds answer this query.
const NONCE: u16 = 7;
const NAME: &str = "www.example.com";
/// What an answer must hold.
const TEXT: &[u8] = b"ok";

/// Any bytes as the answer to any check, and of any agent. However they arrive, they come to the same; what passes has what was
/// asked for, and what does not is told in one short line.
pub fn probe(bytes: &[u8]) {
    let status = stream(&http(None), bytes);
    let body = stream(&http(Some(Quoted::new(TEXT))), bytes);
    if status == Outcome::Passed {
        assert!(bytes.starts_with(b"HTTP/1."));
    } else {
        assert_eq!(body, status);
    }
    let in_chunks = bytes.windows(7).any(|part| part.eq_ignore_ascii_case(b"chunked"));
    let has_text = memmem::find(bytes, TEXT).is_some();
    assert!(body != Outcome::Passed || in_chunks || has_text);
    let dialogue = stream(&Probe::Dialogue { send: None, expect: Quoted::new(TEXT) }, bytes);
    assert_eq!(dialogue == Outcome::Passed, has_text && bytes.len() <= 64 * 1024);
    if stream(&Probe::Rdp, bytes) == Outcome::Passed {
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        assert!(bytes[0] == 3 && bytes[5] & 0xf0 == 0xd0 && (11..=bytes.len()).contains(&length));
    }
    datagram(bytes);
    agent(bytes);
}

fn http(body: Option<Quoted>) -> Probe {
    Probe::Http { path: "/".to_owned(), host: None, status: 200..=399, body }
}

fn begin(probe: &Probe) -> Conversation {
    Conversation::new(probe, "10.0.0.1:80", NONCE).expect("there is something to say")
}

/// What comes of a stream.
fn stream(probe: &Probe, bytes: &[u8]) -> Outcome {
    let [outcome, others @ ..] = [bytes.len().max(1), 1, 7].map(|read| {
        let mut conversation = begin(probe);
        let heard = bytes.chunks(read).map(|data| conversation.take(data));
        let decided = heard.into_iter().find(|outcome| *outcome != Outcome::Pending);
        expect_reason(&conversation.overdue());
        let outcome = decided.unwrap_or_else(|| conversation.end());
        assert_eq!(conversation.take(b"ok"), outcome);
        outcome
    });
    assert!(others.iter().all(|other| *other == outcome), "{outcome:?} {others:?}");
    match &outcome {
        Outcome::Pending => panic!("that is not decided"),
        Outcome::Passed => {}
        Outcome::Failed(reason) => expect_reason(reason),
    }
    outcome
}

fn datagram(bytes: &[u8]) {
    let mut conversation = begin(&Probe::Dns { name: NAME.to_owned() });
    let query = conversation.opening().to_vec();
    match conversation.take(bytes) {
        Outcome::Pending => {}
        Outcome::Failed(reason) => {
            assert_eq!(bytes[..2], query[..2]);
            expect_reason(&reason);
        }
        Outcome::Passed => {
            assert_eq!(bytes[..2], query[..2]);
            assert!(bytes[12..query.len()].eq_ignore_ascii_case(&query[12..]));
        }
    }
}

fn agent(bytes: &[u8]) {
    let [hearing, others @ ..] = [bytes.len().max(1), 1, 7].map(|read| {
        let mut asking = Asking::new("10.0.0.1:80");
        let heard = bytes.chunks(read).map(|data| asking.take(data));
        let decided = heard.into_iter().find(|hearing| *hearing != Hearing::Pending);
        expect_reason(&asking.overdue());
        decided.unwrap_or_else(|| asking.end())
    });
    assert!(others.iter().all(|other| *other == hearing), "{hearing:?} {others:?}");
    match hearing {
        Hearing::Pending => panic!("that is not decided"),
        Hearing::Failed(reason) => expect_reason(&reason),
        Hearing::Said(answer) => {
            let report = AgentReport::default().after(&answer);
            assert!(report.share <= 100 && report.max != Some(0));
            assert_eq!(report.after(&answer), report);
            answer.reason.iter().for_each(|reason| expect_reason(reason));
        }
    }
}

fn expect_reason(reason: &str) {
    expect_one_plain_line(reason);
    assert!(reason.len() <= 200, "too long: {reason}");
}
