//! From a command line to a running pen, in the order that rights demand: everything that may need root is opened first, then
//! the rights are given up, then what users name is opened as the user, and only then threads begin.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, OnceLock};
use std::thread;

use caps::Capability;
use common::addr::{ListenAddr, ServerSpec};
use common::command::{Command, ServiceName, Switch, Threads, Toggle, parse};
use common::reason;
use mio::{Poll, Waker};

use crate::cli::Invocation;
use crate::control::configuration::Start;
use crate::control::listener::ControlListener;
use crate::control::orders::orders;
use crate::control::replies::Replies;
use crate::control::sessions::{REPLIES, Sessions};
use crate::control::steward::Steward;
use crate::engine::clients::client_numbers;
use crate::net::pipe::Pipe;
use crate::net::registry::ListenError;
use crate::net::token::Token;
use crate::net::worker::Worker;
use crate::publish::{
    Publisher, check_certificates, warn_of_credulity, warn_of_unreachable, warn_of_what_is_in_vain,
};
use crate::settings::apply::listen;
use crate::settings::draft::{Draft, Environment, Stage};
use crate::settings::resolve::SystemResolver;
use crate::settings::{DEFAULT_SERVICE, ListenOn, Place, Service, Settings, Transport, file, servers};
use crate::shared::{Clock, DESCRIPTORS_PER_CONNECTION, Shared};
use system::daemon::Ready;
use system::limits;
use system::pid_file::PidFile;
use system::privileges::{self, User};
use system::signals::Signals;
use system::{diagnostics, fatal};

/// Why pen does not start: one line.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The world is not as it should be.
    #[error("{0}")]
    RunTime(String),
}

impl Failure {
    /// pen's exit status.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::RunTime(_) => 1,
        }
    }
}

impl From<String> for Failure {
    fn from(error: String) -> Failure {
        Failure::RunTime(error)
    }
}

/// Descriptors kept for control and web sessions, logs and files, at most; of a small limit a quarter.
const RESERVED_DESCRIPTORS: usize = 160;
/// `threads auto` takes another thread for so many descriptors that pen may have.
const DESCRIPTORS_PER_THREAD: usize = 64;

/// A pen whose settings are made and whose sockets are not open yet.
pub struct Prepared {
    invocation: Invocation,
    draft: Draft,
    /// The services that the command line adds.
    services: Vec<ServiceName>,
    environment: Arc<Environment>,
    control: Option<ListenOn>,
    user: Option<User>,
    give_up: Arc<AtomicBool>,
}

/// Takes in the command line's meaning and the `-F` file: all that can be wrong before sockets are opened.
pub fn prepare(mut invocation: Invocation) -> Result<Prepared, Failure> {
    if let Some(config) = &mut invocation.config {
        // It must mean the same at HUP, wherever pen is then.
        *config = std::path::absolute(&*config)
            .map_err(|error| format!("{}: {}", config.display(), reason(&error)))?;
    }
    let user =
        invocation.user.as_deref().map(User::resolve).transpose().map_err(|error| error.to_string())?;
    let resolver = SystemResolver::default();
    let environment = Arc::new(Environment {
        resolver: Box::new(resolver.clone()),
        control: OnceLock::new(),
        exit_enabled: invocation.enable_exit,
        generations: AtomicU32::new(0),
        client_numbers: Arc::new(client_numbers()),
    });
    let control = invocation.control.as_deref().map(|text| control_address(text, &resolver)).transpose()?;
    let mut draft =
        Draft::new(Settings::initial(&environment.client_numbers), Stage::Start, Arc::clone(&environment));
    draft.service_mut().udp = balances_udp(&invocation);
    take_in_arguments(&invocation, &mut draft)?;
    for step in &invocation.steps {
        let located = |error: String| format!("{}: {error}", step.origin);
        let command = parse(&step.line).map_err(|error| Failure::Usage(located(error.reason())))?;
        if let Some(command) = command {
            file::run(command, &mut draft).map_err(located)?;
        }
    }
    let services = names_of_services(&draft);
    if let Some(config) = &invocation.config {
        file::read(config, &mut draft)?;
    }
    if draft.settings().services.values().all(|service| service.listen.is_empty()) {
        let error = "no listening address: '[host:]port' as argument or 'listen' in the -F file is expected";
        return Err(Failure::Usage(error.to_owned()));
    }
    draft.settings().check_udp()?;
    draft.settings().check_peek()?;
    if let Some(place) = draft.settings().shared_place() {
        return Err(Failure::RunTime(ListenError::taken(place.clone()).to_string()));
    }
    Ok(Prepared { invocation, draft, services, environment, control, user, give_up: resolver.give_up })
}

