//! The commands that change servers: slots, and the emergency and abuse servers outside them.

use std::path::Path;
use std::sync::Arc;

use common::addr::{self, Host, Port, ServerSpec};
use common::command::{AdminState, Fallback, ServerChanges, ServerHost, ServerName, Slot, Toggle};

use super::draft::{Administered, Draft, Effect};
use crate::engine::servers::{Server, ServerAddr};

/// The slot number of servers outside the slots.
const NO_SLOT: u32 = u32::MAX;

/// `server N …`: changes the slot, or fills it.
pub fn change(draft: &mut Draft, slot: Slot, changes: ServerChanges) -> Result<(), String> {
    let current = draft.service().servers.get(slot.index()).cloned().flatten();
    let Some(home) = new_home(draft, slot, current.as_deref(), &changes)? else {
        put(draft, slot, None);
        return Ok(());
    };
    let mut server = match current {
        Some(current) if home.is_of(&current) => settle(draft, &current, home.address),
        // Another address is another server: what is known of the old one says nothing about it.
        Some(current) => {
            let mut server = Server::clone(&current);
            server.state = draft.new_server_state(slot.number());
            // What the administrator wants belongs to the slot.
            server.state.reports.lock().administered = current.state.reports.lock().administered;
            server.set_address(home.address);
            server
        }
        None => Server::new(home.address, draft.new_server_state(slot.number())),
    };
    server.host = home.host;
    match changes.name {
        Some(ServerName::Named(name)) => server.name = Some(name),
        Some(ServerName::Nameless) => server.name = None,
        None => {}
    }
    if let Some(acl) = changes.acl {
        server.acl = acl.number();
    }
    server.max = changes.max.unwrap_or(server.max);
    server.hard = changes.hard.unwrap_or(server.hard);
    server.weight = changes.weight.unwrap_or(server.weight);
    server.prio = changes.prio.unwrap_or(server.prio);
    if let Some(seconds) = changes.blacklist {
        draft.on_publication(Effect::Blacklist(Arc::clone(&server.state), seconds));
    }
    put(draft, slot, Some(server));
    Ok(())
}

/// `no server N`
pub fn remove(draft: &mut Draft, slot: Slot) -> Result<(), String> {
    let servers = &mut draft.service_mut().servers;
    match servers.get_mut(slot.index()) {
        Some(occupant) => {
            *occupant = None;
            Ok(())
        }
        None => Err(match servers.len() {
            0 => format!("there is no server {slot}: no slot has ever been filled; usage: no server N"),
            count => {
                format!("there is no server {slot}: the slots are 0 to {}; usage: no server N", count - 1)
            }
        }),
    }
}

/// `drain N`, `maint N` and their `no` forms.
pub fn set_admin_state(
    draft: &mut Draft,
    slot: Slot,
    named: AdminState,
    toggle: Toggle,
) -> Result<(), String> {
    let current = draft.service().servers.get(slot.index()).cloned().flatten();
    let current =
        current.ok_or_else(|| format!("there is no server {slot}: 'servers' lists those that there are"))?;
    let mut server = Server::clone(&current);
    server.admin = current.admin.changed(named, toggle);
    if server.admin != current.admin {
        draft.on_publication(Effect::Administered(Administered {
            state: Arc::clone(&server.state),
            who: draft.service().who(&server),
            from: current.admin,
            to: server.admin,
        }));
    }
    put(draft, slot, Some(server));
    Ok(())
}

/// `abuse ADDR`, `emergency ADDR` and their `no` forms.
pub fn set_fallback(
    draft: &mut Draft,
    which: Fallback,
    address: Option<addr::ServerAddr>,
) -> Result<(), String> {
    let current = match which {
        Fallback::Abuse => draft.service().abuse.clone(),
        Fallback::Emergency => draft.service().emergency.clone(),
    };
    let home = address.map(|address| resolve(draft, &address, current.as_deref())).transpose()?;
    let server = home.map(|home| {
        let mut server = match current {
            Some(current) if home.is_of(&current) => settle(draft, &current, home.address),
            _ => Server::new(home.address, draft.new_server_state(NO_SLOT)),
        };
        server.host = home.host;
        Arc::new(server)
    });
    let service = draft.service_mut();
    let place = match which {
        Fallback::Abuse => &mut service.abuse,
        Fallback::Emergency => &mut service.emergency,
    };
    *place = server;
    Ok(())
}

/// A server of the command line, for the next slot.
pub fn append(draft: &mut Draft, spec: &ServerSpec) -> Result<(), String> {
    let home = resolve(draft, &spec.addr, None)?;
    let number = draft.service().servers.len();
    let slot =
        u32::try_from(number).ok().and_then(Slot::new).ok_or("too many servers: 10000 are the most")?;
    let mut server = Server::new(home.address, draft.new_server_state(slot.number()));
    server.host = home.host;
    (server.max, server.hard, server.weight, server.prio) = (spec.max, spec.hard, spec.weight, spec.prio);
    put(draft, slot, Some(server));
    Ok(())
}

