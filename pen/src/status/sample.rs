//! Snapshots for the tests of the renderings.

use common::status::{
    ClientStatus, ConnectionState, ConnectionStatus, FallbackStatus, IdlersStatus, LimitsStatus, SCHEMA,
    ServerState, ServerStatus, ServiceStatus, Snapshot,
};

/// One that names everything that comes from outside `text`, and has everything that there can be.
pub fn named(text: &str) -> Snapshot {
    let text = text.to_owned();
    let server = |slot| ServerStatus {
        name: Some(text.clone()),
        address: text.clone(),
        failures: 1,
        last_error: Some(text.clone()),
        ..server(slot)
    };
    let service = ServiceStatus {
        name: text.clone(),
        listen: vec![text.clone()],
        servers: vec![server(0)],
        fallbacks: vec![FallbackStatus { role: "abuse".into(), server: server(0) }],
        clients: vec![ClientStatus { address: text.clone(), ..client(0) }],
        open_connections: vec![ConnectionStatus { client_address: text.clone(), ..connection(0) }],
        log: Some(text.clone()),
        log_lost: 1,
        ..service("")
    };
    Snapshot { services: vec![service.clone(), service], ..snapshot() }
}

/// A pen with one service that is called `default`.
pub fn snapshot() -> Snapshot {
    Snapshot {
        schema: SCHEMA,
        time: 1_795_175_505.0,
        uptime: 273_600,
        version: "1.0.0".into(),
        pid: 4711,
        services: vec![service("default")],
    }
}

/// A service with a server in every state, a client and a connection.
pub fn service(name: &str) -> ServiceStatus {
    let empty =
        ServerStatus { address: "0.0.0.0".to_owned(), port: 0, state: ServerState::Empty, ..server(2) };
    ServiceStatus {
        name: name.to_owned(),
        listen: vec!["0.0.0.0:80".to_owned()],
        modes: vec![],
        current: Some(1),
        draining: false,
        dummy: false,
        limits: LimitsStatus {
            backlog: 500,
            blacklist: 30,
            clients_max: 2048,
            conn_max: 500,
            idle_timeout: 0,
            multi_accept: 100,
            pending_max: 100,
            timeout: 5,
            tracking: 0,
        },
        idlers: IdlersStatus::default(),
        servers: vec![
            server(0),
            ServerStatus { state: ServerState::Blacklisted { blacklisted_seconds: 23 }, ..server(1) },
            empty,
        ],
        fallbacks: vec![],
        known_clients: 1,
        clients: vec![client(0)],
        open_connections: vec![connection(0)],
        connections: 1,
        pending: 0,
        accepted: 8,
        refused: 0,
        unserved: 0,
        shortages: 0,
        log: None,
        log_lost: 0,
    }
}

/// A server that is up.
pub fn server(slot: u8) -> ServerStatus {
    ServerStatus {
        slot: slot.into(),
        name: None,
        host: None,
        address: format!("10.0.0.{slot}"),
        port: 8080,
        state: ServerState::Up,
        connections: 0,
        max: 0,
        hard: 0,
        weight: 0,
        prio: 0,
        sent: 0,
        received: 0,
        connects: 0,
        failures: 0,
        last_error: None,
    }
}

/// A client that has just been here.
pub fn client(index: u8) -> ClientStatus {
    ClientStatus {
        index: index.into(),
        address: format!("192.0.2.{index}"),
        age: 3,
        last_server: Some(0),
        open: 0,
        connects: 1,
        sent: 0,
        received: 0,
    }
}

/// A connection with client and server.
pub fn connection(number: u8) -> ConnectionStatus {
    let down_fd = 10 + 2 * i32::from(number);
    ConnectionStatus {
        number: number.into(),
        down_fd,
        up_fd: down_fd + 1,
        state: ConnectionState { connecting: false, client_closed: false, server_closed: false },
        pending_down: 0,
        pending_up: 0,
        client_address: format!("192.0.2.{number}"),
        client: Some(number.into()),
        server: Some(0),
        age: 2 * u64::from(number),
    }
}
