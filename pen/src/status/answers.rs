//! What the commands `servers`, `connections`, `connection` and `recent` answer: lines for scripts, exact down to the
//! byte, with one item each and its values as words by name. A value that is not one word is escaped into one.

use common::escape::Word;
use common::status::{ClientStatus, ConnectionStatus, ServerState, ServerStatus, ServiceStatus, slot};

/// The answer to `servers`: `N addr A port P conn C max M hard H weight W prio P sx S rx R`, where `sx` was sent to the
/// server and `rx` received from it, in bytes.
pub fn server_lines(servers: &[ServerStatus]) -> String {
    servers.iter().map(server_line).collect()
}

/// The answer to `connections`: `N client A index I server S state W downfd F upfd F down D up U age T`. There `down`
/// and `up` are the bytes that wait to be written, `index` is the client's number; -1 stands for none.
pub fn connection_lines<'a>(connections: impl Iterator<Item = &'a ConnectionStatus>) -> String {
    connections.map(connection_line).collect()
}

/// The answer to `connection N`; `None` for one that is not open. `pend` is the pending bytes of both directions.
pub fn connection(number: u32, connection: Option<&ConnectionStatus>) -> String {
    let (state, down_fd, up_fd, client, server, pending) = match connection {
        None => (0, -1, -1, 0, 0, 0),
        Some(open) => (
            open.state.number(),
            open.down_fd,
            open.up_fd,
            index(open.client),
            index(open.server),
            open.pending_down.saturating_add(open.pending_up),
        ),
    };
    format!(
        "Connection {number}:\nstate = {state}\ndownfd = {down_fd}, upfd = {up_fd}\nclient = {client}, server = {server}\npend = {pending}\n"
    )
}

/// The answer to `recent N`: the clients seen in the last so many seconds, as `ADDR connects C sx S rx R`, where `sx`
/// was sent to the client and `rx` received from it, in bytes.
pub fn recent_lines(clients: &[ClientStatus], seconds: u32) -> String {
    clients.iter().filter(|client| client.age < u64::from(seconds)).map(client_line).collect()
}

/// The answer to `services`: `NAME state W servers N usable U conn C max M listen ADDR...`, where W is `up`, or `draining`
/// for one that was removed.
pub fn service_lines(services: &[ServiceStatus]) -> String {
    services.iter().map(service_line).collect()
}

/// A number as the old programs show it: -1 if there is none.
pub(super) fn index(number: Option<u32>) -> i64 {
    number.map_or(-1, i64::from)
}

fn server_line(server: &ServerStatus) -> String {
    let ServerStatus { port, connections, max, hard, weight, prio, sent, received, .. } = server;
    let (slot, address) = (slot(server), Word(&server.address));
    format!(
        "{slot} addr {address} port {port} conn {connections} max {max} hard {hard} weight {weight} prio {prio} sx {sent} rx {received}\n"
    )
}

fn service_line(service: &ServiceStatus) -> String {
    let ServiceStatus { draining, servers, connections, limits, listen, .. } = service;
    let state = if *draining { "draining" } else { "up" };
    let filled = servers.iter().filter(|server| server.state != ServerState::Empty).count();
    let (name, usable, max) = (Word(&service.name), service.usable_servers(), limits.conn_max);
    let listen = [String::new()].into_iter().chain(listen.iter().map(|address| Word(address).to_string()));
    let listen = listen.collect::<Vec<_>>().join(" ");
    format!(
        "{name} state {state} servers {filled} usable {usable} conn {connections} max {max} listen{listen}\n"
    )
}

fn connection_line(connection: &ConnectionStatus) -> String {
    let ConnectionStatus { number, down_fd, up_fd, pending_down, pending_up, age, .. } = connection;
    let address = Word(&connection.client_address);
    let (client, server) = (index(connection.client), index(connection.server));
    let state = connection.state.words().join("+").replace(' ', "-");
    format!(
        "{number} client {address} index {client} server {server} state {state} downfd {down_fd} upfd {up_fd} down {pending_down} up {pending_up} age {age}\n"
    )
}

