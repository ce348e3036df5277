//! What tests that change settings share: names without a network, and a short way to say commands.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};

use common::addr::{Host, Port};
use common::command::parse;

use super::Settings;
use super::apply::{Outcome, apply};
use super::draft::{Draft, Environment, Stage};
use super::resolve::Resolver;

/// A resolver that knows the hosts `www1`, `www2`, `six` and `both` (of the first two), literal addresses, and the ports `http` and `nowhere` (0).
#[derive(Debug)]
pub struct Names;

impl Resolver for Names {
    fn resolve_all(&self, host: &Host, port: &Port) -> Result<Vec<SocketAddr>, String> {
        let literals = match host.as_str() {
            "www1" => vec!["10.0.0.1"],
            "www2" => vec!["10.0.0.2"],
            "six" => vec!["2001:db8::6"],
            "both" => vec!["10.0.0.1", "10.0.0.2"],
            name => vec![name],
        };
        let port = self.port(port)?;
        let address = |literal: &str| {
            let address: Result<IpAddr, _> = literal.parse();
            address.map_err(|_| format!("unknown host '{host}': not in the table"))
        };
        literals.into_iter().map(|literal| Ok(SocketAddr::new(address(literal)?, port))).collect()
    }

    fn port(&self, port: &Port) -> Result<u16, String> {
        match port {
            Port::Number(number) => Ok(*number),
            Port::Service(name) => match name.as_str() {
                "http" => Ok(80),
                "nowhere" => Ok(0),
                _ => Err(format!("unknown port '{name}': not in the table")),
            },
        }
    }
}

/// An environment with these [`Names`].
pub fn environment(exit_enabled: bool) -> Arc<Environment> {
    Arc::new(Environment {
        resolver: Box::new(Names),
        control: OnceLock::new(),
        exit_enabled,
        generations: AtomicU32::new(0),
    })
}

/// A draft of the initial settings.
pub fn draft(stage: Stage) -> Draft {
    Draft::new(Settings::initial(), stage, environment(false))
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
