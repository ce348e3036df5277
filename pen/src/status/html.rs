//! The status page: one file that needs nothing else, for people on phones and desks, in light and dark. It reloads
//! itself.
//!
//! Scripts of old scrape it, so the page keeps the words, headings and tables of pen 0.34 in their order: a cell is a
//! plain number or word, alone on its line. What is to be known beyond goes to the cell's title (which the style shows
//! beside the cell where there is room), or to lists, never to further tables, columns or rows.

use std::fmt::{self, Display, Formatter};

use common::escape::Html;
use common::status::{
    Bytes, ClientStatus, ConnectionStatus, FallbackStatus, IdlersStatus, Seconds, ServerStatus,
    ServiceStatus, Snapshot, UserStatus, all_servers, census, condition, datagrams, health, listens, modes,
    place, preface, remarks, since, slot, slot_or_none, state, user_seen,
};

use super::answers::index;
use super::moment::Moment;

/// Seconds from one reload to the next.
const REFRESH: u32 = 10;

const STYLE: &str = concat!(include_str!("look.css"), include_str!("page.css"));

const SERVER_TITLES: [&str; 11] = [
    "server",
    "address",
    "status",
    "port",
    "connections",
    "max soft",
    "max hard",
    "sent",
    "received",
    "weight",
    "prio",
];

const CLIENT_TITLES: [&str; 7] =
    ["client", "address", "age(secs)", "last server", "connects", "sent", "received"];

const CONNECTION_TITLES: [&str; 7] =
    ["connection", "downfd", "upfd", "pending data down", "pending data up", "client", "server"];

/// Renders the page.
pub fn render(snapshot: &Snapshot) -> String {
    Page(snapshot).to_string()
}

struct Page<'a>(&'a Snapshot);

/// Whether a service shares the page, and its tables have to say whose they are.
#[derive(Clone, Copy)]
enum Company {
    None,
    Others,
}

impl Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let services = &self.0.services;
        let company = if services.len() > 1 { Company::Others } else { Company::None };
        write_head(f)?;
        write_overview(f, self.0)?;
        if let Company::Others = company {
            write_contents(f, services)?;
        }
        for (position, service) in services.iter().enumerate() {
            write_service(f, service, position, company, self.0.time)?;
        }
        writeln!(f, "<section>\n<h2>Active clients</h2>")?;
        for service in services {
            write_clients(f, service, company)?;
        }
        writeln!(f, "</section>\n<section>\n<h2>Active connections</h2>")?;
        for service in services {
            write_connections(f, service, company)?;
        }
        writeln!(f, "</section>\n</main>\n</body>\n</html>")
    }
}

fn write_head(f: &mut Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"refresh\" content=\"{REFRESH}\">\n\
         <title>Pen status page</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    )
}

fn write_overview(f: &mut Formatter<'_>, snapshot: &Snapshot) -> fmt::Result {
    let Snapshot { time, uptime, version, pid, services, .. } = snapshot;
    let servers = || services.iter().flat_map(|service| &service.servers);
    write!(
        f,
        "<header>\n<h1>Pen status page</h1>\n<p>Time {}, {} servers",
        Moment(*time),
        servers().count()
    )?;
    if let [ServiceStatus { current: Some(current), .. }] = services.as_slice() {
        write!(f, ", {current} current")?;
    }
    write!(f, "</p>\n<p class=\"census\">")?;
    for (count, state) in census(servers()) {
        write!(f, "<span class=\"{state}\">{count} {state}</span> ")?;
    }
    writeln!(
        f,
        "</p>\n<p class=\"aside\">pen {version}, process {pid}, up {}</p>\n</header>",
        Seconds(*uptime)
    )
}

/// The services at a glance, with links to their sections.
fn write_contents(f: &mut Formatter<'_>, services: &[ServiceStatus]) -> fmt::Result {
    writeln!(f, "<nav aria-label=\"Services\">\n<ul>")?;
    for (position, service) in services.iter().enumerate() {
        let ServiceStatus { name, usable, connections, limits, .. } = service;
        let (anchor, count) = (Anchor(service, position), service.server_count());
        let conn_max = limits.conn_max;
        writeln!(
            f,
            "<li><a href=\"#{anchor}\">{}</a>{}: {usable} of {count} servers usable, {connections} of {conn_max} connections</li>",
            Html(name),
            condition(service),
        )?;
    }
    writeln!(f, "</ul>\n</nav>")
}

/// The name of a service's section. One that was removed has left its name to another, so it goes by its position.
struct Anchor<'a>(&'a ServiceStatus, usize);

impl Display for Anchor<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Anchor(service, position) if service.draining => write!(f, "removed-{position}"),
            Anchor(service, _) => write!(f, "service-{}", Html(&service.name)),
        }
    }
}

