//! Parts of the status as tables, for people.

use std::fmt::Display;
use std::sync::LazyLock;

use common::escape::Line;
use common::status::{
    Bytes, ClientStatus, ConnectionStatus, Seconds, ServerStatus, ServiceStatus, Snapshot, UdpStatus,
    UserStatus, all_servers, certificate, modes, place, protocol, seen, slot_or_none, state, user_seen, why,
};

use super::grid::Grid;
use super::{NoService, Part, Subject, is_recent};

/// Renders a part, at most so wide if there is a limit.
pub fn render(snapshot: &Snapshot, subject: &Subject, width: Option<usize>) -> Result<String, NoService> {
    Ok(match subject.part {
        Part::Status => whole(snapshot, width),
        Part::Services => services(snapshot).draw(width),
        Part::Servers => servers(service(snapshot, subject)?).draw(width),
        Part::Connections => connections(&service(snapshot, subject)?.open_connections).draw(width),
        Part::Recent(seconds) => {
            let clients = service(snapshot, subject)?.clients.iter();
            let recent: Vec<_> = clients.filter(|client| is_recent(client.age, seconds)).collect();
            self::clients(&recent).draw(width)
        }
    })
}

/// A service that is there and not in use.
static NOTHING: LazyLock<ServiceStatus> = LazyLock::new(ServiceStatus::default);

fn service<'a>(snapshot: &'a Snapshot, subject: &Subject) -> Result<&'a ServiceStatus, NoService> {
    let mut there = snapshot.services.iter().filter(|service| !service.draining);
    there
        .clone()
        .find(|service| service.name == subject.service())
        .or(subject.is_always_there().then_some(&*NOTHING))
        .ok_or_else(|| NoService {
            name: subject.service().to_owned(),
            there: there.by_ref().map(|service| service.name.clone()).collect(),
        })
}

fn whole(snapshot: &Snapshot, width: Option<usize>) -> String {
    let Snapshot { version, pid, uptime, .. } = snapshot;
    let head = format!("pen {}, process {pid}, up {}\n", Line(version), Seconds(*uptime));
    let mut parts = vec![head];
    let mut add = |title: &str, grid: Grid| parts.push(format!("{title}\n{}", grid.draw(width)));
    add("Services", services(snapshot));
    for service in &snapshot.services {
        let of = |what: &str| format!("{what} of {}", Line(&service.name));
        add(&of("Servers"), servers(service));
        add(&of("Clients"), clients(&service.clients.iter().collect::<Vec<_>>()));
        if !service.users.is_empty() {
            add(&of("Users"), users(&service.users));
        }
        add(&of("Connections"), connections(&service.open_connections));
    }
    parts.join("\n")
}

fn services(snapshot: &Snapshot) -> Grid {
    let services = || snapshot.services.iter();
    Grid::default()
        .words("service", services().map(|service| &service.name))
        .words("state", services().map(|service| if service.draining { "draining" } else { "" }))
        .unless_void()
        .words("listens on", services().map(|service| service.listen.join(" ") + protocol(service)))
        .words("modes", services().map(modes))
        .words("check", services().map(|service| service.check.as_deref().map_or("", first_word)))
        .unless_void()
        .words("peek", services().map(|service| service.peek.as_deref().unwrap_or_default()))
        .unless_void()
        .numbers("usable", services().map(|service| of(service.usable_servers(), service.server_count())))
        .numbers("open", services().map(|service| of(service.connections, service.limits.conn_max)))
        .numbers("clients", services().map(|service| service.clients.len()))
        .numbers("users", services().map(|service| service.users_known))
        .unless_void()
        .numbers("accepted", services().map(|service| service.accepted))
        .numbers("refused", services().map(|service| service.refused))
        .unless_void()
        .numbers("failed open", services().map(|service| service.failed_open))
        .unless_void()
        .numbers("unserved", services().map(|service| service.unserved))
        .unless_void()
        .numbers("shortages", services().map(|service| service.shortages))
        .unless_void()
        .numbers("dropped", services().map(|service| datagrams(service, |udp| udp.dropped)))
        .unless_void()
        .numbers("lost", services().map(|service| datagrams(service, |udp| udp.lost)))
        .unless_void()
        .numbers("http refused", services().map(|service| service.http_refused))
        .unless_void()
        .numbers("proxy refused", services().map(|service| service.proxy_refused))
        .unless_void()
        .words("certificate", services().map(|service| certificate(service, snapshot.time)))
        .unless_void()
}

