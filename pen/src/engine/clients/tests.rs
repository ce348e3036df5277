//! The client table by examples, and against a naive model.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

const MINUTE: Option<Duration> = Some(Duration::from_mins(1));

impl PartialEq for Tracked {
    fn eq(&self, other: &Tracked) -> bool {
        self.index == other.index && Arc::ptr_eq(&self.counters, &other.counters)
    }
}

impl ClientTable {
    /// Checks that the parts of the table agree with each other.
    fn check_invariants(&self) {
        let addresses: Vec<ClientAddr> =
            self.places.range(0, self.places.len()).map(|entry| entry.addr).collect();
        let held = addresses.len();
        assert_eq!(held, self.len());
        for addr in addresses {
            let index = self.find(hash(&self.hasher, addr), addr);
            assert_eq!(index.and_then(|index| self.places.get(index)).map(|entry| entry.addr), Some(addr));
        }
        let (idle, busy) = (self.walk(&self.idle), self.walk(&self.busy));
        assert_eq!(idle.len() + busy.len(), held);
        assert!(idle.iter().all(|entry| entry.open == 0));
        assert!(busy.iter().all(|entry| entry.open > 0));
        for line in [idle, busy] {
            assert!(line.is_sorted_by_key(|entry| entry.last_seen));
        }
    }

    fn walk(&self, line: &Line) -> Vec<&Entry> {
        let (mut previous, mut index) = (NIL, line.front);
        let mut entries = Vec::new();
        while let Some(entry) = self.places.get(index) {
            assert_eq!(entry.previous, previous);
            entries.push(entry);
            assert!(entries.len() <= self.len(), "the line runs in a circle");
            (previous, index) = (index, entry.next);
        }
        assert_eq!((line.back, index), (previous, NIL));
        entries
    }
}

fn table(capacity: usize) -> ClientTable {
    ClientTable::new(capacity, Arc::new(client_numbers()))
}

fn client(number: u8) -> ClientAddr {
    ClientAddr::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)))
}

fn server(slot: u32) -> ServerId {
    ServerId { slot, generation: 3 }
}

fn second(number: u64) -> Tick {
    Tick(number * 1000)
}

/// A connection that ends at once.
fn visit(table: &mut ClientTable, number: u8, at: u64) -> Tracked {
    let client = table.open(client(number), second(at), MINUTE).client;
    table.close(&client, second(at));
    client
}

fn known(table: &ClientTable, at: u64) -> Vec<(u32, ClientAddr)> {
    let (rows, next) = table.rows(0, usize::MAX, second(at), MINUTE);
    assert_eq!(next, None);
    rows.into_iter().map(|row| (row.number, row.addr)).collect()
}

#[test]
fn a_client_is_recognised_and_its_server_remembered() {
    let mut table = table(10);
    let first = table.open(client(1), second(1), None);
    assert_eq!(first.last_server, None);
    table.remember(&first.client, Some(server(2)));
    table.close(&first.client, second(2));
    let again = table.open(client(1), second(1_000_000), None);
    assert_eq!((again.client, again.last_server), (first.client, Some(server(2))));
    assert_eq!(table.open(ClientAddr::Unix, second(1_000_000), None).last_server, None);
    assert_eq!(table.len(), 2);
}

#[test]
fn counters_are_live() {
    let mut table = table(10);
    let first = table.open(client(1), second(1), None);
    let second_one = table.open(client(1), second(5), None);
    first.client.counters.sent.fetch_add(100, Ordering::Relaxed);
    second_one.client.counters.sent.fetch_add(10, Ordering::Relaxed);
    second_one.client.counters.received.fetch_add(7, Ordering::Relaxed);
    let row = ClientRow {
        number: 0,
        addr: client(1),
        last_seen: second(5),
        last_server: None,
        open: 2,
        connects: 2,
        sent: 110,
        received: 7,
    };
    assert_eq!(table.rows(0, 10, second(9), MINUTE), (vec![row], None));
}

