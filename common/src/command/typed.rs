//! Commands as typed values: what the parser makes and pen matches exhaustively.

mod health;
mod tls;

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::path::PathBuf;

use super::Row;
use crate::acl;
use crate::addr::{Host, HostPort, ListenAddr, Port, ServerAddr};

pub use health::{AdminState, AgentCheck, HealthChange, HealthCheck, Pace, Peek, Probe, RdpUsers};
pub use tls::{AlpnProtocols, TlsFile, TlsOption, TlsProtocol};

/// A command, checked and typed.
///
/// In every `Option` of a value that can be asked for, `None` asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Turns something on or off.
    Switch(Switch, Toggle),
    /// Asks for a number or sets it.
    Number(Number, Option<u32>),

    /// Appends an entry to an access list.
    AclAppend(AclNumber, acl::Entry),
    /// Empties an access list.
    AclClear(AclNumber),
    /// Asks or says which access list guards a door.
    AclUse(AclUser, Option<AclNumber>),

    /// Changes or creates a server.
    Server(Slot, ServerChanges),
    /// Takes a server away.
    NoServer(Slot),
    /// Names the server for clients that no regular server takes; `None` for none.
    Fallback(Fallback, Option<ServerAddr>),
    /// Sets the local address of connections to servers; `None` lets the kernel choose.
    Source(Option<IpAddr>),

    /// Takes a server out of use, or brings it back.
    Admin(Slot, AdminState, Toggle),
    /// Changes how servers are tested.
    Health(HealthChange),
    /// What a client's first bytes decide; `None`: nothing.
    Peek(Option<Peek>),

    /// Asks for the listening addresses or replaces them.
    Listen(Option<Vec<ListenAddr>>),
    /// Which side's closing ends a connection at once.
    TcpFastclose(FastClose),

    /// Who must send PROXY headers, and which ones servers get.
    ProxyProtocol(ProxyProtocol),

    /// Asks for or changes a file or directory that TLS needs.
    TlsFile(TlsFile, Setting<PathBuf>),
    /// Asks for or changes the cipher suites, in the language of OpenSSL.
    TlsCiphers(Setting<String>),
    /// Asks for or changes the protocols that TLS clients are offered.
    TlsAlpn(Setting<AlpnProtocols>),
    /// Asks for or sets the versions of TLS, as old files do.
    TlsProtocol(Option<TlsProtocol>),
    /// Adds an option of TLS; `None` forgets all.
    TlsOption(Option<TlsOption>),

    /// Asks for or changes the destination of the request log.
    Log(Setting<Logging>),
    /// Asks for or changes the status file.
    WebStats(Setting<PathBuf>),
    /// Asks for or sets the number of data-plane threads.
    Threads(Option<Threads>),

    /// Ends a connection by its number.
    Close(u32),
    /// Asks about servers, clients and connections as they are.
    Ask(Question),
    /// Tells the modes of selection.
    Mode,

    /// Adds a service, unless it is there, and has the following commands of the same file speak of it; or lets this one
    /// command, which is of [`Scope::Service`](super::Scope::Service), speak of it.
    Service(ServiceName, Option<Box<Command>>),
    /// Removes a service.
    NoService(ServiceName),

    /// Asks for or changes the address of the status pages.
    Web(Setting<ListenAddr>),
    /// Writes the configuration to this file, or to the one that pen was started with.
    Write(Option<PathBuf>),

    /// Tells the control address.
    Control,
    /// Tells the process id.
    Pid,
    /// Ends pen.
    Exit,
    /// Explains all commands, or this one.
    Help(Option<&'static Row>),
    /// Runs a file of commands.
    Include(PathBuf),
    /// An old command that has nothing to do any more.
    Ignored,
}

/// What can be asked about servers, clients and connections as they are. Nothing changes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `servers`
    Servers,
    /// `connections`
    Connections,
    /// `connection N`
    Connection(u32),
    /// `socket F`
    Socket(u32),
    /// `recent SECONDS`
    Recent(u32),
    /// `services`
    Services,
    /// `status FORMAT`
    Status(StatusFormat),
}

/// What a command with a `no` form says about a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toggle {
    /// `NAME`
    On,
    /// `no NAME`
    Off,
}

/// What can be turned on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the command table says what each one does")]
pub enum Switch {
    AbortOnError,
    Ascii,
    Dummy,
    FailOpen,
    Hash,
    HashOnly,
    Http,
    Keepalive,
    Prio,
    RequireClientCert,
    Roundrobin,
    Stubborn,
    TcpNodelay,
    Transparent,
    Udp,
    Weight,
}