/// A count of datagrams; of a service without such 0.
fn datagrams(service: &ServiceStatus, count: fn(&UdpStatus) -> u64) -> u64 {
    service.udp.as_ref().map_or(0, count)
}

/// What is tried, without how.
fn first_word(words: &str) -> &str {
    words.split_whitespace().next().unwrap_or_default()
}

/// `1 of 2`
fn of(part: impl Display, whole: impl Display) -> String {
    format!("{part} of {whole}")
}

fn servers(service: &ServiceStatus) -> Grid {
    let (slots, servers): (Vec<_>, Vec<_>) = all_servers(service).unzip();
    let servers = || servers.iter();
    Grid::default()
        .words("slot", slots.iter())
        .words("name", servers().map(|server| server.name.as_deref().unwrap_or_default()))
        .unless_void()
        .words("address", servers().map(|server| place(server)))
        .words("state", servers().map(|server| state(server)))
        .words("why", servers().map(|server| why(server).unwrap_or_default()))
        .unless_void()
        .numbers("conn", servers().map(|server| server.connections))
        .numbers("max", servers().map(|server| server.max))
        .unless_void()
        .numbers("hard", servers().map(|server| server.hard))
        .unless_void()
        .numbers("weight", servers().map(|server| server.weight))
        .unless_void()
        .numbers("prio", servers().map(|server| server.prio))
        .unless_void()
        .numbers("sent", servers().map(|server| Bytes(server.sent)))
        .numbers("received", servers().map(|server| Bytes(server.received)))
        .numbers("served", servers().map(|server| server.connects))
        .numbers("failed", servers().map(|server| server.failures))
        .unless_void()
        .numbers("checks failed", servers().map(|server| checks_failed(server)))
        .unless_void()
        .words("latest error", servers().map(|server| server.last_error.as_deref().unwrap_or_default()))
        .unless_void()
}

/// `3 of 43`; nothing as long as all is well.
fn checks_failed(server: &ServerStatus) -> String {
    let failed = server.check.as_ref().filter(|check| check.failed > 0);
    failed.map_or_else(String::new, |check| of(check.failed, check.passed.saturating_add(check.failed)))
}

fn users(users: &[UserStatus]) -> Grid {
    let users = || users.iter();
    Grid::default()
        .words("user", users().map(|user| &user.name))
        .words("seen", users().map(user_seen))
        .words("last server", users().map(|user| slot_or_none(user.server)))
}

fn clients(clients: &[&ClientStatus]) -> Grid {
    let clients = || clients.iter();
    Grid::default()
        .numbers("client", clients().map(|client| client.index))
        .words("address", clients().map(|client| &client.address))
        .words("seen", clients().map(|client| seen(client)))
        .words("last server", clients().map(|client| slot_or_none(client.last_server)))
        .numbers("connects", clients().map(|client| client.connects))
        .numbers("sent", clients().map(|client| Bytes(client.sent)))
        .numbers("received", clients().map(|client| Bytes(client.received)))
}

fn connections(connections: &[ConnectionStatus]) -> Grid {
    let connections = || connections.iter();
    Grid::default()
        .numbers("conn", connections().map(|connection| connection.number))
        .words("client", connections().map(|connection| &connection.client_address))
        .words("server", connections().map(|connection| slot_or_none(connection.server)))
        .words("state", connections().map(|connection| connection.state))
        .words("tls", connections().map(|connection| if connection.tls { "tls" } else { "" }))
        .unless_void()
        .words("age", connections().map(|connection| Seconds(connection.age)))
        .numbers("waiting down", connections().map(|connection| bytes(connection.pending_down)))
        .numbers("waiting up", connections().map(|connection| bytes(connection.pending_up)))
}