/// The services that were added so far.
fn names_of_services(draft: &Draft) -> Vec<ServiceName> {
    let added = draft.settings().services.iter().filter(|(index, _)| *index != DEFAULT_SERVICE);
    let living = added.filter(|(_, service)| !service.draining);
    living.filter_map(|(_, service)| ServiceName::new(&service.name)).collect()
}

/// Where the control port is to be.
fn control_address(text: &str, resolver: &SystemResolver) -> Result<ListenOn, Failure> {
    let address: ListenAddr = text.parse().map_err(|error| Failure::Usage(format!("-C: {error}")))?;
    Ok(ListenOn::resolve(&address, Transport::Stream, resolver)
        .map_err(|error| format!("-C {text}: {error}"))?)
}

/// Whether the command line's ports are of UDP. They are looked up before options are applied, so these are asked first.
fn balances_udp(invocation: &Invocation) -> bool {
    let last = invocation.steps.iter().rev().find_map(|step| match parse(&step.line) {
        Ok(Some(Command::Switch(Switch::Udp, toggle))) => Some(toggle),
        _ => None,
    });
    last == Some(Toggle::On)
}

/// The positional arguments: where to listen, and the servers.
fn take_in_arguments(invocation: &Invocation, draft: &mut Draft) -> Result<(), Failure> {
    if let Some(address) = &invocation.listen {
        let address =
            address.parse().map_err(|error| Failure::Usage(format!("listening address: {error}")))?;
        listen(draft, &[address]).map_err(|error| format!("listening address: {error}"))?;
        draft.service_mut().listen_is_argument = true;
    }
    for server in &invocation.servers {
        let spec: ServerSpec = server.parse().map_err(|error| Failure::Usage(format!("server: {error}")))?;
        servers::append(draft, &spec).map_err(|error| format!("server {server}: {error}"))?;
    }
    Ok(())
}

impl Prepared {
    /// Reads the certificates, which a pen that runs would do once its sockets are open.
    pub fn check(&self) -> Result<(), Failure> {
        Ok(check_certificates(self.draft.settings())?)
    }

    /// Opens everything, tells `ready`, and serves until pen is told to stop.
    pub fn run(self, clock: Clock, ready: Option<Ready>) -> Result<(), Failure> {
        self.open(clock)?.serve(ready)
    }

    /// Opens everything, with root's rights what needs them, and the rest with the final ones.
    fn open(self, clock: Clock) -> Result<Opened, Failure> {
        let Prepared { invocation, draft, services, environment, control, user, give_up } = self;
        fatal::set_abort_on_error(draft.settings().process.abort_on_error);
        let descriptors =
            limits::raise_descriptor_limit().map_err(failed("cannot raise the descriptor limit"))?;
        let (polls, wakers) = polls(threads(draft.settings().process.threads, descriptors))
            .map_err(failed("cannot make the workers' polls"))?;
        let shared = Arc::new(Shared::new(Arc::new(draft.settings().clone()), clock, wakers));
        let pipes = polls.iter().map(|_| pipe()).collect();
        let keep = capabilities_to_keep(&draft);
        let mut publisher = Publisher::new(Arc::clone(&shared));
        publisher.publish(draft)?;
        let control = open_control(control, user.as_ref(), &environment)?;

        give_up_rights(invocation.chroot.as_deref(), user.as_ref(), &keep, &publisher)?;
        publisher.open_logs()?;
        let pid_file = invocation.pidfile.as_deref().map(create_pid_file).transpose()?;
        let start = Start { invocation, services };
        Ok(Opened {
            shared,
            environment,
            publisher,
            polls,
            pipes,
            control,
            start,
            pid_file,
            give_up,
            descriptors,
        })
    }
}

