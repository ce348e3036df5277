//! The flow table by examples, against a naive model, and in a simulated network.

mod model;
mod sharing;
mod simulation;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::path::Path;

use super::*;

const RULES: Rules = Rules { timeout: 30, responses: 0, requests: 0 };

fn client(number: u16) -> FlowKey {
    let address = (Ipv4Addr::new(192, 0, 2, 1), 1000 + number).into();
    FlowKey { client: Endpoint::inet(address), local: None, listener: 0 }
}

fn server(number: u8) -> ServerAddr {
    ServerAddr::Inet((Ipv4Addr::new(198, 51, 100, number), 53).into())
}

fn server6() -> ServerAddr {
    ServerAddr::Inet((Ipv6Addr::LOCALHOST, 53).into())
}

fn unix_server() -> ServerAddr {
    ServerAddr::Unix(Path::new("/run/log").into())
}

fn second(number: u64) -> Tick {
    Tick(number * 1000)
}

/// A flow that goes to the server.
fn begin(table: &mut FlowTable<u16>, number: u16, to: &ServerAddr, now: Tick) -> (FlowId, PortId) {
    let flow = table.begin(client(number), number, 1, now);
    let port = assign(table, flow, to);
    (flow, port)
}

/// What the shell does to send a flow to a server.
fn assign(table: &mut FlowTable<u16>, flow: FlowId, to: &ServerAddr) -> PortId {
    let port = table.way_to(flow, to).or_else(|| table.port_for(to));
    let port = port.unwrap_or_else(|| table.open_port(PortKind::of(to)));
    table.assign(flow, to, port);
    table.check_invariants();
    assert_eq!((table.way(flow), table.server(flow)), (Some(port), Some(to)));
    port
}

fn closed(table: &mut FlowTable<u16>) -> Vec<PortId> {
    table.check_invariants();
    table.closed_ports().collect()
}

#[test]
fn a_client_is_known_by_its_address_ours_and_the_listener() {
    let mut table = FlowTable::new();
    let local = |last, interface| Some(Local { address: Ipv4Addr::new(203, 0, 113, last).into(), interface });
    let link_local = |flow_label, scope| {
        let address = SocketAddrV6::new("fe80::1".parse().unwrap(), 9, flow_label, scope);
        FlowKey { client: Endpoint::inet(address.into()), local: None, listener: 0 }
    };
    let of = |client| FlowKey { client, local: None, listener: 0 };
    let keys = [
        client(0),
        client(1),
        FlowKey { local: local(1, 0), ..client(0) },
        FlowKey { local: local(2, 0), ..client(0) },
        FlowKey { local: local(2, 1), ..client(0) },
        FlowKey { local: Some(Local { address: Ipv6Addr::LOCALHOST.into(), interface: 0 }), ..client(0) },
        FlowKey { listener: 1, ..client(0) },
        link_local(7, 2),
        link_local(7, 3),
        of(Endpoint::Unix(b"".as_slice().into())),
        of(Endpoint::Unix(b"/run/client".as_slice().into())),
        of(Endpoint::Unix(b"\0/run/client".as_slice().into())),
    ];
    let flows = keys.clone().map(|key| {
        assert_eq!(table.handle_client(&key, 1, second(1), RULES), Heading::Begin);
        table.begin(key, 0, 1, second(1))
    });
    table.check_invariants();
    for (key, flow) in keys.iter().zip(flows) {
        assert_eq!(table.handle_client(key, 1, second(1), RULES), Heading::Choose(flow));
        assert_eq!(table.key(flow), Some(key));
    }
    assert_eq!(table.handle_client(&link_local(8, 2), 1, second(1), RULES), Heading::Choose(flows[7]));
    assert_eq!(table.len(), keys.len());
}

