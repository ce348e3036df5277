//! Who is asked what, as the settings have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::command::{AdminState, AgentCheck, HealthCheck, Pace, Probe};

use crate::engine::health::AgentReport;
use crate::engine::health::schedule::{Errand, Kind, Lane, Manner};
use crate::engine::servers::{Server, ServerAddr};
use crate::engine::time::Tick;
use crate::settings::{Service, Settings};

/// A server, and what it is asked.
#[derive(Debug)]
pub struct Subject {
    /// The server.
    pub server: Arc<Server>,
    /// What it is asked.
    pub question: Question,
}

/// What a server is asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// Whether it is well.
    Check(Arc<HealthCheck>),
    /// How busy it is.
    Agent(AgentCheck),
}

/// What has become of a subject by new settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is asked the same at the same place.
    Stays,
    /// It is asked the same elsewhere: what is known of it holds, but what was asked at the old place says nothing.
    Moved,
    /// It is asked something else.
    Changed,
}

/// All that is to be asked. Emergency and abuse servers are not: they are tried in any case. Nor are servers in maintenance.
pub fn wanted(settings: &Settings) -> BTreeMap<Errand, Subject> {
    let mut wanted = BTreeMap::new();
    for (index, service) in settings.services.iter().filter(|(_, service)| is_tested(service)) {
        let servers = service.servers.iter().flatten();
        for server in servers.filter(|server| server.admin != AdminState::Maint) {
            let check = service.health.check.iter().map(|check| Question::Check(Arc::clone(check)));
            let agent = service.health.agent.iter().map(|agent| Question::Agent(*agent));
            for question in check.chain(agent).filter(|question| question.suits(server.address())) {
                let errand = Errand { service: index.0, server: server.id(), kind: question.kind() };
                wanted.insert(errand, Subject { server: Arc::clone(server), question });
            }
        }
    }
    wanted
}

/// Whether a service's servers are asked anything.
pub fn is_tested(service: &Service) -> bool {
    !service.draining && (service.health.check.is_some() || service.health.agent.is_some())
}

impl Subject {
    /// Where it is asked: at its own port, if not at another one.
    pub fn address(&self) -> ServerAddr {
        let port = match &self.question {
            Question::Check(check) => check.port,
            Question::Agent(agent) => Some(agent.port),
        };
        match (self.server.address(), port) {
            (ServerAddr::Inet(address), Some(port)) => {
                // An IPv6 address keeps its zone.
                let mut there = *address;
                there.set_port(port);
                ServerAddr::Inet(there)
            }
            (address, _) => address.clone(),
        }
    }

    /// Whether that is where clients are sent to.
    pub fn is_asked_at_its_own_port(&self) -> bool {
        match &self.question {
            Question::Check(_) => self.address() == *self.server.address(),
            Question::Agent(_) => false,
        }
    }

    /// How often, and what it takes.
    pub fn manner(&self) -> Manner {
        let lane = match &self.question {
            Question::Check(check) if matches!(check.probe, Probe::Exec { .. }) => Lane::Program,
            _ => Lane::Socket,
        };
        Manner { lane, interval: self.pace().interval }
    }

    /// How often, and for how long at most.
    pub fn pace(&self) -> Pace {
        match &self.question {
            Question::Check(check) => check.pace,
            Question::Agent(agent) => agent.pace,
        }
    }

    /// What has become of it. The pace does not matter, nor do rise and fall.
    pub fn fate(&self, now: &Subject) -> Fate {
        let is_the_same = match (&self.question, &now.question) {
            (Question::Check(was), Question::Check(is)) => (&was.probe, was.port) == (&is.probe, is.port),
            (Question::Agent(was), Question::Agent(is)) => was.port == is.port,
            _ => false,
        };
        match is_the_same {
            false => Fate::Changed,
            true if self.server.address() == now.server.address() => Fate::Stays,
            true => Fate::Moved,
        }
    }

    /// Forgets what was found out: nobody asks any more, or something else.
    pub fn forget(&self, now: Tick) {
        let state = &self.server.state;
        let mut reports = state.reports.lock();
        match &self.question {
            Question::Check(_) => {
                if reports.check.take().is_some() {
                    state.fitness.note_check(None, now);
                }
            }
            Question::Agent(_) => {
                if reports.agent.take().is_some() {
                    state.fitness.note_agent(&AgentReport::default(), now);
                }
            }
        }
    }
}

impl Question {
    /// Whether a server at such an address can be asked that. Unix sockets have no ports, and a name server at one cannot be reached.
    fn suits(&self, address: &ServerAddr) -> bool {
        match (self, address) {
            (_, ServerAddr::Inet(_)) => true,
            (Question::Check(check), ServerAddr::Unix(_)) => !matches!(check.probe, Probe::Dns { .. }),
            (Question::Agent(_), ServerAddr::Unix(_)) => false,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Question::Check(_) => Kind::Check,
            Question::Agent(_) => Kind::Agent,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, SocketAddrV6};
    use std::path::Path;

    use common::command::HealthCheck;

    use super::*;
    use crate::engine::servers::{ServerId, ServerState};

    fn checked(address: ServerAddr, port: Option<u16>) -> Subject {
        let state = ServerState::new(ServerId { slot: 0, generation: 0 });
        let check = HealthCheck {
            probe: Probe::Tcp,
            port,
            pace: HealthCheck::DEFAULT_PACE,
            rise: HealthCheck::DEFAULT_RISE,
            fall: HealthCheck::DEFAULT_FALL,
        };
        let server = Arc::new(Server::new(address, state));
        Subject { server, question: Question::Check(Arc::new(check)) }
    }

    #[test]
    fn another_port_of_a_server_is_in_the_same_zone() {
        let at = |port| {
            ServerAddr::Inet(SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), port, 0, 7)))
        };
        assert_eq!(checked(at(80), Some(8080)).address(), at(8080));
        assert_eq!(checked(at(80), None).address(), at(80));
    }

    #[test]
    fn a_server_is_asked_where_its_clients_go_unless_the_port_says_otherwise() {
        let inet = |port| checked(ServerAddr::Inet(([10, 0, 0, 1], 80).into()), port);
        assert!(inet(None).is_asked_at_its_own_port() && inet(Some(80)).is_asked_at_its_own_port());
        assert!(!inet(Some(81)).is_asked_at_its_own_port());
        let unix = checked(ServerAddr::Unix(Path::new("/run/app").into()), Some(81));
        assert!(unix.is_asked_at_its_own_port(), "a socket has no ports");
    }
}
