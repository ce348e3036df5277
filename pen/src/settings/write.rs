//! Settings as commands that reproduce them. Everything is said, defaults too: the command line beside which the file is
//! used may say otherwise. What only the command line can say, and the file itself, are the callers' business.

mod lines;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use common::addr::ListenAddr;
use common::command::{
    AdminState, Command, FastClose, HealthChange, HealthCheck, ProxyVersion, ServerHost, ServiceName,
    Setting, Threads,
};

use super::{DEFAULT_SERVICE, Health, Limits, ListenOn, Process, Proxy, Service, Settings};
use crate::engine::select::Modes;
use crate::engine::servers::{Server, ServerAddr};
use lines::Lines;

/// The lines that make a pen what `settings` say, from wherever it starts. `of_command_line`: the services that its options
/// add, which the lines remove again if they are there no more.
///
/// # Errors
/// When no line of the language can say a setting, as that of a path with a blank.
pub fn render(settings: &Settings, of_command_line: &[ServiceName]) -> Result<String, String> {
    let Settings { process, acls, services } = settings;
    let mut lines = Lines::default();
    for (number, acl) in (0..).zip(acls) {
        lines.say(format_args!("no acl {number}"));
        acl.entries().iter().for_each(|entry| lines.say(format_args!("acl {number} {entry}")));
    }
    say_process(process, &mut lines)?;

    let mut others = Vec::new();
    for (index, service) in services.iter() {
        match index {
            DEFAULT_SERVICE => say_service(service, &mut lines)?,
            _ if service.draining => {}
            _ => others.push(service),
        }
    }
    // Their order would depend on what was removed and added again.
    others.sort_unstable_by_key(|service| &service.name);
    for name in of_command_line.iter().filter(|name| services.find(name.as_str()).is_none()) {
        // Only a service that is there can be removed.
        lines.say(format_args!("\nservice {name}\nno service {name}"));
    }
    for service in others {
        lines.say(format_args!("\nservice {}", service.name));
        say_service(service, &mut lines)?;
    }
    Ok(lines.into_text())
}

fn say_process(process: &Process, lines: &mut Lines) -> Result<(), String> {
    let Process {
        abort_on_error,
        ascii,
        control_acl,
        debug,
        resolve,
        shutdown_timeout,
        threads,
        web,
        web_acl,
        web_stats,
    } = process;
    lines.switch("abort_on_error", *abort_on_error);
    lines.switch("ascii", *ascii);
    lines.say(format_args!("control_acl {control_acl}"));
    lines.say(format_args!("debug {debug}"));
    lines.say(format_args!("resolve {resolve}"));
    lines.say(format_args!("shutdown_timeout {shutdown_timeout}"));
    match threads {
        Threads::Auto => lines.say("threads auto"),
        Threads::Exactly(count) => lines.say(format_args!("threads {count}")),
    }
    lines.say(format_args!("web_acl {web_acl}"));
    match web {
        None => lines.say("no web"),
        Some(on) => {
            let line = format!("web {}", on.given);
            lines.say_as(line, |command| {
                matches!(command, Command::Web(Setting::Set(address)) if address.as_str() == on.given)
            })?;
        }
    }
    match web_stats {
        None => lines.say("no web_stats"),
        Some(path) => {
            let meant = Command::WebStats(Setting::Set(path.clone()));
            lines.say_as(format!("web_stats {}", path.display()), |command| *command == meant)?;
        }
    }
    Ok(())
}

fn say_service(service: &Service, lines: &mut Lines) -> Result<(), String> {
    let Service {
        name: _,
        draining: _,
        listen,
        listen_is_argument,
        servers,
        modes,
        abuse,
        emergency,
        client_acl,
        dummy,
        fail_open,
        health,
        http,
        keepalive,
        log,
        peek,
        proxy,
        source,
        fast_close,
        tcp_nodelay,
        transparent,
        udp,
        tls,
        terminator: _,
        limits,
        state: _,
    } = service;
    lines.switch("udp", *udp);
    if !listen_is_argument && !listen.is_empty() {
        say_listen(listen, lines)?;
    }
    say_modes(*modes, lines);
    say_limits(limits, lines);
    lines.say(format_args!("client_acl {client_acl}"));
    lines.switch("dummy", *dummy);
    lines.switch("fail_open", *fail_open);
    say_health(health, lines)?;
    lines.switch("http", *http);
    lines.switch("keepalive", *keepalive);
    match log {
        None => lines.say("no log"),
        Some(target) => {
            let meant = Command::Log(Setting::Set(target.as_command()));
            lines.say_as(format!("log {target}"), |command| *command == meant)?;
        }
    }
    match peek {
        None => lines.say("no peek"),
        Some(peek) => lines.say(format_args!("peek {peek}")),
    }
    say_proxy(*proxy, lines);
    match source {
        None => lines.say("no source"),
        Some(address) => lines.say(format_args!("source {address}")),
    }
    lines.say(match fast_close {
        FastClose::Up => "tcp_fastclose up",
        FastClose::Down => "tcp_fastclose down",
        FastClose::Both => "tcp_fastclose both",
        FastClose::Off => "tcp_fastclose off",
    });
    lines.switch("tcp_nodelay", *tcp_nodelay);
    lines.switch("transparent", *transparent);
    tls::say(tls, lines)?;
    say_fallback("abuse", abuse.as_ref(), lines)?;
    say_fallback("emergency", emergency.as_ref(), lines)?;
    for (number, server) in (0..).zip(servers.iter()) {
        match server {
            None => lines.say(format_args!("server {number} address 0.0.0.0")),
            Some(server) => say_server(number, server, lines)?,
        }
    }
    Ok(())
}

