//! Every option of pen, a row each. Parsing, `--help` and the manual page come from this table.

/// Options under one heading of `--help`.
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// Its options, in the order of `--help`.
    pub rows: &'static [OptionRow],
}

/// One option.
#[derive(Debug)]
pub struct OptionRow {
    /// `-b`.
    pub short: Option<char>,
    /// `--blacklist`.
    pub long: Option<&'static str>,
    /// What its value is called, if it takes one.
    pub value: Option<&'static str>,
    /// What it does to the invocation.
    pub kind: Kind,
    /// For `--help`.
    pub about: &'static str,
}

/// What an option does to the invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is another way to write this command; a value follows the command's name.
    Command(&'static str),
    /// Its value is a command.
    CommandText,
    /// It raises the level of the `debug` command by one.
    DebugLevel,
    /// It concerns the process, and has no command.
    Own(Own),
    /// It once meant something, and is accepted so that old command lines work.
    Inert,
    /// It cannot be had here, for this reason.
    Refused(&'static str),
}

/// The options that have no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    Control,
    Config,
    Chroot,
    PidFile,
    User,
    Foreground,
    EnableExit,
    Check,
    Generate,
    Help,
    Version,
}

/// All options.
#[rustfmt::skip]
pub const GROUPS: &[Group] = &[
    Group { title: "The process", rows: &[
        flag('f', "foreground", Kind::Own(Own::Foreground), "stay in the foreground, diagnostics on stderr"),
        value('F', "config", "FILE", Kind::Own(Own::Config), "a file of commands, read after the options and on HUP"),
        value('O', "option", "COMMAND", Kind::CommandText, "one command, as on the control port; repeatable"),
        short_only('o', Some("COMMAND"), Kind::CommandText, "the same as -O"),
        value('C', "control", "ADDR", Kind::Own(Own::Control), "control port: PORT, HOST:PORT or /PATH"),
        flag('X', "enable-exit", Kind::Own(Own::EnableExit), "allow the exit command on the control port"),
        value('u', "user", "USER", Kind::Own(Own::User), "run as this user and its groups"),
        value('j', "chroot", "DIR", Kind::Own(Own::Chroot), "make this the root directory"),
        value('p', "pidfile", "FILE", Kind::Own(Own::PidFile), "where to write the process id"),
        flag('d', "debug", Kind::DebugLevel, "more diagnostics; -ddd also dumps the traffic"),
        flag('a', "ascii", Kind::Command("ascii"), "dump the traffic as text rather than hex"),
        long_only("check", Kind::Own(Own::Check), "say what is wrong or ok, opening nothing, and exit"),
        long_value("generate", "KIND", Kind::Own(Own::Generate), "print the manual page (KIND man)"),
        long_only("help", Kind::Own(Own::Help), "list the options"),
        long_only("version", Kind::Own(Own::Version), "tell the version"),
    ]},
    Group { title: "Selecting a server", rows: &[
        flag('r', "round-robin", Kind::Command("roundrobin"), "in turn: clients are not tied to a server"),
        flag('h', "hash", Kind::Command("hash"), "new clients go by a hash of their address"),
        flag('N', "hash-only", Kind::Command("hash_only"), "all connections go by that hash, nothing is remembered"),
        flag('W', "weight", Kind::Command("weight"), "new clients go by the servers' weights"),
        flag('s', "stubborn", Kind::Command("stubborn"), "never fail over: close the connection instead"),
        value('b', "blacklist", "SEC", Kind::Command("blacklist"), "how long a failed server is left alone (30)"),
        value('e', "emergency-server", "HOST:PORT", Kind::Command("emergency"), "used when no other server can be"),
        value('B', "abuse-server", "HOST:PORT", Kind::Command("abuse"), "for clients that client_acl refuses"),
        value('T', "tracking", "SEC", Kind::Command("tracking"), "forget a client after so long (0: never)"),
    ]},
    Group { title: "Connections", rows: &[
        value('t', "timeout", "SEC", Kind::Command("timeout"), "how long a connect to a server may take (5)"),
        value('x', "connections-max", "N", Kind::Command("conn_max"), "simultaneous connections (500)"),
        value('c', "clients-max", "N", Kind::Command("clients_max"), "clients remembered (2048)"),
        value('q', "backlog", "N", Kind::Command("backlog"), "connections that may wait in the kernel (500)"),
        value('m', "multi-accept", "N", Kind::Command("multi_accept"), "connections accepted at once (100)"),
        flag('H', "http", Kind::Command("http"), "add X-Forwarded-For and X-Forwarded-Proto"),
        flag('U', "udp", Kind::Command("udp"), "balance UDP instead of TCP"),
    ]},
    Group { title: "Logs and statistics", rows: &[
        value('l', "log", "DEST", Kind::Command("log"), "request log: a file, or HOST:PORT of a penlogd"),
        value('w', "web-stats", "FILE", Kind::Command("web_stats"), "status as html, written on USR1"),
    ]},
    Group { title: "TLS", rows: &[
        value('E', "cert", "FILE", Kind::Command("tls_cert"), "certificate chain, PEM; may hold the key; turns TLS on"),
        value('K', "key", "FILE", Kind::Command("tls_key"), "private key, PEM"),
        value('G', "ca-file", "FILE", Kind::Command("tls_ca_file"), "CA certificates, one PEM file"),
        value('A', "ca-dir", "DIR", Kind::Command("tls_ca_dir"), "CA certificates, a directory of PEM files"),
        flag('R', "require-client-cert", Kind::Command("require_client_cert"), "refuse clients without a valid certificate"),
        value('L', "tls-protocol", "PROTO", Kind::Command("tls_protocol"), "for old command lines: ssl23 (default) or tls1"),
    ]},
    Group { title: "For old command lines", rows: &[
        flag('Z', "tls-compat", Kind::Inert, "does nothing"),
        short_only('D', None, Kind::Inert, "does nothing"),
        short_only('n', None, Kind::Inert, "does nothing"),
        short_only('P', None, Kind::Inert, "does nothing"),
        short_only('Q', None, Kind::Inert, "does nothing"),
        short_only('S', Some("N"), Kind::Inert, "does nothing"),
        short_only('i', Some("NAME"), Kind::Refused("services by name exist on Windows only"), "Windows only"),
    ]},
];

/// All rows, whatever their group.
pub fn rows() -> impl Iterator<Item = &'static OptionRow> {
    GROUPS.iter().flat_map(|group| group.rows)
}

const fn flag(short: char, long: &'static str, kind: Kind, about: &'static str) -> OptionRow {
    OptionRow { short: Some(short), long: Some(long), value: None, kind, about }
}

const fn value(
    short: char,
    long: &'static str,
    value: &'static str,
    kind: Kind,
    about: &'static str,
) -> OptionRow {
    OptionRow { short: Some(short), long: Some(long), value: Some(value), kind, about }
}

const fn short_only(short: char, value: Option<&'static str>, kind: Kind, about: &'static str) -> OptionRow {
    OptionRow { short: Some(short), long: None, value, kind, about }
}

const fn long_value(long: &'static str, value: &'static str, kind: Kind, about: &'static str) -> OptionRow {
    OptionRow { short: None, long: Some(long), value: Some(value), kind, about }
}

const fn long_only(long: &'static str, kind: Kind, about: &'static str) -> OptionRow {
    OptionRow { short: None, long: Some(long), value: None, kind, about }
}
