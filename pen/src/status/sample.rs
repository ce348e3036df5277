//! Snapshots for the tests of the renderings.

use common::status::{
    AgentStatus, CertificateStatus, CheckStatus, ClientStatus, ConnectionState, ConnectionStatus,
    FallbackStatus, HandshakesStatus, IdlersStatus, LimitsStatus, Name, ProxyStatus, SCHEMA, ServerState,
    ServerStatus, ServiceStatus, Share, Snapshot, TlsStatus, UdpStatus, UserStatus, WorkerStatus,
};

/// One that names everything that comes from outside `text`, and has everything that there can be.
pub fn named(text: &str) -> Snapshot {
    let text = text.to_owned();
    let server = |slot| ServerStatus {
        name: Some(text.clone()),
        address: text.clone(),
        failures: 1,
        last_error: Some(text.clone()),
        state: ServerState::Down,
        check: Some(CheckStatus { reason: Some(text.clone()), ..check(false) }),
        agent: Some(AgentStatus {
            reason: Some(text.clone()),
            trouble: Some(text.clone()),
            max: Some(7),
            ..agent("down", 35)
        }),
        share: Share(35),
        ..server(slot)
    };
    let service = ServiceStatus {
        name: text.clone(),
        listen: vec![text.clone()],
        servers: vec![server(0)],
        fallbacks: vec![fallback("abuse", server(0))],
        clients: vec![ClientStatus { address: text.clone(), ..client(0) }],
        open_connections: vec![ConnectionStatus { client_address: text.clone(), ..connection(0) }],
        http: true,
        proxy_protocol: ProxyStatus { accept: Some(1), send: Some("v2".into()) },
        tls: Some(tls(&text)),
        udp: Some(udp()),
        log: Some(text.clone()),
        log_lost: 1,
        check: Some(text.clone()),
        agent: Some(text.clone()),
        failed_open: 1,
        peek: Some(text.clone()),
        users: vec![UserStatus { name: text.clone(), server: Some(0), open: 0, age: 7 }],
        users_known: 1,
        ..service("")
    };
    Snapshot { services: vec![service.clone(), service], ..snapshot() }
}

/// A pen with one service that is called `default`.
pub fn snapshot() -> Snapshot {
    Snapshot {
        schema: SCHEMA,
        time: 1_795_175_505.0,
        started: 1_794_901_905.0,
        uptime: 273_600,
        version: "1.0.0".into(),
        pid: 4711,
        workers: vec![WorkerStatus { connections: 1, handed_over: 2 }, WorkerStatus::default()],
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
        check: None,
        agent: None,
        fail_open: true,
        failed_open: 0,
        peek: None,
        users: vec![],
        users_known: 0,
        dummy: false,
        udp: None,
        http: false,
        transparent: false,
        proxy_protocol: ProxyStatus::default(),
        tls: None,
        limits: LimitsStatus {
            backlog: 500,
            blacklist: 30,
            clients_max: 2048,
            conn_max: 500,
            idle_timeout: 0,
            multi_accept: 100,
            pending_max: 100,
            slow_start: 0,
            timeout: 5,
            tracking: 0,
            udp_requests: 0,
            udp_responses: 0,
            udp_timeout: 30,
        },
        idlers: IdlersStatus::default(),
        servers: vec![
            server(0),
            ServerStatus { state: ServerState::Blacklisted { blacklisted_seconds: 23 }, ..server(1) },
            empty,
        ],
        fallbacks: vec![],
        clients: vec![client(0)],
        open_connections: vec![connection(0)],
        connections: 1,
        pending: 0,
        accepted: 8,
        refused: 0,
        proxy_refused: 0,
        http_refused: 0,
        unserved: 0,
        shortages: 0,
        clients_known: 1,
        usable: 1,
        log: None,
        log_lost: 0,
    }
}