#[test]
fn datagrams_go_to_the_server_and_answers_to_the_client() {
    let mut table = FlowTable::new();
    let (flow, port) = begin(&mut table, 1, &server(1), second(1));
    assert_eq!(table.handle_client(&client(1), 3, second(2), RULES), Heading::Onward(flow));
    assert_eq!(table.handle_server(port, &server(1), 1, second(3), RULES), Answer::Deliver(flow));
    assert_eq!(table.owner(port, &server(1)), Some(flow));
    for stranger in [server(2), server6(), unix_server()] {
        assert_eq!(table.handle_server(port, &stranger, 1, second(3), RULES), Answer::Stranger);
        assert_eq!(table.owner(port, &stranger), None);
    }
    assert_eq!(table.last_use(flow), Some(second(3)));
}

#[test]
fn what_hangs_on_a_flow_is_there_until_its_end() {
    let mut table = FlowTable::new();
    let flow = table.begin(client(1), 7, 1, second(1));
    *table.content_mut(flow).unwrap() += 1;
    assert_eq!(table.content(flow), Some(&8));
    assert_eq!(table.remove(flow), Some(8));
    assert!(table.is_empty());
    let again = table.begin(client(1), 9, 1, second(1));
    assert_ne!(flow, again);
    assert_eq!((table.content(flow), table.key(flow)), (None, None));
    assert_eq!(table.content_mut(flow), None);
    assert_eq!((table.remove(flow), table.way(flow), table.last_use(flow)), (None, None, None));
    let port = table.open_port(PortKind::Inet4);
    table.assign(flow, &server(1), port);
    table.unassign(flow);
    assert_eq!(table.port_for(&server(1)), Some(port), "an ended flow takes none");
    assert_eq!(table.remove(again), Some(9));
}

#[test]
fn a_second_flow_of_the_same_key_ends_the_first() {
    let mut table = FlowTable::new();
    let (first, port) = begin(&mut table, 1, &server(1), second(1));
    let second_one = table.begin(client(1), 2, 1, second(1));
    assert_eq!((table.len(), table.content(first), table.content(second_one)), (1, None, Some(&2)));
    assert_eq!(closed(&mut table), [port]);
}

#[test]
fn a_flow_chooses_again_after_so_many_datagrams() {
    let rules = Rules { requests: 3, ..RULES };
    let mut table = FlowTable::new();
    let (flow, _) = begin(&mut table, 1, &server(1), second(1));
    let mut headings = |counts: &[u32]| {
        let handle = |&count: &u32| match table.handle_client(&client(1), count, second(1), rules) {
            Heading::Onward(id) if id == flow => 'o',
            Heading::Choose(id) if id == flow => 'c',
            _ => '?',
        };
        counts.iter().map(handle).collect::<String>()
    };
    assert_eq!(headings(&[1, 1, 1, 1, 1, 1]), "oocooc");
    // Joined datagrams stay together, even if they are more than the server should get.
    assert_eq!(headings(&[1, 2, 5, 1]), "oocc");
    assert_eq!(headings(&[1, 5, 1, 1]), "ooco");
}

#[test]
fn a_flow_without_a_server_wants_one_and_still_gets_answers() {
    let mut table = FlowTable::new();
    let (flow, port) = begin(&mut table, 1, &server(1), second(1));
    table.unassign(flow);
    table.check_invariants();
    assert_eq!((table.way(flow), table.server(flow)), (None, None));
    assert_eq!(table.way_to(flow, &server(1)), Some(port));
    assert_eq!(table.handle_client(&client(1), 1, second(1), RULES), Heading::Choose(flow));
    assert_eq!(table.handle_server(port, &server(1), 1, second(1), RULES), Answer::Deliver(flow));
    assert_eq!(assign(&mut table, flow, &server(1)), port);
    assert_eq!(table.handle_client(&client(1), 1, second(1), RULES), Heading::Onward(flow));
}

#[test]
fn a_flow_is_over_when_each_datagram_has_had_its_answers() {
    let rules = Rules { responses: 2, ..RULES };
    let mut table = FlowTable::new();
    let (flow, port) = begin(&mut table, 1, &server(1), second(1));
    table.handle_client(&client(1), 2, second(1), rules);
    for answer in [Answer::Deliver(flow), Answer::Deliver(flow), Answer::Last(flow)] {
        assert_eq!(table.handle_server(port, &server(1), 2, second(1), rules), answer);
    }
    assert_eq!(table.handle_server(port, &server(1), 1, second(1), RULES), Answer::Deliver(flow));
    assert_eq!(table.remove(flow), Some(1));
    assert_eq!(table.handle_server(port, &server(1), 1, second(1), rules), Answer::Stranger);
}

