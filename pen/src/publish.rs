//! Putting settings in force: everything that they need is opened first, so that it happens as a whole or not at all.

use std::io::ErrorKind;
use std::sync::Arc;

use common::reason;

use crate::net::listener::{Inherited, TcpOptions};
use crate::net::registry::{Plan, Registry, Wanted, needs_only_v6};
use crate::net::transparent;
use crate::request_log::RequestLog;
use crate::settings::draft::Draft;
use crate::settings::{ListenOn, Place, Service, Settings};
use crate::shared::Shared;
use crate::tls::Terminator;
use crate::web::Web;
use system::{diagnostics, fatal};

/// Publishes drafts.
#[derive(Debug)]
pub struct Publisher {
    /// The listeners that follow the settings.
    pub listeners: Registry,
    /// The status pages, which follow them too.
    pub web: Web,
    shared: Arc<Shared>,
    /// Whether request logs may be opened: not before pen's rights are final.
    opens_logs: bool,
}

impl Publisher {
    /// For a pen that is about to start: request logs wait for [`Publisher::open_logs`].
    pub fn new(shared: Arc<Shared>) -> Publisher {
        let listeners = Registry::new(Arc::clone(&shared));
        Publisher { listeners, web: Web::new(Arc::clone(&shared)), shared, opens_logs: false }
    }

    /// Puts a draft in force. The error is one line, and then nothing has changed.
    pub fn publish(&mut self, draft: Draft) -> Result<(), String> {
        let Some((settings, effects)) = draft.finish() else { return Ok(()) };
        self.put_in_force(settings)?;
        let any = !effects.is_empty();
        for effect in effects {
            effect.happen(self.shared.now());
        }
        if any {
            self.shared.forsake();
        }
        Ok(())
    }

    /// Opens the request logs, which `publish` has left closed so far. To be called with pen's final rights.
    pub fn open_logs(&mut self) -> Result<(), String> {
        self.opens_logs = true;
        self.put_in_force(self.shared.settings.load().as_ref().clone())
    }

    /// Reads all certificates again, whatever the settings say, but not those that were just read: `known` are the settings of
    /// before. Where that fails, the old ones stay. Says so in either case.
    pub fn renew_certificates(&mut self, known: &Settings) {
        let mut settings = self.shared.settings.load().as_ref().clone();
        let (mut renewed, mut failed) = (false, false);
        for index in settings.services.iter().map(|(index, _)| index).collect::<Vec<_>>() {
            let Some(service) = settings.services.get_mut(index).filter(|service| !service.draining) else {
                continue;
            };
            let Some(current) = service.terminator.clone() else { continue };
            let before = known.services.get(index).and_then(|service| service.terminator.as_ref());
            if before.is_none_or(|before| !Arc::ptr_eq(before, &current)) {
                renewed = true;
                continue;
            }
            match Terminator::build(&service.tls, Some(&current)) {
                Ok(terminator) => {
                    service.terminator = Some(Arc::new(terminator));
                    renewed = true;
                }
                Err(error) => {
                    log::error!("{error}; the certificates{} stay as they were", service.of());
                    failed = true;
                }
            }
        }
        if renewed {
            self.shared.publish(Arc::new(settings));
            log::info!(
                "{} read again",
                if failed { "the other certificates were" } else { "certificates were" }
            );
        }
    }

    /// Forgets removed services whose last listener and connection are gone. Tells whether others are still awaited.
    pub fn forget_drained(&mut self) -> bool {
        let settings = self.shared.settings.load_full();
        let draining = settings.services.iter().filter(|(_, service)| service.draining);
        // Listeners first: what they accept is counted among the connections before they are gone.
        let is_drained = |index, service: &Service| {
            self.listeners.is_done_with(index) && service.state.connections.used() == 0
        };
        let (drained, awaited): (Vec<_>, Vec<_>) =
            draining.partition(|(index, service)| is_drained(*index, service));
        if !drained.is_empty() {
            let mut settings = Settings::clone(&settings);
            for (index, service) in &drained {
                log::info!("the service '{}' has ended", service.name);
                settings.services.forget(*index);
            }
            self.shared.publish(Arc::new(settings));
            for (_, service) in &drained {
                // Here, and not in the worker that happens to be the last to know the service.
                let clients = service.state.clients.lock().take();
                let users = std::mem::take(&mut *service.state.users.lock());
                drop((clients, users));
            }
        }
        !awaited.is_empty()
    }

    fn put_in_force(&mut self, mut settings: Settings) -> Result<(), String> {
        settings.check_udp()?;
        settings.check_peek()?;
        settings.services.values().try_for_each(|service| check_transparent(service))?;
        let mut plan = self.listeners.plan(&wanted(&settings)).map_err(|error| error.to_string())?;
        self.tell_ports(&mut settings, &plan);
        let web = self.web.plan(settings.process.web.as_ref())?;
        if let (Some(on), Some(bound)) = (&mut settings.process.web, self.web.bound(&web)) {
            on.bind_to(bound);
        }
        settings.services.values_mut().try_for_each(terminate_tls)?;
        if self.opens_logs {
            settings.services.values_mut().try_for_each(open_log)?;
        }
        plan.begin().map_err(|error| error.to_string())?;
        diagnostics::set_level(settings.process.debug);
        fatal::set_abort_on_error(settings.process.abort_on_error);
        for service in settings.services.values() {
            let most = service.limits.clients_max as usize;
            service.state.clients.lock().grow(most);
            service.state.users.lock().grow(most);
        }
        let before = self.shared.settings.load_full();
        let grows = settings.connections_wanted() > before.connections_wanted();
        let settings = Arc::new(settings);
        self.shared.publish(Arc::clone(&settings));
        self.listeners.carry_out(plan);
        self.web.carry_out(web);
        warn_of_credulity(&settings, Some(&before));
        warn_of_what_is_in_vain(&settings, Some(&before));
        if grows {
            warn_of_unreachable(&self.shared);
        }
        Ok(())
    }

