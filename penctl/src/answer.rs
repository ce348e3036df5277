//! One command and its answer, passed on as it comes.

use std::io::{self, ErrorKind, Read, Write};

/// What pen thought of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

/// Why there is no complete answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// pen is there but says nothing.
    #[error("no answer in time")]
    Silent,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// The answer does not end.
    #[error("the answer does not end: {} MiB have come", KEPT_MOST >> 20)]
    TooLong,
    /// The answer could not be passed on.
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
}

/// Most bytes of an answer that is kept as a whole: the status of a million connections has fewer.
const KEPT_MOST: u64 = 1 << 30;

/// How an answer begins that goes to the errors.
pub const ERROR: &str = "error: ";

/// Sends `command` and copies the answer to `output`, or to `errors` if it is an `error: `.
pub fn ask(
    pen: &mut (impl Read + Write),
    command: &str,
    output: &mut impl Write,
    errors: &mut impl Write,
) -> Result<Verdict, Failure> {
    let sent = send(pen, command);
    let mut beginning = Vec::new();
    let received = receive_beginning(pen, &mut beginning);
    if let (true, Err(error)) = (beginning.is_empty(), sent) {
        return Err(broken(error));
    }
    let verdict = verdict(&beginning);
    let sink: &mut dyn Write = if beginning.starts_with(ERROR.as_bytes()) { errors } else { output };
    let shown = sink.write_all(&beginning).map_err(Failure::Output);
    match shown.and(received).and_then(|()| copy(pen, sink)) {
        // Who reads only the first lines has what they want.
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(verdict),
        result => result.map(|()| verdict),
    }
}

/// Sends `command` and appends the answer to `answer`, which after a failure holds what came before it.
pub fn receive(pen: &mut (impl Read + Write), command: &str, answer: &mut Vec<u8>) -> Result<(), Failure> {
    receive_at_most(KEPT_MOST, pen, command, answer)
}

fn receive_at_most(
    most: u64,
    pen: &mut (impl Read + Write),
    command: &str,
    answer: &mut Vec<u8>,
) -> Result<(), Failure> {
    let sent = send(pen, command);
    let mut limited = Read::take(&mut *pen, most);
    let received = copy(&mut limited, answer);
    match sent {
        Err(error) if answer.is_empty() => Err(broken(error)),
        _ if limited.limit() == 0 => Err(Failure::TooLong),
        _ => received,
    }
}

/// What an answer, or its beginning up to [`LONGEST_REFUSAL`], says about the command.
pub fn verdict(answer: &[u8]) -> Verdict {
    let is_refusal = answer.starts_with(ERROR.as_bytes())
        || answer.starts_with(b"do_cmd: ignoring command ")
        || answer == b"Exit is not enabled; restart with -X flag\n"
        || answer == b"Unable to create webstats\n"
        || is_out_of_range(answer);
    if is_refusal { Verdict::Refused } else { Verdict::Done }
}

/// Longer than each of the refusals that have always been worded like this.
const LONGEST_REFUSAL: usize = 64;

fn is_out_of_range(answer: &[u8]) -> bool {
    let number =
        answer.strip_prefix(b"Connection ").and_then(|answer| answer.strip_suffix(b" out of range\n"));
    number.is_some_and(|number| number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-'))
}

/// A pen that closes early may have said why: its answer goes before the failure to write.
fn send(pen: &mut impl Write, command: &str) -> io::Result<()> {
    pen.write_all(format!("{command}\n").as_bytes())
}

/// Reads as much as tells a refusal from other answers, or all of a short answer.
fn receive_beginning(pen: &mut impl Read, beginning: &mut Vec<u8>) -> Result<(), Failure> {
    let mut buffer = [0; LONGEST_REFUSAL];
    while beginning.len() < LONGEST_REFUSAL {
        match read(pen, &mut buffer[beginning.len()..])? {
            0 => break,
            length => {
                let start = beginning.len();
                beginning.extend_from_slice(&buffer[start..start + length]);
            }
        }
    }
    Ok(())
}

fn copy(pen: &mut impl Read, sink: &mut dyn Write) -> Result<(), Failure> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match read(pen, &mut buffer)? {
            0 => return sink.flush().map_err(Failure::Output),
            length => sink.write_all(&buffer[..length]).map_err(Failure::Output)?,
        }
    }
}

