//! What tests that change settings share: names without a network, and a short way to say commands.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use common::addr::{Host, Port};
use common::command::parse;
use parking_lot::Mutex;

use super::apply::{Outcome, apply};
use super::draft::{Draft, Environment, Stage};
use super::resolve::Resolver;
use super::{Settings, Transport};
use crate::engine::clients::client_numbers;

/// A resolver that knows the hosts `www1`, `www2`, `six` and `many` (which has the addresses of the other three), literal
/// addresses, and the ports `http` (of TCP), `syslog` (of UDP), `mixed` (another one of each) and `nowhere` (0).
#[derive(Debug)]
pub struct Names;

const WWW1: &str = "10.0.0.1";
const WWW2: &str = "10.0.0.2";
const SIX: &str = "2001:db8::6";

impl Resolver for Names {
    fn resolve_all(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, String> {
        let addresses = match host.as_str() {
            "www1" => vec![WWW1],
            "www2" => vec![WWW2],
            "six" => vec![SIX],
            "many" => vec![WWW1, WWW2, SIX],
            literal => vec![literal],
        };
        let address = |text: &str| {
            let address: IpAddr =
                text.parse().map_err(|_| format!("unknown host '{host}': not in the table"))?;
            Ok(SocketAddr::new(address, port))
        };
        addresses.into_iter().map(address).collect()
    }

    fn port(&self, port: &Port, transport: Transport) -> Result<u16, String> {
        match port {
            Port::Number(number) => Ok(*number),
            Port::Service(name) => match (name.as_str(), transport) {
                ("http", Transport::Stream) => Ok(80),
                ("syslog", Transport::Datagram) => Ok(514),
                ("nowhere", _) => Ok(0),
                ("mixed", Transport::Stream) => Ok(1000),
                ("mixed", Transport::Datagram) => Ok(2000),
                _ => Err(format!("unknown port '{name}': not in the table")),
            },
        }
    }
}

/// A resolver whose names come and go; it knows literal addresses too. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct ChangingNames(Arc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    addresses: Mutex<HashMap<String, Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl ChangingNames {
    /// From now on the host has these addresses; none: it is unknown.
    pub fn set(&self, host: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.0.addresses.lock().insert(host.to_owned(), addresses);
    }

    /// How many names were looked up.
    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl Resolver for ChangingNames {
    fn resolve_all(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, String> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let literal: Vec<IpAddr> = host.as_str().parse().into_iter().collect();
        let known = self.0.addresses.lock().get(host.as_str()).cloned().unwrap_or(literal);
        if known.is_empty() {
            return Err(format!("unknown host '{host}': not in the table"));
        }
        Ok(known.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    fn port(&self, port: &Port, transport: Transport) -> Result<u16, String> {
        Names.port(port, transport)
    }
}

/// An environment with these [`Names`].
pub fn environment(exit_enabled: bool) -> Arc<Environment> {
    environment_with(Names, exit_enabled)
}

/// An environment with other names.
pub fn environment_with(resolver: impl Resolver + 'static, exit_enabled: bool) -> Arc<Environment> {
    Arc::new(Environment {
        resolver: Box::new(resolver),
        control: OnceLock::new(),
        exit_enabled,
        generations: AtomicU32::new(0),
        client_numbers: Arc::new(client_numbers()),
    })
}

/// What pen starts from.
pub fn initial_settings() -> Settings {
    Settings::initial(&Arc::new(client_numbers()))
}

/// A draft of the initial settings.
pub fn draft(stage: Stage) -> Draft {
    Draft::new(initial_settings(), stage, environment(false))
}

/// A draft of what the draft before came to, as a running pen makes it for the next command.
pub fn next(draft: Draft) -> Draft {
    let environment = Arc::clone(&draft.environment);
    let unchanged = draft.settings().clone();
    let settings = draft.finish().map_or(unchanged, |(settings, _)| settings);
    Draft::new(settings, Stage::Live, environment)
}

/// Parses and applies one line, which must be a command.
pub fn say(draft: &mut Draft, line: &str) -> Result<Outcome, String> {
    apply(parse(line).unwrap().unwrap(), draft)
}

/// Applies lines that must all succeed.
pub fn run(draft: &mut Draft, lines: &[&str]) {
    for line in lines {
        let outcome = say(draft, line);
        assert!(outcome.is_ok(), "{line}: {outcome:?}");
    }
}