/// Where a server is, and the name that this was looked up from.
struct Home {
    address: ServerAddr,
    host: Option<Host>,
}

impl Home {
    /// Whether the server is at home there: at this address, or by this name, whose address may have changed since.
    fn is_of(&self, server: &Server) -> bool {
        let same_name = || self.host.is_some() && self.host == server.host;
        self.address == *server.address() || (same_name() && port(&self.address) == port(server.address()))
    }
}

/// The same server, at an address that may be another one.
pub fn settle(draft: &mut Draft, server: &Server, address: ServerAddr) -> Server {
    let mut server = server.clone();
    if *server.address() != address {
        server.set_address(address);
        draft.on_publication(Effect::Moved(Arc::clone(&server.state)));
    }
    server
}

/// Where the server will be after the changes; `None`: the slot becomes empty.
fn new_home(
    draft: &Draft,
    slot: Slot,
    current: Option<&Server>,
    changes: &ServerChanges,
) -> Result<Option<Home>, String> {
    let port = || {
        changes
            .port
            .clone()
            .or_else(|| current.and_then(port_of))
            .or_else(|| draft.service().listening_port())
    };
    match (&changes.address, current) {
        (Some(ServerHost::Nobody), _) => Ok(None),
        // A port beside it means nothing, but 0.34 wrote one.
        (Some(ServerHost::Unix(path)), _) => Ok(Some(unix(path))),
        (Some(ServerHost::Inet(host)), _) => inet(draft, host, port(), current).map(Some),
        (None, None) => Err(format!("slot {slot} is empty: 'server {slot} address ADDRESS' fills it")),
        (None, Some(server)) => {
            let address = match (server.address().clone(), &changes.port) {
                (address, None) => address,
                (ServerAddr::Inet(mut address), Some(port)) => {
                    address.set_port(checked_port(draft, port)?);
                    ServerAddr::Inet(address)
                }
                (ServerAddr::Unix(path), Some(_)) => {
                    let path = path.display();
                    return Err(format!("server {slot} is the Unix socket {path}, which has no port"));
                }
            };
            Ok(Some(Home { address, host: server.host.clone() }))
        }
    }
}

/// Looks up where a server outside `server N …` is.
fn resolve(draft: &Draft, address: &addr::ServerAddr, current: Option<&Server>) -> Result<Home, String> {
    match address {
        addr::ServerAddr::Unix(path) => Ok(unix(path)),
        addr::ServerAddr::Inet { host, port } => {
            inet(draft, host, port.clone().or_else(|| draft.service().listening_port()), current)
        }
    }
}

/// A name with several addresses keeps the one that the server has, if it is still among them.
///
/// A server that a file names again is not looked up here: when the file is in force all names are, and that delays nobody.
fn inet(draft: &Draft, host: &Host, port: Option<Port>, current: Option<&Server>) -> Result<Home, String> {
    let port = port.ok_or_else(|| {
        format!(
            "server '{host}' needs a port: pen itself listens on no fixed port that could be taken for it"
        )
    })?;
    let number = checked_port(draft, &port)?;
    if let Some(server) = current.filter(|server| server.host.as_ref() == Some(host))
        && draft.is_within_file()
        && port_of(server) == Some(Port::Number(number))
    {
        return Ok(Home { address: server.address().clone(), host: server.host.clone() });
    }
    let addresses = draft.environment.resolver.resolve_all(host, number)?;
    let kept = addresses
        .iter()
        .map(|address| ServerAddr::Inet(*address))
        .find(|address| current.is_some_and(|server| server.address() == address));
    let address = kept
        .or_else(|| addresses.first().map(|address| ServerAddr::Inet(*address)))
        .ok_or_else(|| format!("unknown host '{host}': it has no address"))?;
    Ok(Home { address, host: (!host.is_address()).then(|| host.clone()) })
}

fn checked_port(draft: &Draft, port: &Port) -> Result<u16, String> {
    match draft.environment.resolver.port(port, draft.service().transport())? {
        0 => Err("bad port '0': a server's port is from 1 to 65535".to_owned()),
        number => Ok(number),
    }
}

fn unix(path: &Path) -> Home {
    Home { address: ServerAddr::Unix(path.into()), host: None }
}

fn port_of(server: &Server) -> Option<Port> {
    port(server.address()).map(Port::Number)
}

fn port(address: &ServerAddr) -> Option<u16> {
    match address {
        ServerAddr::Inet(address) => Some(address.port()),
        ServerAddr::Unix(_) => None,
    }
}

/// Puts a server into its slot; slots that come into being before it are empty.
fn put(draft: &mut Draft, slot: Slot, server: Option<Server>) {
    let servers = &mut draft.service_mut().servers;
    if servers.len() <= slot.index() {
        servers.resize(slot.index() + 1, None);
    }
    servers[slot.index()] = server.map(Arc::new);
}

#[cfg(test)]
mod tests;