/// A length in memory.
pub fn bytes(length: usize) -> Bytes {
    Bytes(u64::try_from(length).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use common::status::{
        CertificateStatus, CheckStatus, ConnectionState, FallbackStatus, ServerState, ServerStatus, TlsStatus,
    };

    use super::*;

    fn snapshot() -> Snapshot {
        let server = |slot, address: &str, state| ServerStatus {
            slot: Some(slot),
            address: address.to_owned(),
            port: 80,
            state,
            ..ServerStatus::default()
        };
        let failed = ServerState::Blacklisted { blacklisted_seconds: 23 };
        let default = ServiceStatus {
            name: "default".into(),
            listen: vec!["127.0.0.1:8080".into(), "/run/web".into()],
            servers: vec![
                ServerStatus { sent: 1_500_000, connects: 7, ..server(0, "10.0.0.1", ServerState::Up) },
                ServerStatus {
                    failures: 2,
                    last_error: Some("connection refused".into()),
                    ..server(1, "/x\x1b]0;owned\x07\u{202e}", failed)
                },
                server(2, "0.0.0.0", ServerState::Empty),
            ],
            fallbacks: vec![FallbackStatus {
                role: "abuse".into(),
                server: server(0, "::1", ServerState::Up),
            }],
            clients: vec![
                ClientStatus { index: 0, address: "192.0.2.1".into(), open: 2, ..ClientStatus::default() },
                ClientStatus { index: 1, address: "192.0.2.2".into(), age: 90, ..ClientStatus::default() },
            ],
            open_connections: vec![ConnectionStatus {
                number: 3,
                client_address: "192.0.2.1".into(),
                server: Some(1),
                state: ConnectionState { connecting: true, ..ConnectionState::default() },
                pending_up: 70_000,
                ..ConnectionStatus::default()
            }],
            ..ServiceStatus::default()
        };
        let web = ServiceStatus { name: "web".into(), ..ServiceStatus::default() };
        let gone = ServiceStatus { name: "gone".into(), draining: true, ..ServiceStatus::default() };
        let services = vec![default, web, gone];
        Snapshot { version: "1.0.0\x1b".into(), pid: 4711, uptime: 273_600, services, ..Snapshot::default() }
    }

    fn rendered(command: &str, width: Option<usize>) -> Result<String, NoService> {
        render(&snapshot(), &Subject::of(command).unwrap(), width)
    }

    #[test]
    fn servers_have_their_numbers_in_human_units_and_void_columns_left_out() {
        assert_eq!(
            rendered("servers", None).unwrap(),
            r"╭───────┬──────────────────────────────────┬─────────────────┬──────┬────────┬──────────┬────────┬────────┬────────────────────╮
│ slot  │ address                          │ state           │ conn │   sent │ received │ served │ failed │ latest error       │
├───────┼──────────────────────────────────┼─────────────────┼──────┼────────┼──────────┼────────┼────────┼────────────────────┤
│ 0     │ 10.0.0.1:80                      │ up              │    0 │ 1.5 MB │      0 B │      7 │      0 │                    │
│ 1     │ /x\u{1b}]0;owned\u{7}\u{202e}:80 │ blacklisted 23s │    0 │    0 B │      0 B │      0 │      2 │ connection refused │
│ 2     │ none                             │ empty           │    0 │    0 B │      0 B │      0 │      0 │                    │
│ abuse │ [::1]:80                         │ up              │    0 │    0 B │      0 B │      0 │      0 │                    │
╰───────┴──────────────────────────────────┴─────────────────┴──────┴────────┴──────────┴────────┴────────┴────────────────────╯
"
        );
    }

    #[test]
    fn health_shows_where_servers_are_tested() {
        let mut snapshot = snapshot();
        let rendered = |snapshot: &Snapshot, command, width| {
            render(snapshot, &Subject::of(command).unwrap(), width).unwrap()
        };
        for command in ["servers", "services", "status"] {
            let void = rendered(&snapshot, command, None);
            assert!(!void.contains("why") && !void.contains("check") && !void.contains("sers │"), "{void}");
        }
        let service = &mut snapshot.services[0];
        service.check = Some("http / status 200-399 interval 2 timeout 2 rise 2 fall 3".into());
        service.failed_open = 9;
        service.users_known = 1;
        service.users = vec![UserStatus { name: "anna\x1b".into(), age: 61, ..UserStatus::default() }];
        let down = &mut service.servers[1];
        down.state = ServerState::Down;
        down.check = Some(CheckStatus {
            kind: "http".into(),
            since: 303,
            reason: Some("status 500\x1b[2J".into()),
            passed: 40,
            failed: 3,
            ..CheckStatus::default()
        });
        let servers = rendered(&snapshot, "servers", None);
        assert!(servers.contains("│ down 5 min 3 s │ http check: status 500\\u{1b}[2J │"), "{servers}");
        assert!(servers.contains("│ checks failed │") && servers.contains("│       3 of 43 │"), "{servers}");
        let narrow = rendered(&snapshot, "servers", Some(80));
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        let services = rendered(&snapshot, "services", None);
        assert!(services.contains("│ http  │") && services.contains("│ failed open │"), "{services}");
        let whole = rendered(&snapshot, "status", None);
        assert!(whole.contains("\nUsers of default\n╭"), "{whole}");
        assert!(whole.contains("│ anna\\u{1b} │ 1 min 1 s ago │ none        │"), "{whole}");
    }

    #[test]
    fn clients_and_connections_are_those_of_the_service() {
        let clients = rendered("recent 60", None).unwrap();
        assert!(clients.contains("│      0 │ 192.0.2.1 │ 2 open │ none"), "{clients}");
        assert!(!clients.contains("192.0.2.2"), "not seen for 90 seconds: {clients}");
        assert!(rendered("recent", None).unwrap().contains("1 min 30 s ago"));
        let connections = rendered("connections", None).unwrap();
        assert!(
            connections
                .contains("│    3 │ 192.0.2.1 │ 1      │ connecting │ 0 s │          0 B │    70.0 kB │"),
            "{connections}"
        );
        assert_eq!(rendered("service web connections", None).unwrap(), "none\n");
    }

    #[test]
    fn tls_and_what_was_refused_show_where_there_is_any() {
        let mut snapshot = snapshot();
        let rendered =
            |snapshot: &Snapshot, command| render(snapshot, &Subject::of(command).unwrap(), None).unwrap();
        assert!(!rendered(&snapshot, "services").contains("refused"));
        let certificate = CertificateStatus { not_after: 90_000, ..CertificateStatus::default() };
        let service = &mut snapshot.services[0];
        (service.http_refused, service.proxy_refused) = (3, 4);
        service.tls = Some(TlsStatus { certificates: vec![certificate], ..TlsStatus::default() });
        service.open_connections[0].tls = true;
        let services = rendered(&snapshot, "services");
        assert!(services.contains("│ http refused │ proxy refused │ certificate        │"), "{services}");
        assert!(services.contains("│            3 │             4 │ expires in 1 d 1 h │"), "{services}");
        let connections = rendered(&snapshot, "connections");
        assert!(connections.contains("│ connecting │ tls │ 0 s │"), "{connections}");
    }

    #[test]
    fn datagrams_that_did_not_arrive_show_where_there_are_any() {
        let mut snapshot = snapshot();
        let rendered =
            |snapshot: &Snapshot| render(snapshot, &Subject::of("services").unwrap(), None).unwrap();
        assert!(!rendered(&snapshot).contains("dropped"));
        snapshot.services[0].udp = Some(UdpStatus { dropped: 5, lost: 6, ..UdpStatus::default() });
        let services = rendered(&snapshot);
        assert!(services.contains("│ 127.0.0.1:8080 /run/web (UDP) │"), "{services}");
        assert!(services.contains("│ dropped │ lost │"), "{services}");
        assert!(services.contains("│       5 │    6 │"), "{services}");
    }

    #[test]
    fn a_service_that_is_not_there_is_an_error() {
        let error = rendered("service gone servers", None).unwrap_err();
        assert_eq!(error.to_string(), "pen has no service 'gone': there are default, web");
    }

    #[test]
    fn the_whole_has_a_table_of_everything_and_says_nothing_to_the_terminal() {
        let text = rendered("status", None).unwrap();
        assert!(text.starts_with("pen 1.0.0\\u{1b}, process 4711, up 3 d 4 h\n\nServices\n╭"), "{text}");
        for beginning in ["Servers of default\n╭", "Clients of default\n╭", "Connections of gone\nnone\n"]
        {
            assert!(text.contains(&format!("\n{beginning}")), "{beginning} in {text}");
        }
        assert!(!text.contains(|c: char| (c != '\n' && c.is_control()) || c == '\u{202e}'));
        let narrow = rendered("status", Some(80)).unwrap();
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        assert!(narrow.contains("\nslot   address "), "it is still a table: {narrow}");
    }
}
