//! What each command does to a draft, and what it answers.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use common::addr::{ListenAddr, ListenPlace};
use common::command::{
    self, AclNumber, AclUser, Command, Number, ProxyProtocol, ServiceName, Setting, Switch, Threads, Toggle,
};

use super::draft::{Draft, Stage};
use super::resolve::Resolver;
use super::{ListenOn, Place, Proxy, ServiceIndex, Transport, health, log, servers, tls, udp};

/// What a command comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The draft was changed, or nothing was to do; there is nothing to say.
    Done,
    /// This is the answer; the draft may have been changed.
    Answer(String),
    /// The answer is where this service listens, once the draft is published: a port may have to be found yet.
    ListeningAddresses(ServiceIndex),
    /// The same of the status pages.
    WebAddress,
    /// Something happens that is not a setting.
    Action(Action),
}

/// What can be done besides changing settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `close N`
    Close(u32),
    /// `exit`
    Exit,
    /// `include FILE`
    Include(PathBuf),
    /// `write FILE`; without one, to the `-F` file
    Write(Option<PathBuf>),
}

/// Applies a command to the draft. The error is one line that says what was wrong; the draft is then to be dropped.
pub fn apply(command: Command, draft: &mut Draft) -> Result<Outcome, String> {
    Ok(match command {
        Command::Switch(switch, toggle) => {
            set_switch(draft, switch, toggle == Toggle::On)?;
            Outcome::Done
        }
        Command::Number(number, None) => Outcome::Answer(number_text(draft, number)),
        Command::Number(number, Some(value)) => {
            set_number(draft, number, value);
            if answers_when_set(number) { Outcome::Answer(number_text(draft, number)) } else { Outcome::Done }
        }
        Command::AclAppend(number, entry) => {
            draft.append_acl(number, entry);
            Outcome::Done
        }
        Command::AclClear(number) => {
            draft.clear_acl(number);
            Outcome::Done
        }
        Command::AclUse(user, number) => Outcome::Answer(use_acl(draft, user, number)),
        Command::Server(slot, changes) => {
            servers::change(draft, slot, changes)?;
            Outcome::Done
        }
        Command::NoServer(slot) => {
            servers::remove(draft, slot)?;
            Outcome::Done
        }
        Command::Fallback(which, address) => {
            servers::set_fallback(draft, which, address)?;
            Outcome::Done
        }
        Command::Admin(slot, state, toggle) => {
            servers::set_admin_state(draft, slot, state, toggle)?;
            Outcome::Done
        }
        Command::Health(change) => {
            health::change(&mut draft.service_mut().health, change);
            Outcome::Done
        }
        Command::Peek(peek) => {
            draft.service_mut().peek = peek;
            Outcome::Done
        }
        Command::Source(address) => {
            draft.service_mut().source = address;
            Outcome::Done
        }
        Command::Listen(None) => Outcome::ListeningAddresses(draft.subject()),
        Command::Listen(Some(addresses)) => {
            listen(draft, &addresses)?;
            Outcome::ListeningAddresses(draft.subject())
        }
        Command::TcpFastclose(sides) => {
            draft.service_mut().fast_close = sides;
            Outcome::Done
        }
        Command::ProxyProtocol(change) => {
            proxy_protocol(&mut draft.service_mut().proxy, change);
            Outcome::Done
        }
        Command::TlsFile(which, setting) => tls::file(draft, which, setting),
        Command::TlsCiphers(setting) => tls::ciphers(draft, setting)?,
        Command::TlsAlpn(setting) => tls::alpn(draft, setting),
        Command::TlsProtocol(protocol) => tls::protocol(draft, protocol),
        Command::TlsOption(option) => tls::option(draft, option)?,
        Command::Log(setting) => log::command(draft, setting)?,
        Command::WebStats(setting) => web_stats(draft, setting),
        Command::Threads(threads) => Outcome::Answer(set_threads(draft, threads)?),
        Command::Mode => Outcome::Answer(mode(draft)),
        Command::Service(name, None) => {
            draft.speak_of(&name)?;
            Outcome::Done
        }
        Command::Service(name, Some(command)) => for_service(draft, &name, *command)?,
        Command::NoService(name) => {
            draft.remove_service(&name)?;
            Outcome::Done
        }
        Command::Web(setting) => web(draft, setting)?,
        Command::Write(file) => Outcome::Action(Action::Write(file)),
        Command::Control => Outcome::Answer(draft.environment.control.get().cloned().unwrap_or_default()),
        Command::Pid => Outcome::Answer(std::process::id().to_string()),
        Command::Help(row) => Outcome::Answer(row.map_or_else(command::help, command::Row::help)),
        // Whoever asks on the control port is answered there, without a draft.
        Command::Ask(_) | Command::Ignored => Outcome::Done,
        Command::Close(number) => Outcome::Action(Action::Close(number)),
        Command::Include(file) => Outcome::Action(Action::Include(file)),
        // At start nobody would hear the answer.
        Command::Exit if draft.stage == Stage::Start => {
            return Err("'exit' is for the control port only".to_owned());
        }
        Command::Exit if draft.environment.exit_enabled => Outcome::Action(Action::Exit),
        Command::Exit => Outcome::Answer("Exit is not enabled; restart with -X flag".to_owned()),
    })
}