/// A pen that has all it needs, and no threads yet.
struct Opened {
    shared: Arc<Shared>,
    environment: Arc<Environment>,
    publisher: Publisher,
    polls: Vec<Poll>,
    /// The workers'.
    pipes: Vec<Option<Pipe>>,
    control: Option<ControlListener>,
    start: Start,
    pid_file: Option<PidFile>,
    give_up: Arc<AtomicBool>,
    /// The descriptor limit.
    descriptors: u64,
}

impl Opened {
    /// Starts the threads, tells `ready`, and serves until pen is told to stop.
    fn serve(self, ready: Option<Ready>) -> Result<(), Failure> {
        let Opened {
            shared,
            environment,
            mut publisher,
            polls,
            pipes,
            control,
            start,
            pid_file,
            give_up,
            ..
        } = self;
        let poll = Poll::new().map_err(failed("cannot make the control poll"))?;
        let waker = Waker::new(poll.registry(), REPLIES).map_err(failed("cannot make the control poll"))?;
        let replies = Replies::new(waker);
        let signals = Signals::new().map_err(failed("cannot catch signals"))?;
        let (orders, order_queue) = orders(give_up);
        let sessions = Sessions::new(poll, signals, control, Arc::clone(&shared), orders, replies.clone())
            .map_err(failed("cannot watch the control port"))?;
        shared.allow_descriptors(descriptors_for_connections(self.descriptors)?);
        announce(&shared, &environment);

        diagnostics::start_writer().map_err(failed("cannot start a thread"))?;
        let workers = start_workers(polls, pipes, &shared).map_err(failed("cannot start a thread"))?;
        publisher.web.serve().map_err(failed("cannot start a thread"))?;
        let steward = Steward::new(shared, environment, publisher, start, order_queue, replies, workers);
        let steward = spawn("steward", move || steward.run()).map_err(failed("cannot start a thread"))?;
        if let Some(ready) = ready {
            diagnostics::flush();
            diagnostics::leave_terminal();
            ready.tell().map_err(failed("whoever started pen is gone"))?;
        }
        sessions.run();
        // Its panic, if it had one, has ended the process.
        let _ = steward.join();
        drop(pid_file);
        Ok(())
    }
}

/// Says what failed, and why.
fn failed(what: &str) -> impl Fn(io::Error) -> String {
    move |error| format!("{what}: {}", reason(&error))
}

/// How many workers there are to be.
fn threads(wanted: Threads, descriptors: u64) -> usize {
    match wanted {
        Threads::Exactly(count) => (count as usize).max(1),
        Threads::Auto => {
            let most = usize::try_from(descriptors).unwrap_or(usize::MAX) / DESCRIPTORS_PER_THREAD;
            limits::available_cores().min(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN)).get()
        }
    }
}

/// A poll and its waker for each worker.
fn polls(count: usize) -> io::Result<(Vec<Poll>, Vec<Waker>)> {
    let polls = (0..count).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
    let wakers = polls
        .iter()
        .map(|poll| Waker::new(poll.registry(), Token::Mailbox.into()))
        .collect::<Result<_, _>>()?;
    Ok((polls, wakers))
}

/// What a worker passes large transfers through.
fn pipe() -> Option<Pipe> {
    Pipe::new()
        .inspect_err(|error| log::debug!("no pipe: {}; large transfers are copied", reason(error)))
        .ok()
}

