use super::super::sample;
use super::*;
use common::status::{ConnectionState, ConnectionStatus, IdlersStatus};

#[test]
fn a_report_tells_totals_servers_clients_and_connections() {
    let snapshot = sample::snapshot();
    let expected = "
Service default
  listens on   0.0.0.0:80
  modes        tracking, round robin
  servers      1 of 2 usable
  connections  1 of 500 open, 0 of 100 connecting
  so far       8 accepted, 0 refused, 0 unserved, 0 shortages

Servers: 3 (1 up, 1 blacklisted, 1 empty), the round robin is at 1
  slot  address        state            conn  sent  received  served
  0     10.0.0.0:8080  up                  0   0 B       0 B       0
  1     10.0.0.1:8080  blacklisted 23s     0   0 B       0 B       0
  2     none           empty               0   0 B       0 B       0

Clients: 1 of 2048
  client  address    seen     last server  connects  sent  received
       0  192.0.2.0  3 s ago  0                   1   0 B       0 B

Connections: 1 of 500
  connection  client     server  age  pending down  up  state
           0  192.0.2.0  0       0 s             0   0  connected
";
    let report = render(&snapshot);
    let (first, rest) = report.split_once('\n').unwrap();
    assert_eq!(first, format!("pen 1.0.0, process 4711, up 3 d 4 h, at {}", Moment(snapshot.time)));
    assert_eq!(rest, expected);
}

#[test]
fn names_limits_fallbacks_and_failures_show_where_there_are_any() {
    let www = ServerStatus {
        name: Some("www1".to_owned()),
        max: 10,
        hard: 20,
        weight: 3,
        prio: 4,
        sent: 1_500_000,
        failures: 2,
        last_error: Some("connection refused".to_owned()),
        ..sample::server(0)
    };
    let abuse = sample::fallback("abuse", sample::server(9));
    let service = ServiceStatus { servers: vec![www], fallbacks: vec![abuse], ..sample::service("default") };
    let report = render(&Snapshot { services: vec![service], ..sample::snapshot() });
    let expected = "
  slot   name  address        state  conn  max  hard  weight  prio    sent  received  served
  0      www1  10.0.0.0:8080  up        0   10    20       3     4  1.5 MB       0 B       0
  abuse        10.0.0.9:8080  up        0    0     0       0     0     0 B       0 B       0
  server 0: failures so far: 2, the latest: connection refused
";
    assert!(report.contains(expected), "{report}");
}

#[test]
fn each_service_shows_its_own_connections() {
    let closing = ConnectionState { server_closed: true, ..ConnectionState::default() };
    let other = ConnectionStatus { state: closing, server: None, ..sample::connection(5) };
    let mail = ServiceStatus { open_connections: vec![other], ..sample::service("mail") };
    let report = render(&Snapshot { services: vec![sample::service("web"), mail], ..sample::snapshot() });
    let (web, mail) = report.split_once("\nService mail\n").unwrap();
    assert!(
        web.contains("\nService web\n")
            && web.ends_with("0  192.0.2.0  0       0 s             0   0  connected\n")
    );
    assert!(
        mail.ends_with("5  192.0.2.5  none    10 s             0   0  connected, server closed\n"),
        "{mail}"
    );
}

#[test]
fn idlers_removal_and_dummy_mode_are_told() {
    let service = ServiceStatus {
        listen: vec![],
        draining: true,
        dummy: true,
        idlers: IdlersStatus { open: 3, wanted: 10 },
        ..sample::service("mail")
    };
    let report = render(&Snapshot { services: vec![service], ..sample::snapshot() });
    for line in [
        "Service mail (removed, waits for its last connections)",
        "  listens on   nowhere",
        "  modes        dummy: pen itself answers",
        "  servers      1 of 3 usable",
        "  idlers       3 of 10 open",
    ] {
        assert!(report.contains(&format!("\n{line}\n")), "{line} is missing in:\n{report}");
    }
}

