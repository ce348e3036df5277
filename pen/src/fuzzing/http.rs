//! What a client sends to a service with -H.

use common::client_addr::ClientAddr;

use crate::engine::http::reference::{self, Asking, Outcome};
use crate::engine::http::{Origin, Pieces, Refusal, Rewriter, Stand};

/// Any bytes are rewritten as the slow reference does it, however the reads fall, and whether or not the server switches
/// protocols when it is asked to.
pub fn http(bytes: &[u8]) {
    for switches in [false, true] {
        let expected = reference::rewrite(bytes, "unix", "http", switches);
        for read in [bytes.len().max(1), 1, 7] {
            expect_same(&rewrite(bytes.chunks(read), &expected, switches), &expected, bytes);
        }
    }
}

#[track_caller]
fn expect_same(found: &(Vec<u8>, Option<Refusal>), expected: &Outcome, bytes: &[u8]) {
    let (output, refusal) = found;
    assert_eq!(*refusal, expected.refusal, "{}", bytes.escape_ascii());
    if expected.is_cut {
        // How much of a chunk's malformed size is passed on does not matter.
        assert!(
            output.starts_with(&expected.output),
            "{} does not begin with {}",
            output.escape_ascii(),
            expected.output.escape_ascii()
        );
    } else {
        assert_eq!(output.escape_ascii().to_string(), expected.output.escape_ascii().to_string());
    }
}

/// What the rewriter makes of it with a server that answers whenever its answer is waited for, and at the end.
pub(crate) fn rewrite<'a>(
    reads: impl IntoIterator<Item = &'a [u8]>,
    expected: &Outcome,
    switches: bool,
) -> (Vec<u8>, Option<Refusal>) {
    let mut rewriter = Rewriter::new(Origin { client: ClientAddr::Unix, secure: false });
    let mut output = Vec::new();
    let mut answers = expected.requests.iter().map(|asking| answer(*asking, switches));
    for data in reads {
        let mut pieces = Pieces::new();
        rewriter.client_spoke(data, &mut pieces);
        output.extend(pieces.concat());
        go_on(&mut rewriter, false, &mut answers, &mut output);
    }
    go_on(&mut rewriter, true, &mut answers, &mut output);
    assert!(!rewriter.delays_end() && !rewriter.awaits_head(), "{rewriter:?}");
    match rewriter.stand() {
        Stand::Listening => (output, None),
        Stand::Refusing(refusal) => (output, Some(refusal)),
        Stand::Waiting => panic!("everything is answered, and {rewriter:?} waits"),
    }
}

/// Lets the rewriter go on as far as it can.
fn go_on<'a>(
    rewriter: &mut Rewriter,
    finished: bool,
    answers: &mut impl Iterator<Item = &'a [u8]>,
    output: &mut Vec<u8>,
) {
    loop {
        if rewriter.holds(finished) {
            let mut pieces = Pieces::new();
            rewriter.go_on(finished, &mut pieces);
            output.extend(pieces.concat());
            assert!(!rewriter.holds(finished), "{rewriter:?} does not go on");
        }
        if rewriter.stand() != Stand::Waiting {
            return;
        }
        match answers.next() {
            Some(answer) => rewriter.server_spoke(answer),
            None => panic!("{rewriter:?} waits for more than there is"),
        }
    }
}

fn answer(asking: Asking, switches: bool) -> &'static [u8] {
    match asking {
        Asking::Upgrade if switches => b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        Asking::Tunnel if switches => b"HTTP/1.1 200 OK\r\n\r\n",
        Asking::Head => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        Asking::Ordinary => b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        Asking::Upgrade | Asking::Tunnel => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    }
}
