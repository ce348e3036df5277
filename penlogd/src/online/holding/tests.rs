use proptest::prelude::*;

use super::*;

const WAIT: i64 = 100;

fn server(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn holding(lines: usize, bytes: usize) -> Holding {
    Holding::new(Limits { wait: WAIT, lines, bytes })
}

fn hold(holding: &mut Holding, text: &str, request: &str, at: i64) {
    let (text, request) = (text.as_bytes().to_vec(), Some(request.as_bytes()));
    holding.wait(server(1), text, Moment(at), request, Ports::default());
}

/// Ends a wait with the line as it came.
fn end(holding: &mut Holding, id: Id) -> String {
    let mut out = Vec::new();
    let text = holding.line(id).unwrap().0.to_vec();
    holding.end(id, text, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_line_with_its_record_goes_when_those_before_it_do() {
    let mut holding = holding(10, 1000);
    hold(&mut holding, "a", "x", 0);
    hold(&mut holding, "b", "y", 1);
    holding.queue(server(1), b"c".to_vec());
    let key = holding.request_key(server(1), b"y");
    let id = holding.awaiting(key).unwrap();
    assert_eq!(end(&mut holding, id), "");
    assert_eq!(holding.awaiting(key), None);
    let (due, id) = holding.oldest().unwrap();
    assert_eq!((due, holding.overdue(Moment(WAIT - 1))), (Moment(WAIT), None));
    assert_eq!(holding.overdue(Moment(WAIT)), Some(id));
    assert_eq!(end(&mut holding, id), "abc");
    assert!(holding.is_empty() && holding.queues.is_empty() && holding.by_key.is_empty());
    assert_eq!(holding.oldest(), None);
}

#[test]
fn the_oldest_of_several_lines_with_a_request_gets_the_record() {
    let mut holding = holding(10, 1000);
    for (text, at) in [("first", 0), ("second", 1)] {
        hold(&mut holding, text, "x", at);
    }
    let key = holding.request_key(server(1), b"x");
    for text in ["first", "second"] {
        let id = holding.awaiting(key).unwrap();
        assert_eq!(end(&mut holding, id), text);
    }
}

#[test]
fn a_record_that_was_cut_finds_the_line_that_was_not() {
    let mut holding = holding(10, 10_000);
    let request = "x".repeat(2000);
    hold(&mut holding, "line", &request, 0);
    let key = holding.request_key(server(1), &request.as_bytes()[..950]);
    assert!(holding.awaiting(key).is_some());
}

#[test]
fn a_line_is_found_by_each_of_its_ports() {
    let mut holding = holding(10, 1000);
    let mut ports = Ports::default();
    for port in [80, 4123] {
        ports.push(port);
    }
    holding.wait(server(1), b"line".to_vec(), Moment(0), None, ports);
    assert_eq!(holding.awaiting(Key::Port(server(2), 4123)), None);
    let id = holding.awaiting(Key::Port(server(1), 4123)).unwrap();
    assert_eq!(holding.awaiting(Key::Port(server(1), 80)), Some(id));
    assert_eq!(end(&mut holding, id), "line");
    assert!(holding.by_key.is_empty());
}

#[derive(Clone, Debug)]
enum Event {
    Line { server: u8, request: u8, known: bool },
    Record { server: u8, request: u8 },
    Pass(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0u8..3, 0u8..4, any::<bool>()).prop_map(|(server, request, known)| Event::Line {
            server,
            request,
            known
        }),
        (0u8..3, 0u8..4).prop_map(|(server, request)| Event::Record { server, request }),
        (0i64..60).prop_map(Event::Pass),
    ]
}

/// What its user does: asks it in turn, and writes down what comes out as (server, number of the line).
struct Bench {
    holding: Holding,
    now: i64,
    /// By server: how many lines came, and when.
    came: [Vec<i64>; 3],
    /// By server: how many lines are out.
    out: [usize; 3],
}

impl Bench {
    fn take(&mut self, event: &Event) {
        match *event {
            Event::Line { server: of, request, known } => {
                let text = vec![of, u8::try_from(self.came[usize::from(of)].len()).unwrap()];
                self.came[usize::from(of)].push(self.now);
                if !known {
                    let (at, ports) = (Moment(self.now), Ports::default());
                    self.holding.wait(server(of), text, at, Some(&[request]), ports);
                } else if self.holding.holds(server(of)) {
                    self.holding.queue(server(of), text);
                } else {
                    self.written(&text);
                }
            }
            Event::Record { server: of, request } => {
                let key = self.holding.request_key(server(of), &[request]);
                if let Some(id) = self.holding.awaiting(key) {
                    self.end(id);
                }
            }
            Event::Pass(time) => self.now += time,
        }
        while let Some(id) = self.holding.overdue(Moment(self.now)) {
            self.end(id);
        }
        while let Some(id) = self.holding.squeezed_out() {
            self.end(id);
        }
    }

    fn end(&mut self, id: Id) {
        let mut out = Vec::new();
        let text = self.holding.line(id).unwrap().0.to_vec();
        self.holding.end(id, text, &mut out);
        self.written(&out);
    }

    /// They come in order, each once.
    fn written(&mut self, out: &[u8]) {
        for line in out.chunks(2) {
            let next = &mut self.out[usize::from(line[0])];
            assert_eq!(usize::from(line[1]), *next);
            *next += 1;
        }
    }
}

proptest! {
    #[test]
    fn lines_keep_their_order_none_is_lost_and_none_waits_longer_than_it_may(
        events in proptest::collection::vec(event(), 0..200),
        lines in 1usize..50,
        bytes in 1usize..100,
    ) {
        let mut bench = Bench { holding: holding(lines, bytes), now: 0, came: Default::default(), out: [0; 3] };
        for event in &events {
            bench.take(event);
            for (came, out) in bench.came.iter().zip(bench.out) {
                prop_assert!(came[out..].iter().all(|at| bench.now < at + WAIT));
            }
            prop_assert!(bench.holding.len() <= lines && bench.holding.bytes <= bytes);
        }
        let held: usize = bench.came.iter().zip(bench.out).map(|(came, out)| came.len() - out).sum();
        prop_assert_eq!(held, bench.holding.len());
        while let Some((_, id)) = bench.holding.oldest() {
            bench.end(id);
        }
        prop_assert_eq!(bench.came.each_ref().map(Vec::len), bench.out);
        let Holding { queues, by_key, lines, bytes, .. } = &bench.holding;
        prop_assert!(queues.is_empty() && by_key.is_empty() && (*lines, *bytes) == (0, 0));
    }
}