fn start_workers(
    polls: Vec<Poll>,
    pipes: Vec<Option<Pipe>>,
    shared: &Arc<Shared>,
) -> io::Result<Vec<thread::JoinHandle<()>>> {
    polls
        .into_iter()
        .zip(pipes)
        .enumerate()
        .map(|(index, (poll, pipe))| {
            let shared = Arc::clone(shared);
            spawn(&format!("worker {index}"), move || Worker::new(index, poll, pipe, shared).run())
        })
        .collect()
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Opens the control port, if one is wanted and allowed.
fn open_control(
    address: Option<ListenOn>,
    user: Option<&User>,
    environment: &Environment,
) -> Result<Option<ControlListener>, Failure> {
    let Some(address) = address else { return Ok(None) };
    if privileges::is_root() && user.is_none() {
        log::warn!(
            "the control port is not opened: pen runs as root, and '-u USER' ('-u root' insists) is missing"
        );
        return Ok(None);
    }
    let listener = ControlListener::open(&address, user)?;
    // It is set once, here.
    let _ = environment.control.set(listener.text.clone());
    Ok(Some(listener))
}

/// What pen needs beyond its user's rights: to listen on another port below 1024 if it began on one, and clients' addresses if
/// a service is transparent, with their ports if it balances datagrams.
fn capabilities_to_keep(draft: &Draft) -> Vec<Capability> {
    let is_low = |place: &Place| matches!(place, Place::Inet(address) if (1..1024).contains(&address.port()));
    let services = || draft.settings().services.values();
    let has_low_port = services().flat_map(|service| &service.listen).any(|on| is_low(&on.asked));
    let transparent = || services().filter(|service| service.transparent);
    let needs_low_ports = has_low_port || transparent().any(|service| service.udp);
    let needed = [
        (Capability::CAP_NET_BIND_SERVICE, needs_low_ports),
        (Capability::CAP_NET_RAW, transparent().next().is_some()),
    ];
    needed.into_iter().filter_map(|(capability, is_needed)| is_needed.then_some(capability)).collect()
}

/// Enters the new root and becomes the user, who gets the listeners too.
fn give_up_rights(
    root: Option<&Path>,
    user: Option<&User>,
    keep: &[Capability],
    publisher: &Publisher,
) -> Result<(), Failure> {
    if let Some(user) = user.filter(|_| privileges::is_root()) {
        let handed_over = publisher.listeners.give_to(user);
        handed_over.map_err(failed("cannot hand the listeners over to the user"))?;
    }
    if let Some(root) = root {
        privileges::chroot(root).map_err(|error| error.to_string())?;
    }
    if let Some(user) = user {
        privileges::become_user(user, keep).map_err(|error| error.to_string())?;
    }
    Ok(privileges::lend_no_capabilities().map_err(failed("cannot clear the ambient capabilities"))?)
}

fn create_pid_file(path: &Path) -> Result<PidFile, Failure> {
    Ok(PidFile::create(path)
        .map_err(|error| format!("cannot write the pid file {}: {}", path.display(), reason(&error)))?)
}

/// What connections may use of `limit` descriptors, now that everything else is open.
fn descriptors_for_connections(limit: u64) -> Result<usize, Failure> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let open = std::fs::read_dir("/proc/self/fd").map_or(64, Iterator::count);
    let left = limit.saturating_sub(open).saturating_sub(RESERVED_DESCRIPTORS.min(limit / 4));
    if left < DESCRIPTORS_PER_CONNECTION {
        return Err(
            format!("the descriptor limit of {limit} is too low: it leaves none for connections").into()
        );
    }
    Ok(left)
}

fn announce(shared: &Shared, environment: &Environment) {
    let settings = shared.settings.load();
    for service in settings.services.values().filter(|service| service.is_in_use()) {
        let listen: Vec<&str> = service.listen.iter().map(|on| on.text.as_str()).collect();
        let servers = match service.servers.iter().flatten().count() {
            0 if service.listen.is_empty() => continue,
            1 => "1 server".to_owned(),
            count => format!("{count} servers"),
        };
        let (version, listen, of) = (env!("CARGO_PKG_VERSION"), listen.join(" "), service.of());
        if listen.is_empty() {
            log::warn!("pen {version} does not listen for {servers}{of} yet: 'listen ADDR' is missing");
        } else {
            let udp = if service.udp { " (UDP)" } else { "" };
            log::info!("pen {version} balances {listen}{udp} to {servers}{of}");
        }
    }
    let lacks_servers = |service: &Arc<Service>| {
        !service.listen.is_empty() && service.servers.iter().flatten().count() == 0 && !service.dummy
    };
    if settings.services.values().any(lacks_servers) {
        log::warn!("there are no servers yet: clients are closed until 'server 0 address ADDRESS' names one");
    }
    warn_of_what_is_in_vain(&settings, None);
    if let Some(control) = environment.control.get() {
        log::info!("control port: {control}");
    }
    if let Some(web) = &settings.process.web {
        log::info!("status pages: http://{}/", web.bound);
    }
    warn_of_credulity(&settings, None);
    warn_of_unreachable(shared);
}
