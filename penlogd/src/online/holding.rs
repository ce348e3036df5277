//! Lines that wait for their record, and those of the same server behind them, so that a server's lines keep their order. Pure:
//! time is handed in, and whose a line is knows the caller.
//!
//! A record is told by a [`Key`], under which the oldest line that waits for such a record is found at once, however many wait.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::IpAddr;

use crate::line::Ports;
use crate::matching::Moment;

/// So many bytes of a request make its key: a record that was cut has that many, too.
const OF_REQUEST: usize = 900;

/// How much may be held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How long a line waits, in microseconds.
    pub(super) wait: i64,
    /// How many lines there may be.
    pub(super) lines: usize,
    /// And how many bytes in them.
    pub(super) bytes: usize,
}

/// The lines held.
#[derive(Debug)]
pub(super) struct Holding {
    limits: Limits,
    /// Those of each server that has any: the first one waits.
    queues: HashMap<IpAddr, VecDeque<Held>>,
    /// Those that wait, by when they came. Entries of lines that wait no longer are skipped.
    waiting: VecDeque<(Moment, Id)>,
    /// Those that wait, by the records that they wait for. Skipped likewise.
    by_key: HashMap<Key, VecDeque<u64>>,
    requests: RandomState,
    lines: usize,
    bytes: usize,
    next: u64,
}

/// A line that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) server: IpAddr,
    number: u64,
}

/// What a record and a line can have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// The server, and the request's hash.
    Request(IpAddr, u64),
    /// The server, and pen's port.
    Port(IpAddr, u16),
}

#[derive(Debug)]
struct Held {
    number: u64,
    text: Vec<u8>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The text is the line as it came, without a newline.
    Waiting { at: Moment, request: Option<u64>, ports: Ports },
    /// The text is what is to be written.
    Ready,
}

impl Holding {
    pub(super) fn new(limits: Limits) -> Holding {
        Holding {
            limits,
            queues: HashMap::new(),
            waiting: VecDeque::new(),
            by_key: HashMap::new(),
            requests: RandomState::new(),
            lines: 0,
            bytes: 0,
            next: 0,
        }
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// How many lines are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lines
    }

    /// Whether a line of this server has to go behind others.
    pub(super) fn holds(&self, server: IpAddr) -> bool {
        !self.is_empty() && self.queues.contains_key(&server)
    }

    /// The key of a record of a request, and of a line.
    pub(super) fn request_key(&self, server: IpAddr, request: &[u8]) -> Key {
        Key::Request(server, self.hash(request))
    }

    /// Has a line wait for its record.
    pub(super) fn wait(
        &mut self,
        server: IpAddr,
        text: Vec<u8>,
        at: Moment,
        request: Option<&[u8]>,
        ports: Ports,
    ) {
        let request = request.map(|request| self.hash(request));
        let id = self.push(server, text, State::Waiting { at, request, ports });
        self.waiting.push_back((Moment(at.0.saturating_add(self.limits.wait)), id));
        for key in keys(server, request, ports) {
            self.by_key.entry(key).or_default().push_back(id.number);
        }
    }

    /// Puts a line, as it is to be written, behind the others of a server that [`holds`](Holding::holds) some.
    pub(super) fn queue(&mut self, server: IpAddr, text: Vec<u8>) {
        self.push(server, text, State::Ready);
    }

    /// The oldest line that waits for such a record.
    pub(super) fn awaiting(&mut self, key: Key) -> Option<Id> {
        let (Key::Request(server, _) | Key::Port(server, _)) = key;
        let Holding { queues, by_key, .. } = self;
        let numbers = by_key.get(&key)?;
        let number =
            numbers.iter().copied().find(|number| is_waiting(queues, &Id { server, number: *number }))?;
        Some(Id { server, number })
    }

    /// A line that has waited long enough.
    pub(super) fn overdue(&mut self, now: Moment) -> Option<Id> {
        self.oldest().filter(|(due, _)| *due <= now).map(|(_, id)| id)
    }

