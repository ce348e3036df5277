use proptest::prelude::*;

use super::*;
use crate::matching::Limits;

const WAIT: i64 = 200_000;

fn merger(wait: i64) -> Merger {
    let matcher = Matcher::new(Limits { requests: 100, connections: 100 });
    Merger::new(Format::web(), matcher, Vec::new(), wait)
}

fn source(host: u8, port: u16) -> SocketAddr {
    ([10, 0, 0, host], port).into()
}

/// Gives these datagrams of one sender to a merger, a millisecond apart, and ends it: what was written.
fn merged(datagrams: &[&[u8]]) -> String {
    let (mut merger, mut out) = (merger(WAIT), Vec::new());
    for (datagram, at) in datagrams.iter().zip(0..) {
        merger.take(source(1, 1), datagram, Moment(at * 1000), &mut out);
    }
    merger.finish(Moment(0), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn pieces_of_a_line_are_joined_unless_the_next_one_is_a_beginning() {
    let cut = "x".repeat(1023);
    assert_eq!(merged(&[b"one ", b"line\n"]), "one line\n");
    assert_eq!(merged(&[b"one", b"10.0.0.9 - - [x] \"GET /\"\n"]), "one\n10.0.0.9 - - [x] \"GET /\"\n");
    assert_eq!(merged(&[b"one", b"<13>two", b"three\n"]), "one\n<13>two\nthree\n");
    assert_eq!(merged(&[b"one", b"+ no record\n", b"two\n"]), "one\ntwo\n");
    for rest in ["10.0.0.9 - -\n", "+ 1\n", "<13>x\n", "{}\n"] {
        assert_eq!(merged(&[cut.as_bytes(), rest.as_bytes()]), format!("{cut}{rest}"));
    }
}

#[test]
fn an_old_pens_records_have_bytes_that_do_not_print() {
    let merged = merged(&[
        b"+ 192.0.2.1 10.0.0.1 GET /\xc3\xa4\x01\n",
        br#"10.0.0.9 - - [x] "GET /\xc3\xa4\x01" 200"#,
    ]);
    assert!(merged.starts_with("192.0.2.1 - - "), "{merged}");
}

#[test]
fn other_senders_do_not_end_a_line() {
    let (mut merger, mut out) = (merger(WAIT), Vec::new());
    for (host, port, text) in
        [(1, 1, "a"), (1, 2, "b"), (2, 1, "c"), (1, 2, "B\n"), (2, 1, "C\n"), (1, 1, "A\n")]
    {
        merger.take(source(host, port), text.as_bytes(), Moment(0), &mut out);
    }
    assert_eq!(out, b"bB\ncC\naA\n");
}

#[test]
fn a_line_without_an_end_is_written_after_a_second() {
    let (mut merger, mut out) = (merger(WAIT), Vec::new());
    merger.take(source(1, 1), b"one", Moment(0), &mut out);
    let due = merger.due().unwrap();
    assert_eq!(due, Moment(1_000_000));
    merger.tick(Moment(due.0 - 1), &mut out);
    assert_eq!(out, b"");
    merger.tick(due, &mut out);
    assert_eq!((&*out, merger.due()), (&b"one\n"[..], None));
}

#[test]
fn beginnings_of_lines_of_many_senders_are_bounded_and_not_lost() {
    let (mut merger, mut out) = (merger(WAIT), Vec::new());
    for port in 1..=20_000 {
        merger.take(source(1, port), &[b'x'; 1023], Moment(0), &mut out);
    }
    assert!(out.len() / 1024 > 18_000);
    merger.finish(Moment(0), &mut out);
    assert_eq!(out.len(), 20_000 * 1024);
}

#[test]
fn a_line_that_comes_byte_by_byte_is_one_until_it_is_too_long() {
    let (mut merger, mut out) = (merger(WAIT), Vec::new());
    for _ in 0..=LONGEST {
        merger.take(source(1, 1), b"x", Moment(0), &mut out);
    }
    assert_eq!(out.len(), LONGEST + 1);
    merger.take(source(1, 1), b"y\nz\nend", Moment(0), &mut out);
    assert_eq!(&out[LONGEST + 1..], b"xy\nz\n");
    merger.finish(Moment(0), &mut out);
    assert!(out.ends_with(b"z\nend\n"));
}

#[test]
fn few_datagrams_of_many_lines_take_no_more_room_than_many_of_one() {
    let (mut merger, mut out) = (merger(WAIT), Vec::new());
    let (waiting, empty) = (b"10.0.0.9 - - [x] \"GET /\" 200 1\n", vec![b'\n'; 60_000]);
    for _ in 0..10 {
        merger.take(source(1, 1), waiting, Moment(0), &mut out);
        merger.take(source(1, 1), &empty, Moment(0), &mut out);
        assert!(merger.holding.len() <= LINES);
    }
    merger.finish(Moment(0), &mut out);
    assert_eq!(out.len(), 10 * (waiting.len() + empty.len()));
}

#[test]
fn all_lines_of_a_connection_go_when_its_record_comes() {
    let (mut merger, mut out) = (merger(WAIT), Vec::new());
    let connection = |port| format!("= 192.0.2.7 555 10.0.0.9 {port} 10.0.0.1 80 1.000\n");
    // Pen tells of its connections, so a line waits for the record of its own.
    merger.take(source(2, 1), connection(4000).as_bytes(), Moment(0), &mut out);
    for request in ["GET /1", "GET /2", "GET /3"] {
        let record = format!("+ 192.0.2.7 10.0.0.1 {request}\n");
        merger.take(source(2, 1), record.as_bytes(), Moment(0), &mut out);
        let line = format!("10.0.0.9:4123 - - [x] \"{request}\" 200 1\n");
        merger.take(source(1, 1), line.as_bytes(), Moment(0), &mut out);
    }
    assert_eq!(out, b"");
    merger.take(source(2, 1), connection(4123).as_bytes(), Moment(1000), &mut out);
    assert_eq!((String::from_utf8_lossy(&out).lines().count(), merger.counters.exact), (3, 3));
}

#[test]
fn a_line_waits_from_its_arrival_and_others_behind_it_no_longer_than_their_own_time() {
    let (mut merger, mut out) = (merger(WAIT), Vec::new());
    let line = |number| format!("10.0.0.9 - - [x] \"GET /{number}\" 200 1\n");
    for number in 0..5 {
        merger.take(source(1, 1), line(number).as_bytes(), Moment(number * 1000), &mut out);
    }
    assert_eq!(merger.due(), Some(Moment(WAIT)));
    merger.tick(Moment(WAIT + 2500), &mut out);
    assert_eq!(String::from_utf8_lossy(&out), (0..3).map(line).collect::<String>());
    merger.tick(Moment(WAIT + 4000), &mut out);
    assert_eq!(String::from_utf8_lossy(&out), (0..5).map(line).collect::<String>());
}

fn datagram() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"+ 192.0.2.1 10.0.0.1 GET /".to_vec()),
        Just(b"10.0.0.9 - - [x] \"GET /\" 200 1\n".to_vec()),
        Just(b"10.0.0.9 - - [x] \"GET /other\" 200 1\n".to_vec()),
        Just([b'x'; 1023].to_vec()),
        "[a-z<{+= \n]{0,20}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..30),
    ]
}

