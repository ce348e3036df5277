//! The order of everything: scenario by scenario, round by round, each proxy in turn.
//!
//! In a round all proxies do the same, one right after the other, and each round another one is first. A proxy is started
//! anew each time. What fails is told in a line, and the next one has its turn.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use tempfile::TempDir;

use crate::arena::{Arena, wait_until_it_serves};
use crate::load::{Kept, Target};
use crate::process::Program;
use crate::proxy::{Place, Protocol, Proxy};
use crate::results::{CaseResults, ProxyResults, Round, ScenarioResults};
use crate::scenario::{Counts, Scenario};
use crate::servers::Servers;
use crate::statistics::rotated;
use crate::{Error, Result, network, stop};

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// How often.
    pub rounds: u32,
    /// Which part of the usual units.
    pub scale: f64,
}

/// Everything that rounds need, as long as it lives.
#[derive(Debug)]
pub struct Bench {
    proxies: Vec<Proxy>,
    extent: Extent,
    servers: Servers,
    directory: TempDir,
    certificate: PathBuf,
    tls: Arc<ClientConfig>,
}

impl Bench {
    /// Starts the servers, and makes a certificate.
    pub fn new(proxies: Vec<Proxy>, extent: Extent) -> Result<Bench> {
        let directory = tempfile::tempdir().map_err(Error::doing("a directory"))?;
        // nginx's worker is another user.
        let everybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), everybody).map_err(Error::doing("a directory"))?;
        let (certificate, tls) = certificate(directory.path())?;
        let servers = Servers::start()?;
        Ok(Bench { proxies, extent, servers, directory, certificate, tls })
    }

    /// Goes through a scenario.
    pub fn scenario(&self, scenario: &Scenario) -> Result<ScenarioResults> {
        let mut cases = Vec::new();
        for (count, label) in scenario.cases(self.extent.scale) {
            let rate = match scenario.counts {
                Counts::Rate(share) => Some(share * self.least_capacity(scenario)?),
                _ => None,
            };
            let proxies = self.proxies.iter().map(|proxy| ProxyResults {
                name: proxy.name.clone(),
                peer: proxy.is_peer(),
                rounds: Vec::new(),
            });
            cases.push((count, CaseResults { label, rate, proxies: proxies.collect() }));
        }
        for round in 0..self.extent.rounds as usize {
            for place in rotated(self.proxies.len(), round) {
                let proxy = &self.proxies[place];
                for (count, case) in &mut cases {
                    let work = |arena: &Arena| (scenario.work)(arena, *count);
                    let measured = match self.with(proxy, scenario, *count, case.rate.unwrap_or(0.0), work) {
                        Ok(Some(round)) => round,
                        Ok(None) => continue,
                        Err(Error::Interrupted) => return Err(Error::Interrupted),
                        Err(error) => {
                            let title = format!("{} {}", scenario.name, case.label);
                            eprintln!("{}: {}: {error}", title.trim_end(), proxy.name);
                            Round::failed(&error)
                        }
                    };
                    case.proxies[place].rounds.push(measured);
                }
            }
        }
        let mut cases: Vec<CaseResults> = cases.into_iter().map(|(_, case)| case).collect();
        // Who cannot do it has no rounds.
        for case in &mut cases {
            case.proxies.retain(|proxy| !proxy.rounds.is_empty());
        }
        let (name, about, unit) = (scenario.name.into(), scenario.about.into(), scenario.unit);
        Ok(ScenarioResults { name, about, unit, cases })
    }

    /// How many requests a second the slowest proxy answers when it is asked as fast as it can.
    fn least_capacity(&self, scenario: &Scenario) -> Result<f64> {
        let mut least = f64::INFINITY;
        for proxy in &self.proxies {
            let work = |arena: &Arena| {
                let requests = arena.scaled(50_000).into();
                arena.kept(Kept { requests, connections: 64, answer: 512 })
            };
            match self.with(proxy, scenario, 0, 0.0, work) {
                Ok(Some(round)) if round.done > 0 => least = least.min(round.done as f64 / round.seconds),
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                _ => {}
            }
        }
        Ok(if least.is_finite() { least } else { 0.0 })
    }

    /// Starts a proxy for a scenario, has the work done, and ends it; nothing if the proxy cannot do it.
    fn with(
        &self,
        proxy: &Proxy,
        scenario: &Scenario,
        count: u32,
        rate: f64,
        work: impl FnOnce(&Arena) -> Result<Round>,
    ) -> Result<Option<Round>> {
        stop::unless_asked()?;
        let demands = (scenario.demands)(count);
        let directory = tempfile::tempdir_in(self.directory.path()).map_err(Error::doing("a directory"))?;
        let servers: Vec<_> = (0..demands.servers).map(|number| self.servers.address(number)).collect();
        let place = Place {
            listen: network::free_address()?,
            servers: &servers,
            certificate: &self.certificate,
            directory: directory.path(),
        };
        let Some(command) = proxy.command(&demands, &place)? else { return Ok(None) };
        let tls = (demands.protocol == Protocol::Tls).then(|| Arc::clone(&self.tls));
        let target = Target { address: place.listen, tls };
        let mut program = Program::start(&proxy.name, command, directory.path())?;
        wait_until_it_serves(&proxy.name, &mut program, &target, demands.protocol)?;
        let arena = Arena { proxy: &program, target, scale: self.extent.scale, rate };
        let round = work(&arena)?;
        program.expect_alive()?;
        Ok(Some(round))
    }
}

/// A certificate with its key in a file, and the settings of clients who trust it.
fn certificate(directory: &Path) -> Result<(PathBuf, Arc<ClientConfig>)> {
    let failed = |error: String| Error::File { path: directory.to_owned(), reason: error };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .map_err(|error| failed(format!("no certificate: {error}")))?;
    let path = directory.join("certificate.pem");
    let text = made.cert.pem() + &made.signing_key.serialize_pem();
    let written = File::create(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(Error::doing(path.display().to_string()))?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).map_err(|error| failed(format!("no certificate: {error}")))?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    // Each handshake is a whole one.
    config.resumption = rustls::client::Resumption::disabled();
    Ok((path, Arc::new(config)))
}