    /// Notes the ports that listeners got where the user asked for any.
    fn tell_ports(&self, settings: &mut Settings, plan: &Plan) {
        let open_port = |on: &ListenOn| matches!(on.bound, Place::Inet(address) if address.port() == 0);
        let services = settings.services.iter();
        let unknown = services.filter(|(_, service)| service.listen.iter().any(open_port));
        for index in unknown.map(|(index, _)| index).collect::<Vec<_>>() {
            let Some(service) = settings.services.get_mut(index) else { continue };
            for on in &mut service.listen {
                let bound = plan.bound(index, &on.asked).or_else(|| self.listeners.bound(index, &on.asked));
                if let Some(bound) = bound {
                    on.bind_to(bound);
                }
            }
        }
    }
}

/// Says so if the system does not allow as many connections as the settings do. (Before it is known what the system
/// allows, there is nothing to say.)
pub fn warn_of_unreachable(shared: &Shared) {
    let (wanted, reachable) = (shared.settings.load().connections_wanted(), shared.reachable_connections());
    if (1..wanted).contains(&reachable) {
        log::warn!(
            "conn_max {wanted} cannot be reached: the descriptor limit allows {reachable} connections"
        );
    }
}

/// Says so where it is new that anybody is believed to be whom a PROXY header names. That may be meant, but a list whose entries
/// went to another one, or were taken away, looks the same.
pub fn warn_of_credulity(now: &Settings, before: Option<&Settings>) {
    for (index, service) in now.services.iter() {
        let was = before.and_then(|before| before.list_for_anybody(before.services.get(index)?));
        if let Some(list) = now.list_for_anybody(service).filter(|list| Some(*list) != was) {
            log::warn!(
                "proxy_protocol accept {list}{}: access list {list} is empty: whoever connects may claim to be any client",
                service.of()
            );
        }
    }
}

/// The listeners that the settings want.
fn wanted(settings: &Settings) -> Vec<Wanted> {
    let places: Vec<Place> =
        settings.services.values().flat_map(|service| &service.listen).map(|on| on.asked.clone()).collect();
    settings
        .services
        .iter()
        .flat_map(|(index, service)| service.listen.iter().map(move |on| (index, service, &on.asked)))
        .map(|(service, settings, place)| Wanted {
            service,
            place: place.clone(),
            transport: settings.transport(),
            options: tcp_options(settings, needs_only_v6(place, &places)),
        })
        .collect()
}

fn tcp_options(service: &Service, only_v6: bool) -> TcpOptions {
    let inherited = Inherited { keepalive: service.keepalive, nodelay: service.tcp_nodelay };
    TcpOptions { backlog: service.limits.backlog, only_v6, inherited }
}

/// Reads the certificates of settings that are not in force, to see whether they can be.
pub fn check_certificates(settings: &Settings) -> Result<(), String> {
    for service in settings.services.values() {
        if service.tls.is_on()? {
            Terminator::build(&service.tls, None)?;
        }
    }
    warn_of_what_is_in_vain(settings, None);
    Ok(())
}

/// Says so where somebody has set up TLS, but clients speak none. `known`: settings of which that was said before.
pub fn warn_of_what_is_in_vain(settings: &Settings, known: Option<&Settings>) {
    for (index, service) in settings.services.iter() {
        let before = known.and_then(|known| known.services.get(index));
        let is_new = before.is_none_or(|before| before.tls != service.tls);
        if let Some(names) = service.tls.in_vain().filter(|_| is_new) {
            log::warn!("tls_cert{} is missing: clients speak no TLS, in spite of {names}", service.of());
        }
    }
}

/// Refuses what pen has not the right to.
fn check_transparent(service: &Service) -> Result<(), String> {
    if !service.transparent || service.draining {
        return Ok(());
    }
    transparent::is_permitted().map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "transparent{} needs the capability CAP_NET_RAW, which this pen lacks: \
             root is to start it with 'transparent' in its options or its file",
            service.of()
        ),
        _ => format!("cannot try whether transparent{} is permitted: {}", service.of(), reason(&error)),
    })
}

/// Reads certificates, unless those in force were made of the same settings.
fn terminate_tls(service: &mut Arc<Service>) -> Result<(), String> {
    let before = service.terminator.as_ref();
    if before.is_some_and(|before| before.is_of(&service.tls)) {
        return Ok(());
    }
    let is_on = service.tls.is_on()?;
    if is_on || before.is_some() {
        let build = || Terminator::build(&service.tls, before.map(|before| &**before));
        let terminator = is_on.then(build).transpose()?.map(Arc::new);
        Arc::make_mut(service).terminator = terminator;
    }
    Ok(())
}

fn open_log(service: &mut Arc<Service>) -> Result<(), String> {
    if service.log.as_ref().is_none_or(|target| target.log.is_some()) {
        return Ok(());
    }
    let Some(target) = &mut Arc::make_mut(service).log else { return Ok(()) };
    let destination = target.destination();
    let log = RequestLog::open(&destination)
        .map_err(|error| format!("cannot open the request log {destination}: {}", reason(&error)))?;
    target.log = Some(log);
    Ok(())
}

#[cfg(test)]
mod tests;