fn read(pen: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Failure> {
    loop {
        match pen.read(buffer) {
            Ok(length) => return Ok(length),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
    }
}

fn broken(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::Silent,
        _ => Failure::Broken(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pen that answers in pieces, and at the end closes or fails.
    struct Pen {
        pieces: Vec<io::Result<&'static str>>,
        accepts: bool,
        received: Vec<u8>,
    }

    fn pen(pieces: impl IntoIterator<Item = io::Result<&'static str>>) -> Pen {
        let mut pieces: Vec<_> = pieces.into_iter().collect();
        pieces.reverse();
        Pen { pieces, accepts: true, received: Vec::new() }
    }

    impl Read for Pen {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.pieces.pop().unwrap_or(Ok(""))?;
            let length = piece.len().min(buffer.len());
            buffer[..length].copy_from_slice(&piece.as_bytes()[..length]);
            if length < piece.len() {
                self.pieces.push(Ok(&piece[length..]));
            }
            Ok(length)
        }
    }

    impl Write for Pen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.accepts {
                return Err(ErrorKind::BrokenPipe.into());
            }
            self.received.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn asked(pen: &mut Pen) -> (Result<Verdict, Failure>, String, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let result = ask(pen, "mode", &mut output, &mut errors);
        (result, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
    }

    #[track_caller]
    fn assert_answer(pieces: &[&'static str], verdict: Verdict, output: &str, errors: &str) {
        let mut pen = pen(pieces.iter().copied().map(Ok));
        let (result, out, err) = asked(&mut pen);
        assert_eq!((result.unwrap(), out.as_str(), err.as_str()), (verdict, output, errors));
        assert_eq!(pen.received, b"mode\n");
    }

    #[test]
    fn an_answer_goes_to_the_output() {
        assert_answer(&[], Verdict::Done, "", "");
        assert_answer(&["5\n"], Verdict::Done, "5\n", "");
        assert_answer(
            &["no hash no roundrobin no stubborn ", "no weight\n"],
            Verdict::Done,
            "no hash no roundrobin no stubborn no weight\n",
            "",
        );
    }

    #[test]
    fn a_refusal_goes_to_the_errors() {
        assert_answer(&["error: bad\n"], Verdict::Refused, "", "error: bad\n");
        assert_answer(&["err", "or", ": ", "bad"], Verdict::Refused, "", "error: bad");
        assert_answer(&["error"], Verdict::Done, "error", "");
    }

    #[test]
    fn an_unknown_command_goes_to_the_output_and_is_a_refusal() {
        let answer = "do_cmd: ignoring command starting with 'x'\n";
        assert_answer(&[answer], Verdict::Refused, answer, "");
        assert_answer(&[&answer[..5], &answer[5..30], &answer[30..]], Verdict::Refused, answer, "");
    }

    #[test]
    fn refusals_in_the_words_of_old_go_to_the_output_and_are_refusals() {
        for answer in [
            "Exit is not enabled; restart with -X flag\n",
            "Connection 99999 out of range\n",
            "Connection -1 out of range\n",
            "Unable to create webstats\n",
        ] {
            assert_answer(&[answer], Verdict::Refused, answer, "");
            assert_answer(&[&answer[..9], &answer[9..]], Verdict::Refused, answer, "");
        }
        for answer in [
            "Connection 0:\nstate = 0\ndownfd = -1, upfd = -1\nclient = 0, server = 0\npend = 0\n",
            "Connection 0:\n out of range\n",
            "Connection 0 out of range\nand more\n",
            "Exit is not enabled; restart with -X flags\n",
        ] {
            assert_answer(&[answer], Verdict::Done, answer, "");
        }
    }

    #[test]
    fn an_answer_can_be_had_as_a_whole() {
        let mut whole = Vec::new();
        let mut there = pen([Ok("a"), Ok("bc\n"), Err(ErrorKind::WouldBlock.into())]);
        assert!(matches!(receive(&mut there, "mode", &mut whole), Err(Failure::Silent)));
        assert_eq!((whole.as_slice(), there.received.as_slice()), (&b"abc\n"[..], &b"mode\n"[..]));
        let mut gone = pen([]);
        gone.accepts = false;
        assert!(matches!(receive(&mut gone, "mode", &mut Vec::new()), Err(Failure::Broken(_))));
    }

    #[test]
    fn what_a_pen_said_before_it_closed_early_is_shown() {
        let mut early = pen([Ok("error: only this host may\n")]);
        early.accepts = false;
        let (result, _, errors) = asked(&mut early);
        assert_eq!((result.unwrap(), errors.as_str()), (Verdict::Refused, "error: only this host may\n"));
    }

    #[test]
    fn a_pen_that_closes_early_without_a_word_is_a_failure() {
        let mut early = pen([]);
        early.accepts = false;
        assert!(matches!(asked(&mut early).0, Err(Failure::Broken(_))));
    }

    #[test]
    fn silence_and_a_reset_are_failures_after_what_came_before() {
        let (result, output, _) = asked(&mut pen([
            Ok("a long beginning of an answer"),
            Err(ErrorKind::Interrupted.into()),
            Err(ErrorKind::WouldBlock.into()),
        ]));
        assert!(matches!(result, Err(Failure::Silent)));
        assert_eq!(output, "a long beginning of an answer");
        let (result, output, _) = asked(&mut pen([Ok("30\n"), Err(ErrorKind::WouldBlock.into())]));
        assert!(matches!(result, Err(Failure::Silent)));
        assert_eq!(output, "30\n");
        let (result, ..) = asked(&mut pen([Err(ErrorKind::ConnectionReset.into())]));
        assert!(matches!(result, Err(Failure::Broken(_))));
    }

    /// An output that fails in its own way.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_left_is_no_failure_but_a_full_disk_is() {
        let ask = |kind| ask(&mut pen([Ok("5\n")]), "mode", &mut Failing(kind), &mut Vec::new());
        assert!(matches!(ask(ErrorKind::BrokenPipe), Ok(Verdict::Done)));
        assert!(matches!(ask(ErrorKind::StorageFull), Err(Failure::Output(_))));
    }

    #[test]
    fn an_answer_without_an_end_is_not_kept() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                buffer.fill(b'x');
                Ok(buffer.len())
            }
        }
        impl Write for Endless {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut answer = Vec::new();
        let failure = receive_at_most(100_000, &mut Endless, "status", &mut answer).unwrap_err();
        assert_eq!(failure.to_string(), "the answer does not end: 1024 MiB have come");
        assert_eq!(answer.len(), 100_000);
    }
}
