//! How flows share ports, and when these close.

use super::*;

#[test]
fn one_port_carries_a_flow_to_each_server() {
    let mut table = FlowTable::new();
    let ports: Vec<PortId> = (0..12)
        .map(|number| {
            let to = server((number % 4).try_into().unwrap());
            begin(&mut table, number, &to, second(1)).1
        })
        .collect();
    let indices: Vec<u32> = ports.iter().map(|port| port.index).collect();
    assert_eq!(indices, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    assert_eq!(table.ports(), 3);
    for number in 0..12u16 {
        let (port, from) = (ports[usize::from(number)], server((number % 4).try_into().unwrap()));
        let Answer::Deliver(flow) = table.handle_server(port, &from, 1, second(1), RULES) else { panic!() };
        assert_eq!(table.content(flow), Some(&number));
    }
}

#[test]
fn a_server_never_sees_a_second_client_at_a_port() {
    let mut table = FlowTable::new();
    let (flow, port) = begin(&mut table, 1, &server(1), second(1));
    begin(&mut table, 2, &server(2), second(1));
    table.remove(flow);
    assert_eq!(closed(&mut table), [], "the other flow needs it");
    assert_eq!(table.handle_server(port, &server(1), 1, second(1), RULES), Answer::Stranger);
    assert_eq!(table.port_for(&server(1)), None);
    let late = table.begin(client(3), 3, 1, second(1));
    table.assign(late, &server(1), port);
    table.check_invariants();
    assert_eq!((table.way(late), table.owner(port, &server(1))), (None, None));
}

#[test]
fn kinds_of_servers_have_ports_of_their_own() {
    let mut table = FlowTable::new();
    let servers = [server(1), server6(), unix_server()];
    let ports = [0, 1, 2].map(|number| begin(&mut table, number, &servers[usize::from(number)], second(1)).1);
    for (number, to) in servers.iter().enumerate() {
        assert_eq!(
            table.owner(ports[number], to).map(|flow| table.content(flow).copied()),
            Some(u16::try_from(number).ok())
        );
        assert_eq!(table.port_for(to), None);
    }
    assert_eq!(table.port_for(&server(2)), Some(ports[0]));
    let flow = table.begin(client(3), 3, 1, second(1));
    table.assign(flow, &server(2), ports[1]);
    assert_eq!(table.way(flow), None, "IPv4 does not go through a port of IPv6");
    assert_eq!(table.ports(), 3);
}

#[test]
fn a_port_closes_with_its_last_flow_and_its_number_comes_back() {
    let mut table = FlowTable::new();
    let (one, port) = begin(&mut table, 1, &server(1), second(1));
    let (two, _) = begin(&mut table, 2, &server(2), second(1));
    table.remove(one);
    table.remove(two);
    assert_eq!(table.ports(), 0);
    let (_, next) = begin(&mut table, 3, &server(1), second(1));
    assert_eq!(next.index, 1, "the shell still holds the socket of the number 0");
    assert_eq!(closed(&mut table), [port]);
    let (_, again) = begin(&mut table, 4, &server(1), second(1));
    assert_eq!(again.index, port.index);
    assert_ne!(again, port);
    assert_eq!(table.handle_server(port, &server(1), 1, second(1), RULES), Answer::Stranger);
    assert_eq!(table.owner(port, &server(1)), None);
}

#[test]
fn a_flow_that_has_had_several_servers_hears_them_all() {
    let mut table = FlowTable::new();
    let (flow, port) = begin(&mut table, 1, &server(1), second(1));
    let (other, _) = begin(&mut table, 2, &server(2), second(1));
    let servers = [2, 3, 4].map(server);
    let ports = servers.each_ref().map(|to| assign(&mut table, flow, to));
    assert_ne!(ports[0], port, "the other client has this port to that server");
    assert_eq!(ports[1..], [port, port]);
    for (port, from) in ports.iter().zip(&servers) {
        assert_eq!(table.handle_server(*port, from, 1, second(1), RULES), Answer::Deliver(flow));
    }
    assert_eq!(assign(&mut table, flow, &server(2)), ports[0], "the way that it had");
    assert_eq!(table.ports(), 2);
    table.remove(other);
    table.remove(flow);
    assert_eq!(closed(&mut table).len(), 2);
}

#[test]
fn a_busy_server_opens_ports_and_the_others_follow() {
    let mut table = FlowTable::new();
    let ports: Vec<PortId> =
        (0..100).map(|number| begin(&mut table, number, &server(1), second(1)).1).collect();
    for number in 0..50 {
        let (_, port) = begin(&mut table, 100 + number, &server(2), second(1));
        assert_eq!(port, ports[usize::from(number)]);
    }
    assert_eq!(table.ports(), 100);
}

#[test]
fn retired_ports_keep_their_flows_and_get_no_others() {
    let mut table = FlowTable::new();
    let (flow, port) = begin(&mut table, 1, &server(1), second(1));
    let unused = table.open_port(PortKind::Inet6);
    table.retire_ports();
    assert_eq!(closed(&mut table), [unused]);
    assert_eq!(table.port_for(&server(2)), None);
    let other = table.begin(client(2), 2, 1, second(1));
    table.assign(other, &server(2), port);
    assert_eq!(table.way(other), None);
    assert_eq!(table.handle_server(port, &server(1), 1, second(1), RULES), Answer::Deliver(flow));
    let fresh = assign(&mut table, other, &server(2));
    assert_ne!(fresh, port);
    table.remove(flow);
    assert_eq!(closed(&mut table), [port]);
}

#[test]
fn a_port_that_could_not_be_opened_is_nobodys() {
    let mut table = FlowTable::new();
    let port = table.open_port(PortKind::Inet4);
    table.abandon_port(port);
    table.abandon_port(port);
    assert_eq!(table.port_for(&server(1)), None);
    assert_eq!(closed(&mut table), [port]);
    let (flow, carrier) = begin(&mut table, 1, &server(1), second(1));
    table.abandon_port(port);
    table.abandon_port(carrier);
    assert_eq!((table.port_for(&server(2)), table.owner(carrier, &server(1))), (None, Some(flow)));
    table.remove(flow);
    assert_eq!(closed(&mut table), [carrier]);
}

#[test]
fn servers_that_are_forgotten_do_not_come_back_to_their_ports() {
    let mut table = FlowTable::new();
    let (_, port) = begin(&mut table, 0, &server(0), second(1));
    let many = |number: u16| ServerAddr::Inet((Ipv4Addr::new(203, 0, 113, 1), number).into());
    for number in 1..2000 {
        let (flow, shared) = begin(&mut table, number, &many(number), second(1));
        assert_eq!(table.owner(shared, &many(number)), Some(flow));
        table.remove(flow);
    }
    assert!(table.ports.servers.by_address.len() < 1100, "the memory is bounded");
    let (_, again) = begin(&mut table, 1, &many(1), second(1));
    assert_ne!(again, port);
    assert_eq!(begin(&mut table, 2, &server(0), second(1)).1, again);
}

#[test]
fn a_port_for_one_flow_carries_no_other_and_leaves_the_shared_ones_alone() {
    let mut table = FlowTable::new();
    let (_, shared) = begin(&mut table, 1, &server(1), second(1));
    let own = table.open_port_for_one(PortKind::Inet4);
    let flow = table.begin(client(2), 2, 1, second(1));
    table.assign(flow, &server(2), own);
    table.check_invariants();
    assert_eq!((table.way(flow), table.owner(own, &server(2))), (Some(own), Some(flow)));
    assert_eq!(table.port_for(&server(2)), Some(shared), "the server has not used the shared one");
    let other = table.begin(client(3), 3, 1, second(1));
    for number in [2, 3] {
        table.assign(other, &server(number), own);
        assert_eq!(table.way(other), None);
    }
    assert_eq!(table.handle_server(own, &server(2), 1, second(1), RULES), Answer::Deliver(flow));
    assert_eq!(table.handle_server(own, &server(3), 1, second(1), RULES), Answer::Stranger);
    table.remove(flow);
    assert_eq!(closed(&mut table), [own]);
}