fn write_service(
    f: &mut Formatter<'_>,
    service: &ServiceStatus,
    position: usize,
    company: Company,
    time: f64,
) -> fmt::Result {
    writeln!(f, "<section id=\"{}\">", Anchor(service, position))?;
    match company {
        Company::None if !service.draining => {}
        Company::None | Company::Others => {
            writeln!(f, "<h2>Service {}{}</h2>", Html(&service.name), condition(service))?;
        }
    }
    write_totals(f, service)?;
    open_table(f, "servers", format_args!("Servers of {}", Html(&service.name)), &SERVER_TITLES)?;
    for server in &service.servers {
        write_server(f, server)?;
    }
    close_table(f)?;
    write_remarks(f, service)?;
    write_users(f, service)?;
    write_facts(f, service, time)?;
    writeln!(f, "</section>")
}

fn write_totals(f: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let ServiceStatus { usable, accepted, refused, unserved, shortages, pending, limits, .. } = service;
    let (servers, pending_max) = (service.server_count(), limits.pending_max);
    let worry = |is_bad: bool| if is_bad { " class=\"worry\"" } else { "" };
    writeln!(f, "<dl class=\"totals\">")?;
    writeln!(
        f,
        "<div{}><dt>usable servers</dt><dd>{usable} <small>of {servers}</small></dd></div>",
        worry(*usable == 0)
    )?;
    writeln!(f, "<div><dt>accepted</dt><dd>{accepted}</dd></div>")?;
    writeln!(f, "<div><dt>connecting</dt><dd>{pending} <small>of {pending_max}</small></dd></div>")?;
    writeln!(f, "<div><dt>refused</dt><dd>{refused}</dd></div>")?;
    writeln!(f, "<div{}><dt>unserved</dt><dd>{unserved}</dd></div>", worry(*unserved > 0))?;
    writeln!(f, "<div{}><dt>shortages</dt><dd>{shortages}</dd></div>", worry(*shortages > 0))?;
    writeln!(f, "</dl>")
}

fn write_server(f: &mut Formatter<'_>, server: &ServerStatus) -> fmt::Result {
    let ServerStatus { name, address, port, state, connections, connects, max, hard, weight, prio, .. } =
        server;
    writeln!(f, "<tr class=\"{}\">", state.word())?;
    match name {
        Some(name) => titled_cell(f, slot(server), name)?,
        None => cell(f, slot(server))?,
    }
    cell(f, address)?;
    match since(server) {
        Some(since) => titled_cell(f, state, Seconds(since))?,
        None => cell(f, state)?,
    }
    cell(f, port)?;
    match connects {
        0 => cell(f, connections)?,
        connects => titled_cell(f, connections, format_args!("{connects} so far"))?,
    }
    cell(f, max)?;
    cell(f, hard)?;
    bytes_cell(f, server.sent)?;
    bytes_cell(f, server.received)?;
    cell(f, weight)?;
    cell(f, prio)?;
    writeln!(f, "</tr>")
}

/// What is to be said of servers beyond their rows: why they are as they are, and what has failed.
fn write_remarks(f: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let mut is_open = false;
    for (role, server) in all_servers(service) {
        let ServerStatus { state, failures, last_error, .. } = server;
        let health = remarks(server).into_iter().map(|remark| (state.word(), remark));
        let failure = last_error
            .as_ref()
            .map(|error| ("failure", format!("failures so far: {failures}, the latest: {error}")));
        for (class, remark) in health.chain(failure) {
            if !is_open {
                writeln!(f, "<ul class=\"remarks\">")?;
                is_open = true;
            }
            writeln!(f, "<li class=\"{class}\">Server {role}: {}</li>", Html(remark))?;
        }
    }
    if is_open { writeln!(f, "</ul>") } else { Ok(()) }
}

/// A list, since scripts of old know the tables by their numbers. It is closed, as it may be long.
fn write_users(f: &mut Formatter<'_>, service: &ServiceStatus) -> fmt::Result {
    let ServiceStatus { users, users_known, .. } = service;
    if users.is_empty() {
        return Ok(());
    }
    writeln!(f, "<details class=\"users\">\n<summary>Users remembered: {users_known}</summary>\n<ul>")?;
    for user in users {
        let UserStatus { name, server, .. } = user;
        let (server, seen) = (slot_or_none(*server), user_seen(user));
        writeln!(f, "<li>{}: last server {server}, {seen}</li>", Html(name))?;
    }
    writeln!(f, "</ul>\n</details>")
}