    /// A line that cannot wait any longer because there are too many, or they have too many bytes.
    pub(super) fn squeezed_out(&mut self) -> Option<Id> {
        let is_crowded = self.lines > self.limits.lines || self.bytes > self.limits.bytes;
        if is_crowded { self.oldest().map(|(_, id)| id) } else { None }
    }

    /// The line that waits for the longest time, and when it is overdue.
    pub(super) fn oldest(&mut self) -> Option<(Moment, Id)> {
        while let Some(entry) = self.waiting.front() {
            if is_waiting(&self.queues, &entry.1) {
                return Some(*entry);
            }
            self.waiting.pop_front();
        }
        None
    }

    /// A line that waits, as it came, and when that was.
    pub(super) fn line(&self, id: Id) -> Option<(&[u8], Moment)> {
        let held = self.queues.get(&id.server).and_then(|queue| find(queue, id.number))?;
        match held.state {
            State::Waiting { at, .. } => Some((&held.text, at)),
            State::Ready => None,
        }
    }

    /// Ends the wait of a line, which is to be written as `text`. What need not wait any longer for it is appended to `out`.
    pub(super) fn end(&mut self, id: Id, text: Vec<u8>, out: &mut Vec<u8>) {
        let Entry::Occupied(mut queue) = self.queues.entry(id.server) else { return };
        let Ok(index) = queue.get().binary_search_by_key(&id.number, |held| held.number) else { return };
        let Some(held) = queue.get_mut().get_mut(index) else { return };
        let State::Waiting { request, ports, .. } = std::mem::replace(&mut held.state, State::Ready) else {
            return;
        };
        self.bytes = self.bytes - held.text.len() + text.len();
        held.text = text;
        while let Some(held) = queue.get_mut().pop_front_if(|held| matches!(held.state, State::Ready)) {
            self.lines -= 1;
            self.bytes -= held.text.len();
            out.extend_from_slice(&held.text);
        }
        if queue.get().is_empty() {
            queue.remove();
        }
        for key in keys(id.server, request, ports) {
            self.forget_stale(key, id.server);
        }
    }

    fn push(&mut self, server: IpAddr, text: Vec<u8>, state: State) -> Id {
        self.next += 1;
        self.lines += 1;
        self.bytes += text.len();
        let number = self.next;
        self.queues.entry(server).or_default().push_back(Held { number, text, state });
        Id { server, number }
    }

    /// Takes lines that wait no longer from under a key. Those behind one that waits stay for now, but not longer than that.
    fn forget_stale(&mut self, key: Key, server: IpAddr) {
        let Entry::Occupied(mut numbers) = self.by_key.entry(key) else { return };
        while let Some(number) = numbers.get().front().copied() {
            if is_waiting(&self.queues, &Id { server, number }) {
                return;
            }
            numbers.get_mut().pop_front();
        }
        numbers.remove();
    }

    fn hash(&self, request: &[u8]) -> u64 {
        self.requests.hash_one(&request[..request.len().min(OF_REQUEST)])
    }
}

fn keys(server: IpAddr, request: Option<u64>, ports: Ports) -> impl Iterator<Item = Key> {
    let mut list = [None; Ports::MOST];
    for (slot, port) in list.iter_mut().zip(ports.iter()) {
        *slot = Some(Key::Port(server, port));
    }
    let request = request.map(|hash| Key::Request(server, hash));
    request.into_iter().chain(list.into_iter().flatten())
}

fn find(queue: &VecDeque<Held>, number: u64) -> Option<&Held> {
    let index = queue.binary_search_by_key(&number, |held| held.number).ok()?;
    queue.get(index)
}

fn is_waiting(queues: &HashMap<IpAddr, VecDeque<Held>>, id: &Id) -> bool {
    let held = queues.get(&id.server).and_then(|queue| find(queue, id.number));
    held.is_some_and(|held| matches!(held.state, State::Waiting { .. }))
}

#[cfg(test)]
mod tests {
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
}
