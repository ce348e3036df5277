//! Against models that are obviously right.

use std::net::{IpAddr, Ipv4Addr};

use common::log_record::{Connection, Millis};
use proptest::prelude::*;

use super::super::*;
use crate::line::Ports;

#[derive(Clone, Debug)]
enum Step {
    Record { text: u8, cut: bool },
    Line { text: u8 },
    Forget { ago: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8, any::<bool>()).prop_map(|(text, cut)| Step::Record { text, cut }),
        4 => (0..6_u8).prop_map(|text| Step::Line { text }),
        1 => (0..30_000_i64).prop_map(|ago| Step::Forget { ago }),
    ]
}

/// Some of them begin with others.
const TEXTS: [&str; 6] = ["GET /a", "GET /ab", "GET /abc", "GET /b", "GET /abcd", "GET /c"];

struct Record {
    client: IpAddr,
    text: u8,
    cut: bool,
    at: i64,
    used: bool,
}

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, number).into()
}

fn question(text: &str, at: i64) -> Question<'_> {
    Question {
        server: address(1),
        peer: None,
        ports: Ports::default(),
        request: Some(text.as_bytes()),
        at: Moment(at),
    }
}

/// All records that fit. A text counts as cut from its first cut record on, until all its records are gone.
fn fitting<'a>(records: &'a mut [Record], text: &str) -> Vec<&'a mut Record> {
    let cut: Vec<u8> = records.iter().filter(|record| record.cut).map(|record| record.text).collect();
    let fits = |record: &&mut Record| {
        let own = TEXTS[usize::from(record.text)];
        own == text || cut.contains(&record.text) && text.starts_with(own)
    };
    records.iter_mut().filter(fits).collect()
}