#[test]
fn a_client_is_forgotten_some_time_after_its_last_connection_ended() {
    let mut table = table(10);
    let first = table.open(client(1), second(0), MINUTE).client;
    table.remember(&first, Some(server(0)));
    let other = table.open(client(1), second(1), MINUTE).client;
    table.close(&first, second(100));
    assert_eq!(known(&table, 1000).len(), 1, "a connection is open");
    table.close(&other, second(1000));
    assert_eq!(known(&table, 1059).len(), 1);
    assert_eq!(known(&table, 1060).len(), 0);
    let again = table.open(client(1), second(1060), MINUTE);
    assert_eq!(again.last_server, None);
    assert_eq!(again.client.counters.connects.load(Ordering::Relaxed), 1);
    assert_ne!(again.client, first);
}

#[test]
fn forgotten_clients_are_cleared_away_by_those_that_come() {
    let mut table = table(200);
    for number in 0..100 {
        visit(&mut table, number, 0);
    }
    for number in 100..150 {
        visit(&mut table, number, 60);
        table.check_invariants();
    }
    assert_eq!(table.len(), 50);
}

#[test]
fn the_least_recently_used_client_makes_room_and_connected_ones_last() {
    let mut table = table(3);
    let connected = table.open(client(1), second(1), MINUTE).client;
    visit(&mut table, 2, 2);
    visit(&mut table, 3, 3);
    visit(&mut table, 2, 4);
    visit(&mut table, 4, 5);
    assert_eq!(known(&table, 5), [(0, client(1)), (1, client(2)), (2, client(4))]);
    for number in 5..=6 {
        table.open(client(number), second(6), MINUTE);
    }
    assert_eq!(known(&table, 6), [(0, client(1)), (1, client(5)), (2, client(6))]);
    table.open(client(7), second(7), MINUTE);
    assert_eq!(known(&table, 7), [(0, client(7)), (1, client(5)), (2, client(6))]);
    table.close(&connected, second(8));
    table.remember(&connected, Some(server(0)));
    let (rows, _) = table.rows(0, 1, second(8), MINUTE);
    assert_eq!((rows[0].open, rows[0].last_server), (1, None), "the old reference is nobody's");
}

#[test]
fn the_known_are_counted_in_steps_without_the_forgotten() {
    let mut table = table(1000);
    for number in 0..200 {
        visit(&mut table, number, 0);
    }
    visit(&mut table, 200, 30);
    assert_eq!(table.known(second(1), MINUTE), Some(201));
    let mut steps = 1;
    let known = loop {
        match table.known(second(61), MINUTE) {
            Some(known) => break known,
            None => steps += 1,
        }
    };
    assert_eq!((known, steps), (1, 4), "64 in a step");
    assert_eq!(table.known(second(1000), None), Some(1));
    table.check_invariants();
}

#[test]
fn a_close_too_many_is_harmless() {
    let mut table = table(3);
    let gone = visit(&mut table, 1, 1);
    table.close(&gone, second(50));
    assert_eq!(known(&table, 61), []);
    table.close(&Tracked { index: 77, ..gone }, second(50));
    table.check_invariants();
}

#[test]
fn a_table_grows_and_never_shrinks() {
    let mut table = table(0);
    assert_eq!(table.capacity(), 1);
    table.grow(3);
    table.grow(2);
    assert_eq!(table.capacity(), 3);
    for number in 1..=5 {
        visit(&mut table, number, 1);
    }
    assert_eq!(table.len(), 3);
}

#[test]
fn a_table_is_read_in_slices() {
    let mut table = table(100);
    for number in 0..25 {
        table.open(client(number), second(1), MINUTE);
    }
    let mut rows = Vec::new();
    let mut from = Some(0);
    while let Some(begin) = from {
        let (slice, next) = table.rows(begin, 10, second(1), MINUTE);
        rows.extend(slice.into_iter().map(|row| row.addr));
        from = next;
    }
    assert_eq!(rows, (0..25).map(client).collect::<Vec<_>>());
    assert_eq!(table.rows(1000, 10, second(1), MINUTE), (vec![], None));
}

#[test]
fn an_entry_costs_little_and_an_empty_table_nothing() {
    assert_eq!(size_of::<places::Place>(), 64, "a cache line");
    let table = table(10_000_000);
    assert_eq!((table.places.memory(), table.by_addr.memory()), (0, 0));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Open { number: u8, remember: Option<u32> },
    Close(prop::sample::Index),
    Wait(u64),
    Grow(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..12u8, prop::option::of(0..3u32)).prop_map(|(number, remember)| Step::Open { number, remember }),
        5 => any::<prop::sample::Index>().prop_map(Step::Close),
        3 => prop_oneof![1..10u64, 50..70u64].prop_map(Step::Wait),
        1 => (0..8usize).prop_map(Step::Grow),
    ]
}