/// `service NAME COMMAND`. What a service begins with is where it listens, so that adds one.
fn for_service(draft: &mut Draft, name: &ServiceName, command: Command) -> Result<Outcome, String> {
    let is_new = draft.settings().services.find(name.as_str()).is_none();
    if is_new && matches!(command, Command::Listen(Some(_))) {
        draft.add_service(name)?;
    }
    draft.speaking_of(name, |draft| apply(command, draft))
}

fn set_switch(draft: &mut Draft, switch: Switch, on: bool) -> Result<(), String> {
    match switch {
        Switch::AbortOnError => draft.process_mut().abort_on_error = on,
        Switch::Ascii => draft.process_mut().ascii = on,
        Switch::Dummy => draft.service_mut().dummy = on,
        Switch::FailOpen => draft.service_mut().fail_open = on,
        Switch::Hash => draft.service_mut().modes.hash = on,
        Switch::HashOnly => draft.service_mut().modes.hash_only = on,
        Switch::Http => draft.service_mut().http = on,
        Switch::Keepalive => draft.service_mut().keepalive = on,
        Switch::Prio => draft.service_mut().modes.prio = on,
        Switch::RequireClientCert => draft.service_mut().tls.require_client_cert = on,
        Switch::Roundrobin => draft.service_mut().modes.roundrobin = on,
        Switch::Stubborn => draft.service_mut().modes.stubborn = on,
        Switch::TcpNodelay => draft.service_mut().tcp_nodelay = on,
        Switch::Transparent => draft.service_mut().transparent = on,
        Switch::Udp => udp::switch(draft, on)?,
        Switch::Weight => draft.service_mut().modes.weight = on,
    }
    Ok(())
}

fn set_number(draft: &mut Draft, number: Number, value: u32) {
    let runs = draft.subject_runs();
    // A running table is never cut down: its entries are in use.
    let grown = |current: u32| if runs { current.max(value) } else { value };
    match number {
        Number::Debug => draft.process_mut().debug = value,
        Number::Resolve => draft.process_mut().resolve = value,
        Number::ShutdownTimeout => draft.process_mut().shutdown_timeout = value,
        Number::Backlog => draft.service_mut().limits.backlog = value,
        Number::Blacklist => draft.service_mut().limits.blacklist = value,
        Number::ClientsMax => {
            let limits = &mut draft.service_mut().limits;
            limits.clients_max = grown(limits.clients_max);
        }
        Number::ConnMax => {
            let limits = &mut draft.service_mut().limits;
            limits.conn_max = grown(limits.conn_max);
        }
        Number::IdleTimeout => draft.service_mut().limits.idle_timeout = value,
        Number::Idlers => draft.service_mut().limits.idlers = value,
        Number::MultiAccept => draft.service_mut().limits.multi_accept = value,
        Number::PendingMax => draft.service_mut().limits.pending_max = value,
        Number::SlowStart => draft.service_mut().limits.slow_start = value,
        Number::Timeout => draft.service_mut().limits.timeout = value,
        Number::Tracking => draft.service_mut().limits.tracking = value,
        Number::UdpRequests => draft.service_mut().limits.udp_requests = value,
        Number::UdpResponses => draft.service_mut().limits.udp_responses = value,
        Number::UdpTimeout => draft.service_mut().limits.udp_timeout = value,
    }
}

fn number_text(draft: &Draft, number: Number) -> String {
    let (process, limits) = (&draft.settings().process, &draft.service().limits);
    match number {
        Number::Debug => process.debug.to_string(),
        Number::Resolve => process.resolve.to_string(),
        Number::ShutdownTimeout => process.shutdown_timeout.to_string(),
        Number::Backlog => limits.backlog.to_string(),
        Number::Blacklist => limits.blacklist.to_string(),
        Number::ClientsMax => limits.clients_max.to_string(),
        Number::ConnMax => limits.conn_max.to_string(),
        Number::IdleTimeout => format!("Idle timeout: {} seconds", limits.idle_timeout),
        Number::Idlers => format!("Idlers: {}/{}", draft.service().state.idlers.used(), limits.idlers),
        Number::MultiAccept => limits.multi_accept.to_string(),
        Number::PendingMax => limits.pending_max.to_string(),
        Number::SlowStart => limits.slow_start.to_string(),
        Number::Timeout => limits.timeout.to_string(),
        Number::Tracking => limits.tracking.to_string(),
        Number::UdpRequests => limits.udp_requests.to_string(),
        Number::UdpResponses => limits.udp_responses.to_string(),
        Number::UdpTimeout => limits.udp_timeout.to_string(),
    }
}

