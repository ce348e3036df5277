//! The status for a terminal: times, totals, servers, clients and connections in words and aligned columns, also what
//! USR1 writes without a `-w` file. Nothing to be parsed: scripts have `answers`.

use std::fmt::{self, Display, Formatter};

use common::escape::Line;
use common::status::{
    Bytes, CheckStatus, Seconds, ServerState, ServerStatus, ServiceStatus, Share, Snapshot, Took, agent,
    all_servers, census, condition, datagrams, health, listens, modes, place, preface, remark, seen,
    slot_or_none, state, user_seen,
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
            write_tests(f, service)?;
            write_clients(f, service)?;
            write_users(f, service)?;
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
    for (name, told) in health(service).into_iter().chain(datagrams(service)).chain(preface(service, time)) {
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
        if let Some(remark) = remark(server) {
            writeln!(f, "  server {slot}: {}", Line(remark))?;
        }
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
        .words("state", servers().map(|server| state(server)))
        .words("share", servers().map(|server| part(server)))
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
}

/// The share of a server that does not get the whole of it.
fn part(server: &ServerStatus) -> String {
    let is_part = server.state == ServerState::Up && server.share < Share::WHOLE;
    if is_part { server.share.to_string() } else { String::new() }
}

/// What came of checks, and what agents say.
fn write_tests(f: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let is_tested = |server: &ServerStatus| server.check.is_some() || server.agent.is_some();
    let (slots, servers): (Vec<_>, Vec<_>) =
        all_servers(service).filter(|(_, server)| is_tested(server)).unzip();
    if servers.is_empty() {
        return Ok(());
    }
    let servers = || servers.iter();
    let checks = || servers().map(|server| server.check.as_ref());
    let count = |count: fn(&CheckStatus) -> u64| {
        checks().map(move |check| check.map_or_else(String::new, |check| count(check).to_string()))
    };
    let columns = Columns::default()
        .words("slot", slots.iter())
        .words("check", checks().map(|check| check.map_or("", result)))
        .unless_void()
        .numbers(
            "took",
            checks().map(|check| check.map_or_else(String::new, |check| Took(check.took).to_string())),
        )
        .unless_void()
        .numbers("passed", count(|check| check.passed))
        .unless_void()
        .numbers("failed", count(|check| check.failed))
        .unless_void()
        .numbers("changes", count(|check| check.changes))
        .unless_void()
        .words("agent", servers().map(|server| Line(server.agent.as_ref().map_or_else(String::new, agent))))
        .unless_void()
        .words(
            "latest failure",
            checks().map(|check| Line(check.and_then(|check| check.reason.as_deref()).unwrap_or(""))),
        )
        .unless_void();
    write!(f, "\nTested servers: {}\n{columns}", slots.len())
}

fn result(check: &CheckStatus) -> &'static str {
    if check.up { "up" } else { "down" }
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

fn write_users(f: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let users = || service.users.iter();
    if service.users.is_empty() {
        return Ok(());
    }
    let columns = Columns::default()
        .words("user", users().map(|user| Line(&user.name)))
        .words("seen", users().map(user_seen))
        .words("last server", users().map(|user| slot_or_none(user.server)));
    write!(f, "\nUsers: {}\n{columns}", service.users_known)
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
mod tests;