/// What the model knows of a client.
#[derive(Clone, Debug)]
struct Known {
    row: ClientRow,
    client: Tracked,
    /// The step that used it last, which tells apart what happens in one second.
    used: usize,
}

/// The obvious way: a list of clients, searched from end to end.
struct Model {
    table: ClientTable,
    capacity: usize,
    clients: Vec<Known>,
    open: Vec<Tracked>,
    now: u64,
    steps: usize,
}

impl Model {
    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        self.steps += 1;
        match step {
            Step::Open { number, remember } => self.open(client(number), remember)?,
            Step::Close(which) if !self.open.is_empty() => {
                let client = self.open.remove(which.index(self.open.len()));
                self.table.close(&client, second(self.now));
                self.close(&client);
            }
            Step::Close(_) => {}
            Step::Wait(seconds) => self.now += seconds,
            Step::Grow(capacity) => {
                self.table.grow(capacity);
                self.capacity = self.capacity.max(capacity);
            }
        }
        self.check()
    }

    fn open(&mut self, addr: ClientAddr, remember: Option<u32>) -> Result<(), TestCaseError> {
        let opened = self.table.open(addr, second(self.now), MINUTE);
        self.clear_away(addr);
        if !self.clients.iter().any(|known| known.row.addr == addr) {
            self.insert(addr, opened.client.clone());
        }
        let (now, steps) = (second(self.now), self.steps);
        let known = self.clients.iter_mut().find(|known| known.row.addr == addr).unwrap();
        prop_assert_eq!(&opened.client, &known.client);
        prop_assert_eq!(opened.last_server, known.row.last_server);
        known.row.open += 1;
        known.row.connects += 1;
        known.row.sent += 5;
        (known.row.last_seen, known.used) = (now, steps);
        opened.client.counters.sent.fetch_add(5, Ordering::Relaxed);
        if let Some(slot) = remember {
            self.table.remember(&opened.client, Some(server(slot)));
            known.row.last_server = Some(server(slot));
        }
        self.open.push(opened.client);
        Ok(())
    }

    fn clear_away(&mut self, addr: ClientAddr) {
        self.clients.sort_by_key(|known| known.used);
        let mut cleared = 0;
        let now = self.now;
        self.clients.retain(|known| {
            let goes = is_forgotten(known, now) && (cleared < FORGET_AT_ONCE || known.row.addr == addr);
            cleared += usize::from(goes);
            !goes
        });
    }

    fn insert(&mut self, addr: ClientAddr, client: Tracked) {
        if self.clients.len() == self.capacity {
            let goes = self.clients.iter().min_by_key(|known| (known.row.open > 0, known.used)).unwrap();
            let index = goes.row.number;
            self.clients.retain(|known| known.row.number != index);
        }
        let index =
            (0..100).find(|&index| self.clients.iter().all(|known| known.row.number != index)).unwrap();
        let row = ClientRow {
            number: index,
            addr,
            last_seen: Tick(0),
            last_server: None,
            open: 0,
            connects: 0,
            sent: 0,
            received: 0,
        };
        let client = Tracked { number: index, ..client };
        self.clients.push(Known { row, client, used: 0 });
    }

    fn close(&mut self, client: &Tracked) {
        if let Some(known) = self.clients.iter_mut().find(|known| known.client == *client) {
            known.row.open -= 1;
            (known.row.last_seen, known.used) = (second(self.now), self.steps);
        }
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        self.table.check_invariants();
        self.clients.sort_by_key(|known| known.row.number);
        let visible = self.clients.iter().filter(|known| !is_forgotten(known, self.now));
        let expected: Vec<ClientRow> = visible.map(|known| known.row.clone()).collect();
        prop_assert_eq!(self.table.rows(0, 100, second(self.now), MINUTE).0, expected);
        prop_assert_eq!(self.table.len(), self.clients.len());
        prop_assert_eq!(self.table.capacity(), self.capacity);
        Ok(())
    }
}

