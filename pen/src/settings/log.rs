//! Where a service's request log goes: the command `log`, and what becomes of a penlogd whose name has another address. The
//! log itself is in `request_log`; it is opened when the settings are put in force.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use common::addr::{Host, HostPort};
use common::command::{LogDestination, Logging, Setting};

use super::apply::Outcome;
use super::draft::{Draft, Effect};
use super::names::Answers;
use super::{ServiceIndex, Settings, Transport};
use crate::request_log::{Destination, RequestLog};

/// A service's request log.
#[derive(Clone, Debug)]
pub struct LogTarget {
    /// Where records go.
    pub place: LogPlace,
    /// Whether connections are recorded besides requests.
    pub connections: bool,
    /// The log, once it is open: that takes pen's final rights, so not before they are settled.
    pub log: Option<RequestLog>,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// To this file, as the user wrote it.
    File(PathBuf),
    /// To a penlogd.
    Penlogd {
        /// Where it is.
        at: HostPort,
        /// The same as the user wrote it.
        given: String,
        /// What it was looked up to.
        address: SocketAddr,
    },
}

impl LogTarget {
    /// Where records go, as the log itself needs to know it.
    pub fn destination(&self) -> Destination {
        match &self.place {
            LogPlace::File(path) => Destination::File(path.clone()),
            LogPlace::Penlogd { given, address, .. } => {
                Destination::Penlogd { name: given.clone(), address: *address }
            }
        }
    }

    /// The same as the command says it.
    pub fn as_command(&self) -> Logging {
        let destination = match &self.place {
            LogPlace::File(path) => LogDestination::File(path.clone()),
            LogPlace::Penlogd { at, given, .. } => {
                LogDestination::Penlogd { address: at.clone(), given: given.clone() }
            }
        };
        Logging { destination, connections: self.connections }
    }

    /// Whether the same is recorded in the same log.
    pub fn records_like(&self, other: &LogTarget) -> bool {
        let same_log = match (&self.log, &other.log) {
            (Some(log), Some(other)) => log.is(other),
            (None, None) => true,
            _ => false,
        };
        same_log && self.connections == other.connections
    }

    fn host(&self) -> Option<&Host> {
        match &self.place {
            LogPlace::Penlogd { at, .. } if !at.host.is_address() => Some(&at.host),
            _ => None,
        }
    }
}

impl Display for LogTarget {
    /// As the command answers it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.place {
            LogPlace::File(path) => path.display().fmt(f)?,
            LogPlace::Penlogd { given, .. } => given.fmt(f)?,
        }
        f.write_str(if self.connections { " connections" } else { "" })
    }
}

/// `log` in all its forms.
pub fn command(draft: &mut Draft, setting: Setting<Logging>) -> Result<Outcome, String> {
    match setting {
        Setting::Show => {}
        Setting::Remove => {
            draft.service_mut().log = None;
            return Ok(Outcome::Done);
        }
        Setting::Set(logging) => set(draft, logging)?,
    }
    let target = draft.service().log.as_ref();
    Ok(target.map_or(Outcome::Done, |target| Outcome::Answer(target.to_string())))
}

/// A log that goes where it went stays open, and keeps what it holds and has counted.
fn set(draft: &mut Draft, Logging { destination, connections }: Logging) -> Result<(), String> {
    let current = draft.service().log.clone();
    let place = match destination {
        LogDestination::File(path) => LogPlace::File(path),
        LogDestination::Penlogd { address: at, given } => {
            let address = penlogd(draft, &at, current.as_ref())?;
            LogPlace::Penlogd { at, given, address }
        }
    };
    let mut log = None;
    if let Some(current) = current.filter(|current| current.place.is_same(&place)) {
        let moved = current.place.address() != place.address();
        log = current.log;
        if let (true, Some(log), Some(to)) = (moved, &log, place.address()) {
            draft.on_publication(Effect::LogMoved(log.clone(), to));
        }
    }
    draft.service_mut().log = Some(LogTarget { place, connections, log });
    Ok(())
}

/// Looks up where a penlogd is. A name with several addresses keeps the one that it had, if that is still among them.
///
/// A penlogd that a file names again is not looked up here: when the file is in force all names are, and that delays nobody.
fn penlogd(draft: &Draft, at: &HostPort, current: Option<&LogTarget>) -> Result<SocketAddr, String> {
    let current = current.and_then(|current| match &current.place {
        LogPlace::Penlogd { at: current, address, .. } if current == at => Some(*address),
        _ => None,
    });
    if let Some(address) = current.filter(|_| draft.is_within_file()) {
        return Ok(address);
    }
    let resolver = &*draft.environment.resolver;
    let port = resolver.port(&at.port, Transport::Datagram)?;
    if port == 0 {
        return Err(format!("bad port '{}': a penlogd's port is from 1 to 65535", at.port));
    }
    let found = resolver.resolve_all(&at.host, port)?;
    let kept = current.filter(|current| found.contains(current));
    let address = kept.or_else(|| found.first().copied());
    address.ok_or_else(|| format!("unknown host '{}': it has no address", at.host))
}

impl LogPlace {
    /// Whether the user means the same place, wherever its name leads to.
    fn is_same(&self, other: &LogPlace) -> bool {
        match (self, other) {
            (LogPlace::File(path), LogPlace::File(other)) => path == other,
            (LogPlace::Penlogd { at, .. }, LogPlace::Penlogd { at: other, .. }) => at == other,
            _ => false,
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        match self {
            LogPlace::File(_) => None,
            LogPlace::Penlogd { address, .. } => Some(*address),
        }
    }
}

/// The names of all logs' hosts.
pub fn names(settings: &Settings) -> impl Iterator<Item = Host> {
    targets(settings).filter_map(|(.., target)| target.host().cloned())
}

/// Sends to where the names lead that have lost their address. What keeps it, and what has no answer, stays.
pub fn take_in(draft: &mut Draft, answers: &Answers) -> Vec<LogMove> {
    let moves: Vec<LogMove> = targets(draft.settings())
        .filter_map(|(index, service, target)| {
            let host = target.host()?;
            let old = target.place.address()?;
            let found = answers.get(host)?.as_ref().ok()?;
            if found.iter().any(|found| found.ip() == old.ip()) {
                return None;
            }
            let mut to = *found.first()?;
            to.set_port(old.port());
            Some(LogMove { index, service: Arc::clone(service), host: host.clone(), to })
        })
        .collect();
    for step in &moves {
        let target = draft.service_at_mut(step.index).and_then(|service| service.log.as_mut());
        let Some(LogTarget { place: LogPlace::Penlogd { address, .. }, log, .. }) = target else { continue };
        *address = step.to;
        if let Some(log) = log.clone() {
            draft.on_publication(Effect::LogMoved(log, step.to));
        }
    }
    moves
}

fn targets(settings: &Settings) -> impl Iterator<Item = (ServiceIndex, &Arc<str>, &LogTarget)> {
    settings
        .services
        .iter()
        .filter_map(|(index, service)| Some((index, &service.name, service.log.as_ref()?)))
}

/// A penlogd that is at another address.
#[derive(Debug)]
pub struct LogMove {
    index: ServiceIndex,
    service: Arc<str>,
    host: Host,
    to: SocketAddr,
}

impl Display for LogMove {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let LogMove { service, host, to, .. } = self;
        write!(f, "the request log of {service}: {host} is now at {}", to.ip())
    }
}

#[cfg(test)]
mod tests;