#[test]
fn a_flow_knows_its_ports_and_whether_it_waits_for_an_answer() {
    let mut table = FlowTable::new();
    let (flow, port) = begin(&mut table, 1, &server(1), second(0));
    assert_eq!((table.ports_of(flow).collect::<Vec<_>>(), table.is_owed(flow)), (vec![port], true));
    let port6 = assign(&mut table, flow, &server6());
    let mut ports = table.ports_of(flow).collect::<Vec<_>>();
    ports.sort_by_key(|port| port.index);
    assert_eq!(ports, [port, port6]);
    table.handle_server(port, &server(1), 1, second(1), RULES);
    assert!(!table.is_owed(flow));
    table.handle_client(&client(1), 1, second(1), RULES);
    assert!(table.is_owed(flow));
    table.remove(flow);
    assert_eq!((table.ports_of(flow).count(), table.is_owed(flow)), (0, false));
}

#[test]
fn whoever_was_used_least_recently_is_first_to_go() {
    let mut table = FlowTable::new();
    assert_eq!((table.oldest(), table.poll_timeout(RULES)), (None, None));
    let flows = [0, 1, 2].map(|number| begin(&mut table, number, &server(1), Tick(u64::from(number))));
    table.handle_client(&client(0), 1, Tick(10), RULES);
    table.handle_server(flows[1].1, &server(1), 1, Tick(11), RULES);
    let order = [2, 0, 1].map(|number| flows[number].0);
    for (flow, last_use) in order.into_iter().zip([2, 10, 11]) {
        table.check_invariants();
        assert_eq!(table.oldest(), Some(flow));
        assert_eq!(table.last_use(flow), Some(Tick(last_use)));
        table.remove(flow);
    }
    assert_eq!(table.oldest(), None);
}

#[test]
fn a_flow_ends_after_so_much_silence_in_both_directions() {
    let mut table = FlowTable::new();
    let (flow, port) = begin(&mut table, 1, &server(1), second(1));
    let (other, _) = begin(&mut table, 2, &server(1), second(2));
    table.handle_client(&client(1), 1, second(10), RULES);
    table.handle_server(port, &server(1), 1, second(20), RULES);
    assert_eq!(table.poll_timeout(RULES), Some(second(32)));
    assert_eq!(table.expired(Tick(31_999), RULES), None);
    assert_eq!(table.expired(second(32), RULES), Some(other));
    table.remove(other);
    assert_eq!((table.expired(second(49), RULES), table.poll_timeout(RULES)), (None, Some(second(50))));
    assert_eq!(table.expired(second(49), Rules { timeout: 29, ..RULES }), Some(flow));
}

#[test]
fn a_time_that_goes_back_does_not_disturb_the_order() {
    let mut table = FlowTable::new();
    begin(&mut table, 1, &server(1), second(5));
    let (flow, _) = begin(&mut table, 2, &server(1), second(3));
    table.handle_client(&client(1), 1, second(4), RULES);
    table.check_invariants();
    assert_eq!(table.last_use(flow), Some(second(5)));
}

#[test]
fn a_large_table_is_read_in_slices() {
    let mut table = FlowTable::new();
    let flows: Vec<FlowId> =
        (0..10).map(|number| table.begin(client(number), number, 1, second(1))).collect();
    table.remove(flows[4]);
    let (mut from, mut slices) = (Some(0), Vec::new());
    while let Some(begin) = from {
        let (rows, next) = table.slice(begin, 4);
        slices.push(rows.map(|(_, _, &number)| number).collect::<Vec<u16>>());
        from = next;
    }
    assert_eq!(slices, [vec![0, 1, 2, 3], vec![5, 6, 7], vec![8, 9]]);
    assert_eq!(table.slice(u32::MAX, usize::MAX).0.count(), 0);
    for (flow, key, &number) in table.iter() {
        assert_eq!((flow, key), (flows[number as usize], &client(number)));
    }
}