fn say_listen(listen: &[ListenOn], lines: &mut Lines) -> Result<(), String> {
    let given = || listen.iter().map(|on| on.given.as_str());
    let line = given().fold("listen".to_owned(), |line, address| line + " " + address);
    lines.say_as(line, |command| match command {
        Command::Listen(Some(addresses)) => given().eq(addresses.iter().map(ListenAddr::as_str)),
        _ => false,
    })
}

fn say_health(Health { check, agent }: &Health, lines: &mut Lines) -> Result<(), String> {
    lines.say("no health");
    if let Some(check) = check {
        let meant = Command::Health(HealthChange::Check(HealthCheck::clone(check)));
        lines.say_as(format!("health {check}"), |command| *command == meant)?;
    }
    if let Some(agent) = agent {
        lines.say(format_args!("health {agent}"));
    }
    Ok(())
}

fn say_proxy(Proxy { accept, send }: Proxy, lines: &mut Lines) {
    match accept {
        None => lines.say("no proxy_protocol accept"),
        Some(acl) => lines.say(format_args!("proxy_protocol accept {acl}")),
    }
    lines.say(match send {
        None => "no proxy_protocol send",
        Some(ProxyVersion::V1) => "proxy_protocol send",
        Some(ProxyVersion::V2) => "proxy_protocol send-v2",
    });
}

fn say_modes(modes: Modes, lines: &mut Lines) {
    let Modes { roundrobin, hash, hash_only, weight, prio, stubborn } = modes;
    lines.switch("hash", hash);
    lines.switch("hash_only", hash_only);
    lines.switch("prio", prio);
    lines.switch("roundrobin", roundrobin);
    lines.switch("stubborn", stubborn);
    lines.switch("weight", weight);
}

fn say_limits(limits: &Limits, lines: &mut Lines) {
    let Limits {
        backlog,
        blacklist,
        clients_max,
        conn_max,
        idle_timeout,
        idlers,
        multi_accept,
        pending_max,
        slow_start,
        timeout,
        tracking,
        udp_requests,
        udp_responses,
        udp_timeout,
    } = limits;
    for (name, number) in [
        ("backlog", backlog),
        ("blacklist", blacklist),
        ("clients_max", clients_max),
        ("conn_max", conn_max),
        ("idle_timeout", idle_timeout),
        ("idlers", idlers),
        ("multi_accept", multi_accept),
        ("pending_max", pending_max),
        ("slow_start", slow_start),
        ("timeout", timeout),
        ("tracking", tracking),
        ("udp_requests", udp_requests),
        ("udp_responses", udp_responses),
        ("udp_timeout", udp_timeout),
    ] {
        lines.say(format_args!("{name} {number}"));
    }
}

fn say_fallback(name: &str, server: Option<&Arc<Server>>, lines: &mut Lines) -> Result<(), String> {
    let Some(server) = server else {
        lines.say(format_args!("no {name}"));
        return Ok(());
    };
    let address = match server.address() {
        ServerAddr::Unix(path) => path.display().to_string(),
        ServerAddr::Inet(address) => match host(server, address) {
            host if host.contains(':') => format!("[{host}]:{}", address.port()),
            host => format!("{host}:{}", address.port()),
        },
    };
    lines.say_as(format!("{name} {address}"), |command| match command {
        Command::Fallback(_, Some(read)) => read.to_string() == address,
        _ => false,
    })
}

fn say_server(number: u32, server: &Server, lines: &mut Lines) -> Result<(), String> {
    // The rest are its address, and what follows from it.
    let Server { name, host: _, acl, max, hard, weight, prio, admin, state: _, .. } = server;
    let name = name.as_deref().unwrap_or("-");
    let place = match server.address() {
        ServerAddr::Unix(path) => path.display().to_string(),
        ServerAddr::Inet(address) => format!("{} port {}", host(server, address), address.port()),
    };
    let line = format!(
        "server {number} name {name} acl {acl} address {place} max {max} hard {hard} weight {weight} prio {prio}"
    );
    lines.say_as(line, |command| {
        let Command::Server(_, changes) = command else { return false };
        match (&changes.address, server.address()) {
            (Some(ServerHost::Unix(read)), ServerAddr::Unix(path)) => **read == **path,
            (Some(ServerHost::Inet(read)), ServerAddr::Inet(address)) => {
                read.as_str() == host(server, address)
            }
            _ => false,
        }
    })?;
    match admin {
        // It is not said: HUP would bring back whom an administrator has taken out since.
        AdminState::Ready => {}
        AdminState::Drain => lines.say(format_args!("drain {number}")),
        AdminState::Maint => lines.say(format_args!("maint {number}")),
    }
    Ok(())
}

/// The name that the server's address is looked up from, or the address itself.
fn host(server: &Server, address: &SocketAddr) -> String {
    match (&server.host, address) {
        (Some(name), _) => name.to_string(),
        (None, SocketAddr::V6(address)) if address.scope_id() != 0 => {
            format!("{}%{}", address.ip(), address.scope_id())
        }
        (None, address) => address.ip().to_string(),
    }
}

#[cfg(test)]
mod tests;
