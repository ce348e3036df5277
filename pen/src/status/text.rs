//! The status for a terminal: times, totals, servers, clients and connections in words and aligned columns, also what
//! USR1 writes without a `-w` file. Nothing to be parsed: scripts have `answers`.

use std::fmt::{self, Display, Formatter};

use common::escape::Line;
use common::status::{
    Bytes, Seconds, ServerStatus, ServiceStatus, Snapshot, all_servers, census, condition, datagrams,
    listens, modes, place, preface, seen, slot_or_none,
};

use super::columns::Columns;
use super::moment::Moment;

/// Renders the whole.
pub fn render(snapshot: &Snapshot) -> String {
    Report(snapshot).to_string()
}

struct Report<'a>(&'a Snapshot);

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Snapshot { time, uptime, version, pid, services, .. } = self.0;
        writeln!(f, "pen {version}, process {pid}, up {}, at {}", Seconds(*uptime), Moment(*time))?;
        for service in services {
            write_service(f, service, *time)?;
            write_servers(f, service)?;
            write_clients(f, service)?;
            write_connections(f, service)?;
        }
        Ok(())
    }
}

fn write_service(f: &mut Formatter<'_>, service: &ServiceStatus, time: f64) -> fmt::Result {
    let ServiceStatus { connections, pending, limits, usable, idlers, .. } = service;
    let (conn_max, pending_max) = (limits.conn_max, limits.pending_max);
    let ServiceStatus { accepted, refused, unserved, shortages, log_lost, .. } = service;
    writeln!(f, "\nService {}{}", Line(&service.name), condition(service))?;
    writeln!(f, "  listens on   {}", Line(listens(service)))?;
    writeln!(f, "  modes        {}", modes(service))?;
    writeln!(f, "  servers      {usable} of {} usable", service.server_count())?;
    if idlers.wanted > 0 {
        writeln!(f, "  idlers       {} of {} open", idlers.open, idlers.wanted)?;
    }
    writeln!(f, "  connections  {connections} of {conn_max} open, {pending} of {pending_max} connecting")?;
    writeln!(
        f,
        "  so far       {accepted} accepted, {refused} refused, {unserved} unserved, {shortages} shortages"
    )?;
    for (name, told) in datagrams(service).into_iter().chain(preface(service, time)) {
        writeln!(f, "  {name:<11}  {}", Line(told))?;
    }
    if let Some(log) = &service.log {
        writeln!(f, "  request log  {}, {log_lost} records lost", Line(log))?;
    }
    Ok(())
}

fn write_servers(f: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let servers = &service.servers;
    write!(f, "\nServers: {}", servers.len())?;
    if !servers.is_empty() {
        let census = census(servers.iter()).into_iter().map(|(count, state)| format!("{count} {state}"));
        write!(f, " ({})", census.collect::<Vec<_>>().join(", "))?;
    }
    if let Some(current) = service.current {
        write!(f, ", the round robin is at {current}")?;
    }
    writeln!(f)?;

    let (slots, servers): (Vec<_>, Vec<_>) = all_servers(service).unzip();
    if servers.is_empty() {
        return Ok(());
    }
    write!(f, "{}", server_columns(&slots, &servers))?;
    for (slot, server) in slots.iter().zip(servers) {
        if let Some(error) = &server.last_error {
            writeln!(
                f,
                "  server {slot}: failures so far: {}, the latest: {}",
                server.failures,
                Line(error)
            )?;
        }
    }
    Ok(())
}

fn server_columns(slots: &[String], servers: &[&ServerStatus]) -> Columns {
    let servers = || servers.iter();
    Columns::default()
        .words("slot", slots.iter())
        .words("name", servers().map(|server| Line(server.name.as_deref().unwrap_or(""))))
        .unless_void()
        .words("address", servers().map(|server| Line(place(server))))
        .words("state", servers().map(|server| server.state))
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
}

fn write_clients(f: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let clients = || service.clients.iter();
    writeln!(f, "\nClients: {} of {}", service.clients.len(), service.limits.clients_max)?;
    if service.clients.is_empty() {
        return Ok(());
    }
    let columns = Columns::default()
        .numbers("client", clients().map(|client| client.index))
        .words("address", clients().map(|client| Line(&client.address)))
        .words("seen", clients().map(seen))
        .words("last server", clients().map(|client| slot_or_none(client.last_server)))
        .numbers("connects", clients().map(|client| client.connects))
        .numbers("sent", clients().map(|client| Bytes(client.sent)))
        .numbers("received", clients().map(|client| Bytes(client.received)));
    write!(f, "{columns}")
}

fn write_connections(f: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let connections = || service.open_connections.iter();
    writeln!(f, "\nConnections: {} of {}", service.connections, service.limits.conn_max)?;
    if service.open_connections.is_empty() {
        return Ok(());
    }
    let columns = Columns::default()
        .numbers("connection", connections().map(|connection| connection.number))
        .words("client", connections().map(|connection| Line(&connection.client_address)))
        .words("server", connections().map(|connection| slot_or_none(connection.server)))
        .words("age", connections().map(|connection| Seconds(connection.age)))
        .numbers("pending down", connections().map(|connection| connection.pending_down))
        .numbers("up", connections().map(|connection| connection.pending_up))
        .words("tls", connections().map(|connection| if connection.tls { "tls" } else { "" }))
        .unless_void()
        .words("state", connections().map(|connection| connection.state));
    write!(f, "{columns}")
}

#[cfg(test)]
mod tests {
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
        let service =
            ServiceStatus { servers: vec![www], fallbacks: vec![abuse], ..sample::service("default") };
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
        assert!(
            report.ends_with("\nServers: 0\n\nClients: 0 of 2048\n\nConnections: 1 of 500\n"),
            "{report}"
        );
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
}