fn client_line(client: &ClientStatus) -> String {
    let ClientStatus { connects, sent, received, .. } = client;
    format!("{} connects {connects} sx {sent} rx {received}\n", Word(&client.address))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use common::status::ConnectionState;

    #[test]
    fn servers_answers_a_line_each() {
        let www = ServerStatus {
            address: "127.0.0.1".to_owned(),
            port: 18471,
            connections: 3,
            max: 10,
            hard: 20,
            weight: 4,
            prio: 5,
            sent: 15,
            received: 15000,
            ..sample::server(0)
        };
        let empty = ServerStatus {
            state: ServerState::Empty,
            address: "0.0.0.0".to_owned(),
            port: 0,
            ..sample::server(1)
        };
        assert_eq!(
            server_lines(&[www, empty]),
            "0 addr 127.0.0.1 port 18471 conn 3 max 10 hard 20 weight 4 prio 5 sx 15 rx 15000\n\
             1 addr 0.0.0.0 port 0 conn 0 max 0 hard 0 weight 0 prio 0 sx 0 rx 0\n"
        );
        assert_eq!(server_lines(&[]), "");
    }

    #[test]
    fn connections_answers_a_line_each() {
        let busy = ConnectionStatus {
            state: ConnectionState { client_closed: true, ..ConnectionState::default() },
            pending_down: 12,
            pending_up: 34,
            ..sample::connection(7)
        };
        let fresh = ConnectionStatus {
            up_fd: -1,
            state: ConnectionState { connecting: true, ..ConnectionState::default() },
            client: None,
            server: None,
            ..sample::connection(8)
        };
        assert_eq!(
            connection_lines([busy, fresh].iter()),
            "7 client 192.0.2.7 index 7 server 0 state connected+client-closed downfd 24 upfd 25 down 12 up 34 age 14\n\
             8 client 192.0.2.8 index -1 server -1 state connecting downfd 26 upfd -1 down 0 up 0 age 16\n"
        );
    }

    #[test]
    fn an_unused_connection_answers_as_it_always_did() {
        assert_eq!(
            connection(7, None),
            "Connection 7:\nstate = 0\ndownfd = -1, upfd = -1\nclient = 0, server = 0\npend = 0\n"
        );
    }

    #[test]
    fn an_open_connection_shows_its_state_and_the_bytes_of_both_directions() {
        let open = ConnectionStatus {
            state: ConnectionState { client_closed: true, server_closed: true, ..ConnectionState::default() },
            pending_down: 40,
            pending_up: 2,
            client: Some(3),
            server: Some(1),
            ..sample::connection(0)
        };
        assert_eq!(
            connection(0, Some(&open)),
            "Connection 0:\nstate = 14\ndownfd = 10, upfd = 11\nclient = 3, server = 1\npend = 42\n"
        );
        let untracked = ConnectionStatus { client: None, server: None, ..sample::connection(0) };
        assert_eq!(
            connection(0, Some(&untracked)),
            "Connection 0:\nstate = 2\ndownfd = 10, upfd = 11\nclient = -1, server = -1\npend = 0\n"
        );
    }

    #[test]
    fn recent_leaves_out_who_was_not_seen_lately() {
        let seen = |index, age| ClientStatus {
            age,
            connects: 3,
            sent: 15000,
            received: 15,
            ..sample::client(index)
        };
        let clients = [seen(0, 0), seen(1, 299), seen(2, 300)];
        assert_eq!(
            recent_lines(&clients, 300),
            "192.0.2.0 connects 3 sx 15000 rx 15\n192.0.2.1 connects 3 sx 15000 rx 15\n"
        );
        assert_eq!(recent_lines(&clients, 0), "");
    }

    #[test]
    fn a_hostile_address_forges_neither_a_line_nor_a_word() {
        let hostile = "/tmp/a port 1\n9 addr evil\x1b[2J".to_owned();
        let server = ServerStatus { address: hostile.clone(), port: 0, ..sample::server(0) };
        let client = ClientStatus { address: hostile, ..sample::client(0) };
        for line in [server_lines(&[server]), recent_lines(&[client], 300)] {
            assert!(line.contains(r"/tmp/a\u{20}port\u{20}1\u{a}9\u{20}addr\u{20}evil\u{1b}[2J "), "{line}");
            assert_eq!(line.matches('\n').count(), 1);
        }
    }
}