proptest! {
    /// But for what takes a client's place, which is left out here, because no record comes in time.
    #[test]
    fn every_byte_of_a_line_is_written_once_and_in_order(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 1..50),
    ) {
        let (mut merger, mut out) = (merger(WAIT), Vec::new());
        let mut expected = Vec::new();
        for piece in &pieces {
            // Not a record.
            let piece = [b"x", &piece[..], b"\n"].concat();
            merger.take(source(1, 1), &piece, Moment(0), &mut out);
            expected.extend(piece);
        }
        merger.finish(Moment(0), &mut out);
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn no_line_is_lost_whatever_comes(
        datagrams in proptest::collection::vec((0u8..3, 1u16..3, datagram(), 0i64..300_000), 0..60),
    ) {
        let (mut merger, mut out, mut now) = (merger(WAIT), Vec::new(), 0);
        for (host, port, datagram, pause) in &datagrams {
            merger.take(source(*host, *port), datagram, Moment(now), &mut out);
            now += pause;
            merger.tick(Moment(now), &mut out);
            prop_assert!(merger.due().is_none_or(|due| due > Moment(now)));
        }
        merger.finish(Moment(now), &mut out);
        prop_assert_eq!(merger.due(), None);
        let newlines: u64 = out.iter().map(|byte| u64::from(*byte == b'\n')).sum();
        prop_assert_eq!(newlines, merger.counters.lines);
        let counters = &merger.counters;
        let answered = counters.exact + counters.likely + counters.spent + counters.unknown + counters.plain;
        prop_assert_eq!(answered, counters.lines);
    }
}