/// One whose servers are checked and asked, with one in every state that there is by that; the clients are users of RDP.
pub fn checked(name: &str) -> ServiceStatus {
    let with = |slot, state, check, agent, share| ServerStatus {
        state,
        check,
        agent,
        share: Share(share),
        ..server(slot)
    };
    let by_administrator =
        |admin: &'static str, server| ServerStatus { admin: admin.into(), admin_since: Some(3600), ..server };
    let drained = AgentStatus { reason: Some("<backup>".to_owned()), ..agent("drain", 100) };
    let user = |name: &str, server, open, age| UserStatus { name: name.to_owned(), server, open, age };
    let servers = vec![
        with(0, ServerState::Up, Some(check(true)), Some(agent("ready", 100)), 100),
        with(1, ServerState::Down, Some(check(false)), None, 100),
        with(2, ServerState::Up, Some(check(true)), Some(agent("ready", 35)), 35),
        with(3, ServerState::Draining, None, Some(drained), 100),
        by_administrator("maint", with(4, ServerState::Maintenance, None, None, 100)),
        with(5, ServerState::Up, Some(check(true)), None, 40),
        by_administrator("drain", with(6, ServerState::Draining, None, None, 100)),
        with(7, ServerState::Down, Some(check(true)), Some(agent("down", 100)), 100),
    ];
    ServiceStatus {
        check: Some("http / status 200-399 interval 2 timeout 2 rise 2 fall 3".to_owned()),
        agent: Some("agent 7777 interval 2 timeout 2".to_owned()),
        failed_open: 9,
        peek: Some("rdp fold".to_owned()),
        users: vec![user("anna", Some(0), 2, 0), user("otto", None, 0, 61)],
        users_known: 2,
        limits: LimitsStatus { slow_start: 30, ..service(name).limits },
        servers,
        usable: 3,
        ..service(name)
    }
}

/// A check, of which those that are down have failed three times.
pub fn check(up: bool) -> CheckStatus {
    let reason = "status 500 where 200-399 is expected".to_owned();
    CheckStatus {
        kind: "http".into(),
        up,
        since: if up { 183_600 } else { 303 },
        reason: (!up).then_some(reason),
        took: 0.0025,
        passed: 40,
        failed: if up { 0 } else { 3 },
        changes: 1,
    }
}

/// An agent that says so, and answers.
pub fn agent(word: &'static str, share: u32) -> AgentStatus {
    AgentStatus {
        word: Name::Borrowed(word),
        since: 20,
        share: Share(share),
        max: None,
        reason: None,
        trouble: None,
    }
}

/// TLS with a certificate that expires in 30 days.
pub fn tls(text: &str) -> TlsStatus {
    let certificate = CertificateStatus {
        file: text.to_owned(),
        names: vec![text.to_owned()],
        not_after: 1_795_175_505 + 30 * 86_400,
    };
    TlsStatus {
        require_client_cert: false,
        certificates: vec![certificate],
        handshakes: HandshakesStatus { tls12: 2, tls13: 30, resumed: 4, failed: 5 },
    }
}

/// Datagrams of which some went wrong.
pub fn udp() -> UdpStatus {
    UdpStatus { received: 1000, answered: 990, dropped: 7, lost: 3 }
}

/// A server that is up.
pub fn server(slot: u8) -> ServerStatus {
    ServerStatus {
        slot: Some(slot.into()),
        name: None,
        host: None,
        address: format!("10.0.0.{slot}"),
        port: 8080,
        state: ServerState::Up,
        admin: "ready".into(),
        admin_since: None,
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
        check: None,
        agent: None,
        share: Share::WHOLE,
    }
}

/// The same outside the slots.
pub fn fallback(role: &'static str, server: ServerStatus) -> FallbackStatus {
    FallbackStatus { role: role.into(), server: ServerStatus { slot: None, ..server } }
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
        state: ConnectionState::default(),
        tls: false,
        pending_down: 0,
        pending_up: 0,
        client_address: format!("192.0.2.{number}"),
        client: Some(number.into()),
        server: Some(0),
        age: 2 * u64::from(number),
    }
}