fn write_facts(f: &mut Formatter<'_>, service: &ServiceStatus, time: f64) -> fmt::Result {
    writeln!(f, "<dl class=\"facts\">")?;
    write_fact(f, "listens on", listens(service))?;
    write_fact(f, "modes", modes(service))?;
    if service.idlers.wanted > 0 {
        let IdlersStatus { open, wanted } = service.idlers;
        write_fact(f, "idlers", format_args!("{open} of {wanted} open"))?;
    }
    for FallbackStatus { role, server } in &service.fallbacks {
        let ServerStatus { connections, sent, received, .. } = server;
        let state = state(server);
        let (place, sent, received) = (place(server), Bytes(*sent), Bytes(*received));
        let told =
            format_args!("{place}, {state}, {connections} connections, {sent} sent, {received} received");
        write_fact(f, &format!("{role} server"), told)?;
    }
    for (name, told) in health(service).into_iter().chain(datagrams(service)).chain(preface(service, time)) {
        write_fact(f, name, told)?;
    }
    if let Some(log) = &service.log {
        write_fact(f, "request log", format_args!("{log}, {} records lost", service.log_lost))?;
    }
    writeln!(f, "</dl>")
}

fn write_fact(f: &mut Formatter<'_>, name: &str, fact: impl Display) -> fmt::Result {
    writeln!(f, "<div><dt>{name}</dt><dd>{}</dd></div>", Html(fact))
}

fn write_clients(f: &mut Formatter<'_>, service: &ServiceStatus, company: Company) -> fmt::Result {
    let ServiceStatus { clients, limits, .. } = service;
    let (clients_max, of) = (limits.clients_max, Of(service, company));
    let caption = format_args!("Max number of clients: {clients_max}, {} known{of}", clients.len());
    open_table(f, "clients", caption, &CLIENT_TITLES)?;
    for client in clients {
        write_client(f, client)?;
    }
    close_table(f)
}

fn write_client(f: &mut Formatter<'_>, client: &ClientStatus) -> fmt::Result {
    let ClientStatus { index: number, address, age, last_server, open, connects, sent, received } = client;
    writeln!(f, "<tr>")?;
    cell(f, number)?;
    cell(f, address)?;
    cell(f, age)?;
    cell(f, index(*last_server))?;
    match open {
        0 => cell(f, connects)?,
        open => titled_cell(f, connects, format_args!("{open} open"))?,
    }
    bytes_cell(f, *sent)?;
    bytes_cell(f, *received)?;
    writeln!(f, "</tr>")
}

fn write_connections(f: &mut Formatter<'_>, service: &ServiceStatus, company: Company) -> fmt::Result {
    let ServiceStatus { connections, limits, open_connections, .. } = service;
    let (conn_max, of) = (limits.conn_max, Of(service, company));
    let caption = format_args!("Number of connections: {conn_max} max, {connections} used{of}");
    open_table(f, "connections", caption, &CONNECTION_TITLES)?;
    for connection in open_connections {
        write_connection(f, connection)?;
    }
    close_table(f)
}

fn write_connection(f: &mut Formatter<'_>, connection: &ConnectionStatus) -> fmt::Result {
    let ConnectionStatus { number, down_fd, up_fd, state, tls, pending_down, pending_up, age, .. } =
        connection;
    writeln!(f, "<tr>")?;
    let tls = if *tls { ", TLS" } else { "" };
    titled_cell(f, number, format_args!("{state}{tls}, {}", Seconds(*age)))?;
    cell(f, down_fd)?;
    cell(f, up_fd)?;
    cell(f, pending_down)?;
    cell(f, pending_up)?;
    titled_cell(f, index(connection.client), &connection.client_address)?;
    cell(f, index(connection.server))?;
    writeln!(f, "</tr>")
}

/// Says whose table it is, where there are several.
struct Of<'a>(&'a ServiceStatus, Company);

impl Display for Of<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Of(_, Company::None) => Ok(()),
            Of(service, Company::Others) => write!(f, " (service {})", Html(&service.name)),
        }
    }
}

/// The caption is markup. The box can be focused, so that a keyboard can scroll it.
fn open_table(
    f: &mut Formatter<'_>,
    class: &str,
    caption: fmt::Arguments<'_>,
    titles: &[&str],
) -> fmt::Result {
    writeln!(f, "<div class=\"box\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">")?;
    writeln!(f, "<table class=\"{class}\">\n<caption>{caption}</caption>\n<thead>\n<tr>")?;
    for title in titles {
        writeln!(f, "<th scope=\"col\">{title}</th>")?;
    }
    writeln!(f, "</tr>\n</thead>\n<tbody>")
}

fn close_table(f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, "</tbody>\n</table>\n</div>")
}

fn cell(f: &mut Formatter<'_>, value: impl Display) -> fmt::Result {
    writeln!(f, "<td>{}</td>", Html(value))
}

fn titled_cell(f: &mut Formatter<'_>, value: impl Display, title: impl Display) -> fmt::Result {
    writeln!(f, "<td title=\"{}\">{}</td>", Html(title), Html(value))
}

/// Exact; the title helps to read it from where that is hard.
fn bytes_cell(f: &mut Formatter<'_>, bytes: u64) -> fmt::Result {
    if bytes < 10_000 { cell(f, bytes) } else { titled_cell(f, bytes, Bytes(bytes)) }
}

#[cfg(test)]
mod tests;
