//! Snapshots for the tests of the renderings.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use super::snapshot::{
    ClientStatus, ConnectionState, ConnectionStatus, FallbackStatus, ServerState, ServerStatus,
    ServiceStatus, Snapshot,
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
        fallbacks: vec![FallbackStatus { role: "abuse", server: server(0) }],
        clients: vec![ClientStatus { address: text.clone(), ..client(0) }],
        log: Some(text.clone()),
        log_lost: 1,
        ..service("")
    };
    Snapshot {
        services: vec![service.clone(), service],
        connections: vec![ConnectionStatus { service: 1, ..connection(0) }, connection(0)],
        ..snapshot()
    }
}

/// A pen with one service that is called `default`.
pub fn snapshot() -> Snapshot {
    Snapshot {
        time: UNIX_EPOCH + Duration::from_secs(1_795_175_505),
        uptime: 273_600,
        version: "1.0.0",
        pid: 4711,
        services: vec![service("default")],
        connections: vec![connection(0)],
    }
}

/// A service with a server in every state and a client.
pub fn service(name: &str) -> ServiceStatus {
    let empty =
        ServerStatus { address: "0.0.0.0".to_owned(), port: 0, state: ServerState::Empty, ..server(2) };
    ServiceStatus {
        name: name.to_owned(),
        listen: vec!["0.0.0.0:80".to_owned()],
        modes: vec![],
        current: Some(1),
        servers: vec![server(0), ServerStatus { state: ServerState::Blacklisted(23), ..server(1) }, empty],
        fallbacks: vec![],
        clients: vec![client(0)],
        clients_max: 2048,
        connections: 1,
        conn_max: 500,
        pending: 0,
        pending_max: 100,
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
        service: 0,
        down_fd,
        up_fd: down_fd + 1,
        state: ConnectionState { connecting: false, client_closed: false, server_closed: false },
        pending_down: 0,
        pending_up: 0,
        client_address: IpAddr::from([192, 0, 2, number]).into(),
        client: Some(number.into()),
        server: Some(0),
        age: 2 * u64::from(number),
    }
}