/// Whether setting the number answers it, as 0.34 did.
fn answers_when_set(number: Number) -> bool {
    match number {
        Number::Backlog
        | Number::MultiAccept
        | Number::PendingMax
        | Number::Resolve
        | Number::ShutdownTimeout
        | Number::SlowStart
        | Number::UdpRequests
        | Number::UdpResponses
        | Number::UdpTimeout => false,
        Number::Blacklist
        | Number::ClientsMax
        | Number::ConnMax
        | Number::Debug
        | Number::IdleTimeout
        | Number::Idlers
        | Number::Timeout
        | Number::Tracking => true,
    }
}

fn proxy_protocol(proxy: &mut Proxy, change: ProxyProtocol) {
    match change {
        ProxyProtocol::Accept(acl) => proxy.accept = acl,
        ProxyProtocol::Send(version) => proxy.send = version,
        ProxyProtocol::Neither => *proxy = Proxy::default(),
    }
}

fn use_acl(draft: &mut Draft, user: AclUser, number: Option<AclNumber>) -> String {
    if let Some(number) = number {
        match user {
            AclUser::Client => draft.service_mut().client_acl = number.number(),
            AclUser::Control => draft.process_mut().control_acl = number.number(),
            AclUser::Web => draft.process_mut().web_acl = number.number(),
        }
    }
    match user {
        AclUser::Client => draft.service().client_acl.to_string(),
        AclUser::Control => draft.settings().process.control_acl.to_string(),
        AclUser::Web => draft.settings().process.web_acl.to_string(),
    }
}

/// Sets where the service listens.
pub fn listen(draft: &mut Draft, addresses: &[ListenAddr]) -> Result<(), String> {
    let (resolver, transport) = (&*draft.environment.resolver, draft.service().transport());
    let resolve = |address| ListenOn::resolve(address, transport, resolver);
    let listen = addresses.iter().map(resolve).collect::<Result<_, _>>()?;
    let service = draft.service_mut();
    service.listen = listen;
    service.listen_is_argument = false;
    Ok(())
}

fn web(draft: &mut Draft, setting: Setting<ListenAddr>) -> Result<Outcome, String> {
    match setting {
        Setting::Show => {}
        Setting::Set(address) => {
            draft.process_mut().web = Some(web_address(&address, &*draft.environment.resolver)?);
        }
        Setting::Remove => {
            draft.process_mut().web = None;
            return Ok(Outcome::Done);
        }
    }
    Ok(Outcome::WebAddress)
}

/// Whoever names no host is on this one, and shows nobody else how pen is.
fn web_address(address: &ListenAddr, resolver: &dyn Resolver) -> Result<ListenOn, String> {
    let mut on = ListenOn::resolve(address, Transport::Stream, resolver)?;
    match address.place() {
        ListenPlace::Unix(_) => {
            return Err(format!(
                "web {address}: a port or HOST:PORT is expected, pages are served over TCP only"
            ));
        }
        ListenPlace::Inet { host: Some(_), .. } => {}
        ListenPlace::Inet { host: None, .. } => {
            if let Place::Inet(wanted) = &mut on.asked {
                wanted.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            on.bound = on.asked.clone();
        }
    }
    Ok(on)
}

fn web_stats(draft: &mut Draft, setting: Setting<PathBuf>) -> Outcome {
    match setting {
        Setting::Show => {}
        Setting::Set(path) => draft.process_mut().web_stats = Some(path),
        Setting::Remove => {
            draft.process_mut().web_stats = None;
            return Outcome::Done;
        }
    }
    let file = &draft.settings().process.web_stats;
    file.as_ref().map_or(Outcome::Done, |path| Outcome::Answer(path.display().to_string()))
}

fn set_threads(draft: &mut Draft, threads: Option<Threads>) -> Result<String, String> {
    let current = draft.settings().process.threads;
    if let Some(threads) = threads.filter(|threads| *threads != current) {
        if draft.stage == Stage::Live {
            return Err("threads can only be set at start: restart pen with it in the -F file".to_owned());
        }
        draft.process_mut().threads = threads;
    }
    Ok(match draft.settings().process.threads {
        Threads::Auto => "auto".to_owned(),
        Threads::Exactly(count) => count.to_string(),
    })
}

fn mode(draft: &Draft) -> String {
    let modes = draft.service().modes;
    let word = |name: &str, on: bool| if on { name.to_owned() } else { format!("no {name}") };
    [
        word("hash", modes.hash),
        word("roundrobin", modes.roundrobin),
        word("stubborn", modes.stubborn),
        word("weight", modes.weight),
        word("prio", modes.prio),
    ]
    .join(" ")
}

#[cfg(test)]
mod tests;