#[test]
fn headers_and_tls_are_told_of_services_that_have_them() {
    let connection = ConnectionStatus { tls: true, ..sample::connection(0) };
    let service = ServiceStatus {
        http: true,
        tls: Some(sample::tls("/etc/www.pem")),
        open_connections: vec![connection],
        ..sample::service("web")
    };
    let report = render(&Snapshot { services: vec![service], ..sample::snapshot() });
    for line in [
        "  http         tells servers of clients, 0 requests refused",
        "  tls          30 handshakes of TLS 1.3, 2 of TLS 1.2, 4 resumed, 5 failed",
        "  certificate  /etc/www.pem for /etc/www.pem, expires in 30 d 0 h",
        "           0  192.0.2.0  0       0 s             0   0  tls  connected",
    ] {
        assert!(report.contains(&format!("\n{line}\n")), "{line} is missing in:\n{report}");
    }
}

#[test]
fn a_pen_without_anything_has_a_short_report() {
    let service = ServiceStatus {
        servers: vec![],
        clients: vec![],
        open_connections: vec![],
        current: None,
        ..sample::service("default")
    };
    let report = render(&Snapshot { services: vec![service], ..sample::snapshot() });
    assert!(report.ends_with("\nServers: 0\n\nClients: 0 of 2048\n\nConnections: 1 of 500\n"), "{report}");
}

#[test]
fn hostile_names_forge_no_lines_and_do_not_reach_the_terminal() {
    let harmless = render(&sample::named("x"));
    let report = render(&sample::named("x\x1b]0;owned\x07\r\nService evil\u{202e}\u{9b}2J"));
    assert_eq!(report.lines().count(), harmless.lines().count());
    assert!(!report.contains(|c: char| c != '\n' && c.is_control()));
    assert!(!report.contains('\u{202e}'));
    assert!(report.contains(r"x\u{1b}]0;owned\u{7}\u{d}\u{a}Service evil\u{202e}\u{9b}2J"));
}

#[test]
fn health_is_told_of_services_that_test_their_servers() {
    let service = ServiceStatus { clients: vec![], open_connections: vec![], ..sample::checked("web") };
    let report = render(&Snapshot { services: vec![service], ..sample::snapshot() });
    let expected = "
Service web
  listens on   0.0.0.0:80
  modes        tracking, round robin
  servers      3 of 8 usable
  connections  1 of 500 open, 0 of 100 connecting
  so far       8 accepted, 0 refused, 0 unserved, 0 shortages
  check        http / status 200-399 interval 2 timeout 2 rise 2 fall 3
  checks       200 passed, 3 failed, changes: 5
  agent        7777 interval 2 timeout 2
  fail open    on, 9 connections to servers that were down
  slow start   30 s
  peek         rdp fold
  users        2 remembered

Servers: 8 (3 up, 2 draining, 1 maintenance, 2 down), the round robin is at 1
  slot  address        state                  share  conn  sent  received  served
  0     10.0.0.0:8080  up 2 d 3 h                       0   0 B       0 B       0
  1     10.0.0.1:8080  down 5 min 3 s                   0   0 B       0 B       0
  2     10.0.0.2:8080  up 2 d 3 h             35 %      0   0 B       0 B       0
  3     10.0.0.3:8080  draining 20 s                    0   0 B       0 B       0
  4     10.0.0.4:8080  maintenance 1 h 0 min            0   0 B       0 B       0
  5     10.0.0.5:8080  up 2 d 3 h             40 %      0   0 B       0 B       0
  6     10.0.0.6:8080  draining 1 h 0 min               0   0 B       0 B       0
  7     10.0.0.7:8080  down 20 s                        0   0 B       0 B       0
  server 1: down 5 min 3 s: http check: status 500 where 200-399 is expected
  server 2: up 2 d 3 h, 35 % by its agent
  server 3: draining 20 s, by its agent: <backup>
  server 4: maintenance 1 h 0 min, by the administrator
  server 5: up 2 d 3 h, 40 % (slow start)
  server 6: draining 1 h 0 min, by the administrator
  server 7: down 20 s: by its agent

Tested servers: 6
  slot  check    took  passed  failed  changes  agent        latest failure
  0     up     2.5 ms      40       0        1  ready
  1     down   2.5 ms      40       3        1               status 500 where 200-399 is expected
  2     up     2.5 ms      40       0        1  ready, 35 %
  3                                             drain
  5     up     2.5 ms      40       0        1
  7     up     2.5 ms      40       0        1  down

Clients: 0 of 2048

Users: 2
  user  seen           last server
  anna  2 open         0
  otto  1 min 1 s ago  none

Connections: 1 of 500
";
    let (_, rest) = report.split_once('\n').unwrap();
    assert_eq!(rest, expected);
}