/// What is a plain number. The parser has checked the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the command table says what each one does")]
pub enum Number {
    Backlog,
    Blacklist,
    ClientsMax,
    ConnMax,
    Debug,
    IdleTimeout,
    Idlers,
    MultiAccept,
    PendingMax,
    Resolve,
    ShutdownTimeout,
    SlowStart,
    Timeout,
    Tracking,
    UdpRequests,
    UdpResponses,
    UdpTimeout,
}

/// A value that can be asked for, set and removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting<T> {
    /// `NAME`
    Show,
    /// `NAME VALUE`
    Set(T),
    /// `no NAME`
    Remove,
}

/// The number of an access list, 0 to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AclNumber(u8);

impl AclNumber {
    /// How many lists there are.
    pub const COUNT: usize = 10;

    /// The list of this number, if there is one.
    pub fn new(number: u32) -> Option<Self> {
        u8::try_from(number).ok().filter(|&number| usize::from(number) < Self::COUNT).map(Self)
    }

    /// For indexing an array of [`AclNumber::COUNT`].
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl AclNumber {
    /// As the user knows it.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl Display for AclNumber {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A door that an access list guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AclUser {
    /// Who may be balanced.
    Client,
    /// Who may use the control port.
    Control,
    /// Who may read the status pages.
    Web,
}

/// A server's place in the table, 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u16);

impl Slot {
    /// How many slots there can be.
    pub const COUNT: usize = 10_000;

    /// The slot of this number, if there is one.
    pub fn new(number: u32) -> Option<Self> {
        u16::try_from(number).ok().filter(|&number| usize::from(number) < Self::COUNT).map(Self)
    }

    /// For indexing a table.
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl Slot {
    /// As the user knows it.
    pub fn number(self) -> u32 {
        self.0.into()
    }
}

impl Display for Slot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the user calls a service: at most 64 letters, digits, `-`, `.` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceName(String);

impl ServiceName {
    /// The service of the command line.
    pub const DEFAULT: &'static str = "default";

    /// The name in this word, if it is one.
    pub fn new(word: &str) -> Option<ServiceName> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_name = (1..=64).contains(&word.len()) && word.bytes().all(fits);
        is_name.then(|| ServiceName(word.to_owned()))
    }

    /// As the user knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for ServiceName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What `server N …` changes; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerChanges {
    /// A name for people.
    pub name: Option<ServerName>,
    /// The access list that its clients must pass.
    pub acl: Option<AclNumber>,
    /// Where it is.
    pub address: Option<ServerHost>,
    /// Its port. Number 0 is what an empty slot shows: it goes with [`ServerHost::Nobody`] only.
    pub port: Option<Port>,
    /// Most connections for new clients; 0: no limit.
    pub max: Option<u32>,
    /// Most connections for its own clients; 0: the same as `max`.
    pub hard: Option<u32>,
    /// Seconds to leave it alone from now on; 0 clears.
    pub blacklist: Option<u32>,
    /// Share of the clients in weight mode.
    pub weight: Option<u32>,
    /// Priority in prio mode, lowest first.
    pub prio: Option<u32>,
}

/// The name of `server N name NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerName {
    /// `-`: it has none.
    Nameless,
    /// This one.
    Named(String),
}

/// The address of `server N address A`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerHost {
    /// `0.0.0.0`: the slot becomes empty.
    Nobody,
    /// A host.
    Inet(Host),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A server outside the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// For clients that `client_acl` refuses.
    Abuse,
    /// For clients that no regular server can take.
    Emergency,
}

/// Which side's closing ends a connection at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FastClose {
    /// The server's.
    Up,
    /// The client's.
    Down,
    /// Either's.
    Both,
    /// Neither's.
    #[default]
    Off,
}

/// A change of what a service does with the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// Who connects must be permitted by this list and begin with a header; `None`: headers are not expected.
    Accept(Option<AclNumber>),
    /// Servers get a header of this version; `None`: they get none.
    Send(Option<ProxyVersion>),
    /// Neither.
    Neither,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// What the request log records, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// Where records go.
    pub destination: LogDestination,
    /// Whether connections to servers are recorded besides requests.
    pub connections: bool,
}

/// Where request-log records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogDestination {
    /// A file.
    File(PathBuf),
    /// A penlogd, by UDP.
    Penlogd {
        /// Where it is.
        address: HostPort,
        /// The same as the user wrote it.
        given: String,
    },
}

impl Display for LogDestination {
    /// As the user wrote it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            LogDestination::File(path) => path.display().fmt(f),
            LogDestination::Penlogd { given, .. } => given.fmt(f),
        }
    }
}

/// How many data-plane threads to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// As many as there are cores that pen may use.
    Auto,
    /// So many, at least 1.
    Exactly(u32),
}

/// How `status` is rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFormat {
    /// A web page.
    #[default]
    Html,
    /// For programs.
    Json,
    /// Prometheus's exposition format.
    Prometheus,
    /// For a terminal.
    Text,
}
