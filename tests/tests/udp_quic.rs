//! QUIC through pen: long transfers arrive unchanged, and a connection stays with its server whatever happens to others.

use std::net::Ipv4Addr;
use std::thread;

use pen_tests::quic::{Identity, QuicClient, QuicServer};
use pen_tests::{Pen, PenBuilder, wait_until};

const MEGABYTE: u64 = 1_000_000;

fn servers(identity: &Identity) -> Vec<QuicServer> {
    (0..3).map(|number| QuicServer::new(number, identity)).collect()
}

fn pen(servers: &[QuicServer]) -> PenBuilder {
    Pen::builder().servers(servers).option("-U")
}

#[track_caller]
fn connect(pen: &Pen, identity: &Identity) -> QuicClient {
    QuicClient::connect(Ipv4Addr::LOCALHOST, pen.address().ip(), identity).expect("the handshake succeeds")
}

#[test]
fn long_transfers_arrive_unchanged_in_both_directions() {
    let identity = Identity::new();
    let servers = servers(&identity);
    let pen = pen(&servers).option("-r").start();
    thread::scope(|scope| {
        for number in 0..3 {
            let (pen, identity) = (&pen, &identity);
            scope.spawn(move || {
                let client = connect(pen, identity);
                for seed in 0..3 {
                    client.exchange(100 * number + seed, 4 * MEGABYTE, 4 * MEGABYTE).unwrap();
                }
                // Larger datagrams than those that any network takes were found to pass.
                assert!(client.datagram_size() > 1200, "{}", client.datagram_size());
            });
        }
    });
    for row in pen.servers() {
        assert!(row.sx > 12 * MEGABYTE && row.rx > 12 * MEGABYTE, "a client each: {row:?}");
        assert_eq!(row.conn, 1);
    }
    pen.stop();
}

#[test]
fn a_connection_stays_with_its_server_while_others_die_and_come_back() {
    let identity = Identity::new();
    let servers = servers(&identity);
    let pen = pen(&servers).option("-r").option("-b 1").start();
    let clients: Vec<_> = (0..3).map(|_| connect(&pen, &identity)).collect();
    for (number, client) in (0..).zip(&clients) {
        assert_eq!(client.exchange(7, 1000, 1000).unwrap(), number);
    }
    let stays = &clients[1];
    thread::scope(|scope| {
        let transfer = scope.spawn(|| {
            (0..10).map(|seed| stays.exchange(seed, MEGABYTE, MEGABYTE)).collect::<Result<Vec<_>, _>>()
        });
        for round in 0..2 {
            servers[0].die();
            servers[2].die();
            // Whoever comes now gets to the one that lives.
            for seed in 0..4 {
                let late = connect(&pen, &identity);
                assert_eq!(late.exchange(seed, 1000, 1000).unwrap(), 1, "round {round}");
            }
            servers[0].come_back();
            servers[2].come_back();
        }
        assert_eq!(transfer.join().unwrap().unwrap(), [1; 10]);
    });
    pen.stop();
}

#[test]
fn a_handshake_that_meets_a_dead_server_succeeds_at_the_next_one() {
    let identity = Identity::new();
    let servers = servers(&identity);
    let pen = pen(&servers).option("-b 3600").start();
    servers[0].die();
    servers[1].die();
    let client = connect(&pen, &identity);
    assert_eq!(client.exchange(1, MEGABYTE, MEGABYTE).unwrap(), 2);
    pen.stop();
}

#[test]
fn a_client_that_changes_its_port_is_a_new_flow_and_keeps_its_server() {
    let identity = Identity::new();
    let servers = servers(&identity);
    let pen = pen(&servers).start();
    let other = QuicClient::connect(Ipv4Addr::new(127, 0, 0, 2), pen.address().ip(), &identity).unwrap();
    let client = connect(&pen, &identity);
    assert_eq!(other.exchange(1, 1000, 1000).unwrap(), 0);
    assert_eq!(client.exchange(1, MEGABYTE, MEGABYTE).unwrap(), 1);
    client.migrate(Ipv4Addr::LOCALHOST.into());
    assert_eq!(client.exchange(2, MEGABYTE, MEGABYTE).unwrap(), 1);
    assert_eq!(pen.servers().iter().map(|row| row.conn).collect::<Vec<_>>(), [1, 2, 0]);
    pen.stop();
}

#[test]
fn a_client_that_changes_its_port_is_sent_to_another_server_in_round_robin() {
    let identity = Identity::new();
    let servers = servers(&identity);
    let pen = pen(&servers).option("-r").start();
    let client = connect(&pen, &identity);
    assert_eq!(client.exchange(1, 1000, 1000).unwrap(), 0);
    client.migrate(Ipv4Addr::LOCALHOST.into());
    thread::scope(|scope| {
        // The next server knows nothing of the connection.
        let exchange = scope.spawn(|| client.exchange(2, 1000, 1000));
        wait_until("the datagrams go there", || pen.servers()[1].sx > 0);
        assert_eq!(pen.servers().iter().map(|row| row.conn).collect::<Vec<_>>(), [1, 1, 0]);
        client.abandon();
        exchange.join().unwrap().expect_err("the connection was abandoned");
    });
    pen.stop();
}
