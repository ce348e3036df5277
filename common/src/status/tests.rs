use serde_json::{Value, from_str, json, to_value};

use super::*;

#[test]
fn a_snapshot_survives_the_way_through_json() {
    let server = ServerStatus {
        slot: Some(3),
        name: Some("www3".to_owned()),
        state: ServerState::Blacklisted { blacklisted_seconds: 12 },
        sent: u64::MAX,
        ..ServerStatus::default()
    };
    let state = ConnectionState { client_closed: true, ..ConnectionState::default() };
    let service = ServiceStatus {
        modes: vec!["hash".into()],
        proxy_protocol: ProxyStatus { accept: Some(3), send: Some("v2".into()) },
        tls: Some(TlsStatus { certificates: vec![CertificateStatus::default()], ..TlsStatus::default() }),
        servers: vec![server],
        fallbacks: vec![FallbackStatus { role: "abuse".into(), server: ServerStatus::default() }],
        clients: vec![ClientStatus { last_server: Some(3), ..ClientStatus::default() }],
        open_connections: vec![ConnectionStatus { state, up_fd: -1, ..ConnectionStatus::default() }],
        ..ServiceStatus::default()
    };
    let snapshot = Snapshot {
        time: 1_795_175_505.125,
        version: "1.0.0".into(),
        services: vec![service],
        ..Snapshot::default()
    };
    let text = to_value(&snapshot).unwrap().to_string();
    assert_eq!(to_value(from_str::<Snapshot>(&text).unwrap()).unwrap(), to_value(&snapshot).unwrap());
}

#[test]
fn what_another_version_leaves_out_has_its_default() {
    let snapshot: Snapshot = from_str("{}").unwrap();
    assert_eq!((snapshot.schema, snapshot.services.len()), (0, 0));
    let text =
        r#"{"services": [{"servers": [{}], "fallbacks": [{}], "clients": [{}], "open_connections": [{}]}]}"#;
    let snapshot: Snapshot = from_str(text).unwrap();
    let service = &snapshot.services[0];
    assert_eq!(service.servers[0].state, ServerState::Unknown);
    assert_eq!(service.open_connections[0].state, ConnectionState::default());
    assert_eq!((service.limits.conn_max, service.fallbacks.len(), service.clients.len()), (0, 1, 1));
}

#[test]
fn what_another_version_adds_is_passed_over() {
    let added = json!({"new": {"deep": [1, null]}});
    let mut value = to_value(Snapshot {
        services: vec![ServiceStatus {
            servers: vec![ServerStatus { state: ServerState::Up, ..ServerStatus::default() }],
            open_connections: vec![ConnectionStatus::default()],
            ..ServiceStatus::default()
        }],
        ..Snapshot::default()
    })
    .unwrap();
    add_everywhere(&mut value, &added);
    let snapshot: Snapshot = from_str(&value.to_string()).unwrap();
    assert_eq!(snapshot.services[0].servers[0].state, ServerState::Up);
    assert_eq!(snapshot.services[0].open_connections.len(), 1);
}

fn add_everywhere(value: &mut Value, added: &Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| add_everywhere(field, added));
            fields.insert("added".to_owned(), added.clone());
        }
        Value::Array(items) => items.iter_mut().for_each(|item| add_everywhere(item, added)),
        _ => {}
    }
}

#[test]
fn a_state_that_only_a_newer_pen_knows_is_unknown() {
    let server: ServerStatus =
        from_str(r#"{"slot": 1, "state": "resting", "resting_seconds": 5, "connections": 2}"#).unwrap();
    assert_eq!((server.state, server.connections), (ServerState::Unknown, 2));
    for (text, state) in [
        (r#"{"state": "up"}"#, ServerState::Up),
        (r#"{"state": "empty"}"#, ServerState::Empty),
        (r#"{"state": "blacklisted"}"#, ServerState::Blacklisted { blacklisted_seconds: 0 }),
        (r#"{"state": "unknown"}"#, ServerState::Unknown),
        (r#"{"state": "draining"}"#, ServerState::Draining),
        (r#"{"state": "maint"}"#, ServerState::Maint),
        (r#"{"state": "down"}"#, ServerState::Down),
    ] {
        assert_eq!(from_str::<ServerStatus>(text).unwrap().state, state, "{text}");
    }
}

#[test]
fn usable_is_who_is_up() {
    let server = |state| ServerStatus { state, ..ServerStatus::default() };
    let out = ServerState::Blacklisted { blacklisted_seconds: 1 };
    let states = [
        ServerState::Up,
        out,
        ServerState::Empty,
        ServerState::Draining,
        ServerState::Maint,
        ServerState::Down,
    ];
    let servers = states.map(server).to_vec();
    let service = ServiceStatus { servers, ..ServiceStatus::default() };
    assert_eq!((service.usable_servers(), service.server_count()), (1, 5));
    let dummy = ServiceStatus { dummy: true, ..ServiceStatus::default() };
    assert_eq!((dummy.usable_servers(), dummy.server_count()), (1, 1));
}

#[test]
fn what_an_old_pen_does_not_tell_of_health_is_read_as_health() {
    let text = r#"{"services": [{"servers": [{"slot": 0, "state": "up", "max": 3}], "usable": 1}]}"#;
    let snapshot: Snapshot = from_str(text).unwrap();
    let service = &snapshot.services[0];
    assert_eq!((service.check.as_ref(), service.peek.as_ref(), service.users.len()), (None, None, 0));
    let server = &service.servers[0];
    assert_eq!((server.share, server.check.as_ref(), server.agent.as_ref()), (Share::WHOLE, None, None));
    assert_eq!((state(server), why(server), remarks(server)), ("up".to_owned(), None, vec![]));
}

#[test]
fn what_an_old_penctl_knew_of_a_server_is_where_it_was() {
    let server = ServerStatus {
        slot: Some(1),
        state: ServerState::Down,
        admin: "ready".into(),
        check: Some(CheckStatus { took: 0.002, ..CheckStatus::default() }),
        agent: Some(AgentStatus { share: Share(35), ..AgentStatus::default() }),
        share: Share(35),
        ..ServerStatus::default()
    };
    let value = to_value(&server).unwrap();
    // What came with 1.0.0-alpha.1, whose readers pass over what they do not know.
    for field in ["slot", "state", "address", "connections", "max", "sent", "connects", "last_error"] {
        assert!(value.get(field).is_some(), "{field} in {value}");
    }
    assert_eq!((&value["state"], &value["share"]), (&json!("down"), &json!(35)));
    assert_eq!((&value["check"]["took"], &value["agent"]["share"]), (&json!(0.002), &json!(35)));
}
