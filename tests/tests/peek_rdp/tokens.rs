//! Routing tokens: the server that a broker has told the client.

use pen_tests::{Backend, DeadPort, Pen};

use super::desk::{begin, desks, farm, request, server_of};

/// The token of the server at this port of 127.0.0.1.
fn token_of(port: u16) -> Vec<u8> {
    request(format!("Cookie: msts={}.{}.0000", u32::from_le_bytes([127, 0, 0, 1]), port.swap_bytes()))
}

#[track_caller]
fn directed(pen: &Pen, host: u8, server: &Backend) -> String {
    let (server, client) = begin(pen, host, &token_of(server.address().port()));
    client.finish();
    client.drain();
    server
}

#[test]
fn a_token_leads_to_its_server_in_every_mode() {
    for mode in ["no roundrobin", "roundrobin", "hash", "hash_only", "weight", "prio"] {
        let servers = desks(["a", "b", "c"]);
        let pen = farm(&servers).command(mode).start();
        for (server, name) in servers.iter().zip(["a", "b", "c"]).rev() {
            assert_eq!([directed(&pen, 1, server), directed(&pen, 2, server)], [name, name], "{mode}");
        }
    }
}

#[test]
fn a_token_of_a_stranger_says_nothing() {
    let servers = desks(["a", "b", "elsewhere"]);
    let pen = farm(&servers[..2]).start();
    assert_eq!(directed(&pen, 1, &servers[1]), "b");
    // The address had b last.
    assert_eq!(directed(&pen, 1, &servers[2]), "b");
    assert_eq!(directed(&pen, 2, &servers[2]), "a");
    assert_eq!(servers[2].total(), 0);
}

#[test]
fn a_token_of_a_server_that_is_gone_leads_to_the_next() {
    let servers = desks(["a"]);
    let dead = DeadPort::new();
    let pen = farm(&servers).server(dead.address()).start();
    for host in 1..=3 {
        let (server, _client) = begin(&pen, host, &token_of(dead.address().port()));
        assert_eq!(server, "a");
    }
}

#[test]
fn what_is_for_a_broker_alone_goes_by_the_address() {
    let servers = desks(["a", "b"]);
    let pen = farm(&servers).start();
    let (server, _client) = begin(&pen, 1, &request("tsv://MS Terminal Services Plugin.1.Sessions"));
    assert_eq!(server, "a");
    assert_eq!(server_of(&pen, 2, "alice"), "b");
}