fn is_forgotten(known: &Known, now: u64) -> bool {
    known.row.open == 0 && now * 1000 - known.row.last_seen.0 >= 60_000
}

proptest! {
    #[test]
    fn the_table_behaves_like_a_plain_list(
        capacity in 1..6usize,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut model = Model {
            table: table(capacity),
            capacity,
            clients: Vec::new(),
            open: Vec::new(),
            now: 0,
            steps: 0,
        };
        for step in steps {
            model.take(step)?;
        }
    }
}

#[test]
fn a_table_of_many_gives_its_memory_back_when_they_are_forgotten() {
    const MANY: u32 = 100_000;
    let mut table = table(MANY as usize);
    for number in 0..MANY {
        let addr = ClientAddr::Ip(IpAddr::V4(Ipv4Addr::from_bits(number)));
        let client = table.open(addr, second(0), MINUTE).client;
        table.close(&client, second(0));
    }
    let memory = table.places.memory() + table.by_addr.memory();
    assert!((64 * MANY as usize..80 * MANY as usize).contains(&memory), "{memory} bytes");
    while table.known(second(61), MINUTE).is_none() {}
    assert_eq!(table.len(), 0);
    let memory = table.places.memory() + table.by_addr.memory();
    assert!(memory <= 2 * 64 * 4096, "{memory} bytes are kept");
    table.check_invariants();
}

#[test]
fn who_goes_last_does_not_hold_the_lock_for_all_who_went_before() {
    const MANY: u32 = 20_000;
    let mut table = table(MANY as usize);
    let addr = |number| ClientAddr::Ip(IpAddr::V4(Ipv4Addr::from_bits(number)));
    let clients: Vec<Tracked> =
        (0..MANY).map(|number| table.open(addr(number), second(0), MINUTE).client).collect();
    let (last, others) = clients.split_last().unwrap();
    for client in others {
        table.close(client, second(0));
    }
    while table.known(second(61), MINUTE).is_none() {}
    assert_eq!((table.len(), table.places.len()), (1, MANY as usize));
    table.close(last, second(61));
    table.open(addr(MANY), second(200), MINUTE);
    assert!(table.places.len() > MANY as usize / 2, "{} places are left", table.places.len());
    while table.known(second(200), MINUTE).is_none() {}
    assert_eq!((table.len(), table.places.len()), (1, 1));
    table.check_invariants();
}

#[test]
fn a_table_that_goes_gives_all_its_numbers_back() {
    let numbers = Arc::new(client_numbers());
    let mut table = ClientTable::new(1000, Arc::clone(&numbers));
    for number in 0..=255 {
        table.open(client(number), second(0), None);
    }
    drop(table.take());
    assert_eq!((numbers.lock().len(), table.len()), (0, 0));
}

#[test]
fn chains_stay_short_however_many_come_and_go() {
    const MANY: u32 = 20_000;
    let mut table = table(MANY as usize);
    let addr = |number| ClientAddr::Ip(IpAddr::V4(Ipv4Addr::from_bits(number)));
    for number in 0..3 * MANY {
        table.open(addr(number), second(0), MINUTE);
    }
    let length = |number| {
        let hash = hash(&table.hasher, addr(number));
        let mut index = table.by_addr.chain(hash);
        let mut length = 0;
        while let Some(entry) = table.places.get(index) {
            (index, length) = (entry.next_in_chain, length + 1);
        }
        length
    };
    let longest = (2 * MANY..3 * MANY).map(length).max();
    assert!(longest <= Some(30), "{longest:?}");
}

#[test]
fn counters_are_used_again_but_not_while_somebody_counts() {
    let mut table = table(1);
    let held = table.open(client(1), second(1), MINUTE).client;
    let first = Arc::as_ptr(&held.counters);
    let other = table.open(client(2), second(2), MINUTE).client;
    assert_ne!(Arc::as_ptr(&other.counters), first);
    held.counters.sent.fetch_add(5, Ordering::Relaxed);
    let second_one = Arc::as_ptr(&other.counters);
    other.counters.sent.fetch_add(7, Ordering::Relaxed);
    drop(other);
    let third = table.open(client(3), second(3), MINUTE).client;
    assert_eq!(Arc::as_ptr(&third.counters), second_one);
    assert_eq!(third.counters.sent.load(Ordering::Relaxed), 0);
}
