//! What a peer of the control port sends.

use common::wire::{LineReader, MAX_LINE, Request};

use super::expect_one_plain_line;
use crate::control::requests::{Heard, interpret};

/// Any bytes as a session. The first two say how long the pieces are in which the others arrive, by turns.
pub fn control_line(bytes: &[u8]) {
    let [first, second, sent @ ..] = bytes else { return };
    let request = arrived(sent, [usize::from(*first) + 1, usize::from(*second) + 1]);
    assert_eq!(request, arrived(sent, [sent.len().max(1); 2]), "how the bytes are split matters");
    let end = sent.iter().position(|&byte| byte == b'\n').unwrap_or(sent.len());
    assert_eq!(request, arrived(&sent[..end], [usize::MAX; 2]), "what follows the line matters");
    if let Request::Line(line) = &request {
        assert!(line.len() <= MAX_LINE && !line.contains('\n'), "{line:?}");
        assert!(sent.starts_with(line.as_bytes()), "{line:?} is not what was sent");
    }
    expect_sound(interpret(request.clone(), true));
    expect_nothing_obeyed(&interpret(request, false));
}

/// What a session makes of bytes that arrive in pieces of these lengths, and then of the peer's end of file.
fn arrived(mut sent: &[u8], lengths: [usize; 2]) -> Request {
    let mut reader = LineReader::default();
    for length in lengths.into_iter().cycle() {
        if sent.is_empty() {
            break;
        }
        let (piece, rest) = sent.split_at(length.min(sent.len()));
        sent = rest;
        if let Some(request) = reader.feed(piece) {
            return request;
        }
    }
    reader.finish()
}

fn expect_sound(heard: Heard) {
    match heard {
        Heard::Answer(answer) if answer.is_empty() => {}
        Heard::Answer(answer) => expect_one_plain_line(&answer),
        Heard::Command(_) | Heard::Nothing => {}
    }
}

/// Who may not command is told so, or nothing.
fn expect_nothing_obeyed(heard: &Heard) {
    match heard {
        Heard::Answer(answer) if answer.starts_with("error: you may not control this pen") => {}
        Heard::Nothing => {}
        Heard::Answer(_) | Heard::Command(_) => panic!("heeded: {heard:?}"),
    }
}