proptest! {
    #[test]
    fn each_record_is_used_once_and_then_the_latest_answers(
        steps in proptest::collection::vec(step(), 0..120),
        most in 1..40_usize,
    ) {
        let mut matcher = Matcher::new(Limits { requests: most, connections: 1 });
        let mut records: Vec<Record> = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let at = index as i64 * 1000;
            match step {
                Step::Record { text, cut } => {
                    let client = address(index as u8);
                    let request = TEXTS[usize::from(*text)].as_bytes();
                    matcher.request(client, address(1), request, *cut, Moment(at));
                    let cut = *cut || records.iter().any(|record| record.text == *text && record.cut);
                    records.push(Record { client, text: *text, cut, at, used: false });
                    if records.len() > most {
                        records.remove(0);
                    }
                }
                Step::Forget { ago } => {
                    matcher.forget_before(Moment(at - ago));
                    records.retain(|record| record.at >= at - ago);
                }
                Step::Line { text } => {
                    let text = TEXTS[usize::from(*text)];
                    let mut fitting = fitting(&mut records, text);
                    match matcher.client(&question(text, at)) {
                        Answer::Likely(Client { address, port: None }) => {
                            let same = fitting.iter_mut().find(|record| !record.used && record.client == address);
                            prop_assert!(same.is_some());
                            same.unwrap().used = true;
                        }
                        Answer::Spent(Client { address, port: None }) => {
                            prop_assert!(fitting.iter().all(|record| record.used));
                            prop_assert_eq!(Some(address), fitting.last().map(|record| record.client));
                        }
                        Answer::Unknown => prop_assert!(fitting.is_empty()),
                        answer => prop_assert!(false, "{answer:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn aligned_lines_are_answered_each_and_no_record_twice(
        steps in proptest::collection::vec(step(), 0..120),
        most in 1..40_usize,
    ) {
        let mut aligner = Aligner::new(Limits { requests: most, connections: 1 });
        let (mut told, mut asked, mut answered) = (Vec::new(), 0, 0);
        let mut take = |answer: Answer, told: &mut Vec<IpAddr>| {
            if let Answer::Likely(client) = answer {
                let at = told.iter().position(|told| *told == client.address);
                told.swap_remove(at.expect("it has been told and not been used"));
            }
            answered += 1;
        };
        for (index, step) in steps.iter().enumerate() {
            let at = index as i64 * 1_000_000;
            match step {
                Step::Record { text, cut } => {
                    let client = address(index as u8);
                    let request = TEXTS[usize::from(*text)].as_bytes();
                    aligner.request(client, address(1), request, *cut, Moment(at));
                    told.push(client);
                }
                Step::Forget { ago } => aligner.forget_before(Moment(at - ago)),
                Step::Line { text } => {
                    aligner.line(0, &question(TEXTS[usize::from(*text)], at));
                    asked += 1;
                }
            }
            while let Some(answer) = aligner.answer() {
                take(answer, &mut told);
            }
        }
        while let Some(answer) = aligner.last_answer() {
            take(answer, &mut told);
        }
        prop_assert_eq!(asked, answered);
    }

    #[test]
    fn a_port_names_the_connection_that_was_there_whatever_order_and_however_often_it_is_told(
        lives in proptest::collection::vec((1..3_u16, 1..400_u64, 1..400_u64), 1..8),
        order in any::<u64>(),
    ) {
        let mut rng = fastrand::Rng::with_seed(order);
        let mut records = Vec::new();
        let mut truths = Vec::new();
        let mut now = 1000;
        for (client, (server_port, pause, life)) in lives.into_iter().enumerate() {
            let opened = now + pause;
            now = opened + life;
            let record = |closed| Connection {
                client: address(client as u8).into(),
                client_port: 5000,
                pen: address(9),
                pen_port: 4000,
                server: address(1),
                server_port,
                opened: Millis(opened),
                closed,
            };
            truths.push((opened, now, client));
            if rng.bool() {
                records.push((opened, record(None)));
            }
            (0..rng.u32(1..=2)).for_each(|_| records.push((now, record(Some(Millis(now))))));
        }
        rng.shuffle(&mut records);
        let mut matcher = Matcher::new(Limits { requests: 1, connections: 100 });
        for (at, record) in &records {
            matcher.connection(record, Moment(*at as i64 * 1000));
        }
        for (opened, closed, client) in truths {
            let at = opened.midpoint(closed) as i64 * 1000;
            let question = Question {
                server: address(1),
                peer: Some(address(9)),
                ports: Ports::certain(4000),
                request: None,
                at: Moment(at),
            };
            let truth = Client { address: address(client as u8), port: Some(5000) };
            prop_assert_eq!(matcher.client(&question), Answer::Exact(truth));
        }
    }
}

/// More of one text wait than are looked back upon.
#[test]
fn lines_of_many_logs_of_a_server_use_no_record_twice() {
    let mut aligner = Aligner::new(Limits { requests: usize::MAX, connections: 1 });
    let client = |number: u32| IpAddr::from(Ipv4Addr::from_bits(number));
    let (mut answers, mut likely) = (0, std::collections::HashSet::new());
    let mut take = |answer: Answer| {
        answers += 1;
        if let Answer::Likely(client) = answer {
            assert!(likely.insert(client.address), "{client:?}");
        }
    };
    (0..20_000).for_each(|number| aligner.request(client(number), address(1), b"GET /", false, Moment(0)));
    for number in 0..20_000 {
        aligner.line(number % 100, &question("GET /", 0));
        while let Some(answer) = aligner.answer() {
            take(answer);
        }
    }
    while let Some(answer) = aligner.last_answer() {
        take(answer);
    }
    assert_eq!(answers, 20_000);
}

/// The client 7's, which is there at the second 1.
fn connection_of_seven() -> Connection {
    Connection {
        client: address(7).into(),
        client_port: 5000,
        pen: address(9),
        pen_port: 4000,
        server: address(1),
        server_port: 80,
        opened: Millis(1000),
        closed: None,
    }
}

#[test]
fn a_line_waits_while_its_connection_may_still_be_told_of() {
    let mut matcher = Matcher::new(Limits { requests: 100, connections: 10 });
    let mut record = connection_of_seven();
    matcher.connection(&record, Moment(1_000_000));
    matcher.request(address(8), address(1), b"GET /", false, Moment(1_000_000));
    let question =
        Question { ports: Ports::certain(4001), peer: Some(address(9)), ..question("GET /", 1_000_500) };
    let guess = Client { address: address(8), port: None };
    assert_eq!(matcher.client(&question), Answer::Untold(guess));
    record.pen_port = 4001;
    record.client = address(8).into();
    matcher.connection(&record, Moment(1_000_600));
    let known = Client { address: address(8), port: Some(5000) };
    assert_eq!(matcher.client(&question), Answer::Exact(known));
    // Its record is used up with it.
    let without_port = Question { ports: Ports::default(), ..question };
    assert_eq!(matcher.client(&without_port), Answer::Spent(guess));
}

#[test]
fn a_record_that_a_connection_claims_is_no_waiting_lines() {
    let mut aligner = Aligner::new(Limits { requests: 10, connections: 10 });
    for client in [7, 8] {
        aligner.request(address(client), address(1), b"GET /", false, Moment(1_000_000));
    }
    let record = connection_of_seven();
    aligner.connection(&record, Moment(1_000_000));
    aligner.line(0, &question("GET /", 1_000_000));
    aligner.line(0, &Question { ports: Ports::certain(4000), ..question("GET /", 1_000_000) });
    let client = |client, port| Client { address: address(client), port };
    assert_eq!(aligner.last_answer(), Some(Answer::Likely(client(8, None))));
    assert_eq!(aligner.last_answer(), Some(Answer::Exact(client(7, Some(5000)))));
}

#[test]
fn a_number_that_uses_not_to_be_a_port_changes_nothing() {
    let mut matcher = Matcher::new(Limits { requests: 100, connections: 10 });
    let record = connection_of_seven();
    matcher.connection(&record, Moment(1_000_000));
    matcher.request(address(8), address(1), b"GET /", false, Moment(1_000_000));
    // Such as the number of bytes sent.
    let mut number = Ports::default();
    number.push(1234);
    for _ in 0..10 {
        matcher.request(address(8), address(1), b"GET /", false, Moment(1_000_000));
        let question = Question { ports: number, peer: Some(address(9)), ..question("GET /", 1_000_400) };
        matcher.client_at_last(&question);
    }
    let mut ports = Ports::default();
    ports.push(4000);
    let question = Question { ports, peer: Some(address(9)), ..question("GET /", 1_000_500) };
    assert_eq!(matcher.client(&question), Answer::Likely(Client { address: address(8), port: None }));
}

#[test]
fn closed_connections_make_room_before_open_ones() {
    let mut matcher = Matcher::new(Limits { requests: 1, connections: 2 });
    let mut record = |pen_port, closed| {
        let record = Connection {
            client: address(7).into(),
            client_port: pen_port,
            pen: address(9),
            pen_port,
            server: address(1),
            server_port: 80,
            opened: Millis(u64::from(pen_port)),
            closed,
        };
        let at = closed.unwrap_or(record.opened);
        matcher.connection(&record, Moment(at.0 as i64 * 1000));
    };
    record(2000, None);
    record(2001, Some(Millis(2500)));
    record(2002, None);
    let mut ask = |port| {
        let question = Question { ports: Ports::certain(port), request: None, ..question("", 2_400_000) };
        matcher.client(&question)
    };
    let client = |port| Answer::Exact(Client { address: address(7), port: Some(port) });
    assert_eq!([2000, 2001, 2002].map(&mut ask), [client(2000), Answer::Unknown, client(2002)]);
}

#[test]
fn connections_are_bounded_even_if_all_are_forged_for_one_port() {
    let mut matcher = Matcher::new(Limits { requests: 1, connections: 2000 });
    let mut rng = fastrand::Rng::with_seed(1);
    for index in 0..20_000_i64 {
        let opened = rng.u64(0..1_000_000);
        let record = Connection {
            client: address(7).into(),
            client_port: 5000,
            pen: address(9),
            pen_port: 4000,
            server: address(1),
            server_port: rng.u16(..),
            opened: Millis(opened),
            closed: rng.bool().then_some(Millis(opened + 10)),
        };
        matcher.connection(&record, Moment(index));
        assert!(matcher.connections.len() <= 2000);
    }
    matcher.forget_before(Moment(i64::MAX));
}
