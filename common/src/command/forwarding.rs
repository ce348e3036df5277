//! Where a service listens, and how it carries bytes.

use std::net::IpAddr;

use super::typed::{FastClose, Switch};
use super::words::{Problem, Words, parsed};
use super::{Command, Form, Row, Scope, When};
use crate::addr::ListenAddr;

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "dummy",
        args: "",
        form: Form::Switch(Switch::Dummy),
        scope: Scope::Service,
        when: When::Live,
        about: "Answers as a tiny web server instead of forwarding (off)",
        details: "\
            Every request is answered with status 200 and a line that names the listener. It takes the \
            place of web servers that are not there yet, in tests and demonstrations.",
    },
    Row {
        name: "keepalive",
        args: "",
        form: Form::Switch(Switch::Keepalive),
        scope: Scope::Service,
        when: When::Live,
        about: "Has the system probe idle connections for peers that vanished (off)",
        details: "\
            It concerns connections that are accepted from then on. How often the system probes is its \
            own setting (net.ipv4.tcp_keepalive_time and its neighbours on Linux).",
    },
    Row {
        name: "listen",
        args: "[ADDR...]",
        form: Form::Plain(listen),
        scope: Scope::Service,
        when: When::Live,
        about: "Tells the listening addresses, or replaces them",
        details: "\
            An address is a port (on all IPv4 addresses), `HOST:PORT`, `[ADDRESS]:PORT` for IPv6, or the \
            path of a Unix socket. `:::PORT` takes IPv6 clients, and IPv4 ones as well unless another \
            address of the service does. Port 0 takes a free port, which the answer tells.\n\
            The new addresses are opened first. If one of them cannot be, all stays as it was; otherwise \
            those that stay are kept, and the others closed after all clients in their queues were \
            accepted. Open connections are not concerned. A port below 1024 can be opened later only by \
            a pen that began on one.",
    },
    Row {
        name: "source",
        args: "IP",
        form: Form::Negatable {
            parse: |words| Ok(Command::Source(Some(source(words)?))),
            no: |_| Ok(Command::Source(None)),
            no_args: "",
        },
        scope: Scope::Service,
        when: When::Live,
        about: "Local address of connections to servers (the system's choice)",
        details: "\
            Servers see connections from this address. It must be one of this host's. Servers of the \
            other address family are not concerned.",
    },
    Row {
        name: "tcp_fastclose",
        args: "up|down|both|off",
        form: Form::Plain(tcp_fastclose),
        scope: Scope::Service,
        when: When::Live,
        about: "Ends a connection when the server (up), the client (down) or either closes (off)",
        details: "\
            Normally one side may go on sending after the other has finished, and the connection ends \
            when both have. With this it ends at once when that side has finished and what it had sent \
            is delivered; what was still on its way to it is dropped.",
    },
    Row {
        name: "tcp_nodelay",
        args: "",
        form: Form::Switch(Switch::TcpNodelay),
        scope: Scope::Service,
        when: When::Live,
        about: "Sends small packets at once (on)",
        details: "\
            Off, the system may hold small packets back for a moment to send fewer of them. It concerns \
            connections that are accepted from then on.",
    },
    Row {
        name: "transparent",
        args: "",
        form: Form::Switch(Switch::Transparent),
        scope: Scope::Service,
        when: When::Live,
        about: "Has servers see connections and datagrams from the client's own address (off)",
        details: "\
            For this the servers' answers must come back through this host, which has to take them in \
            although they are for others: docs/transparent.md tells which routes and rules that needs. It \
            concerns connections and flows that begin from then on.\n\
            A client whom a PROXY header names comes from the address that it names. Clients that a \
            server could not answer come from this host's address, or that of `source`: those of Unix \
            sockets, of the other address family, at link-local addresses, the server itself, and those \
            of whom and the server one alone has a loopback address. TCP connections have a port of the \
            system's choice, and datagrams come from the client's port.\n\
            It needs the capability CAP_NET_RAW. A pen that becomes another user (`-u`) keeps it only if \
            a service is `transparent` at start, and for `udp` CAP_NET_BIND_SERVICE as well, because \
            clients may have ports below 1024.",
    },
];

fn listen(words: &mut Words<'_>) -> Result<Command, Problem> {
    let mut addresses: Vec<ListenAddr> = Vec::new();
    for word in words {
        let address = parsed(word)?;
        if addresses.contains(&address) {
            return Err(Problem::Wrong(format!("'{word}' is given twice")));
        }
        addresses.push(address);
    }
    Ok(Command::Listen((!addresses.is_empty()).then_some(addresses)))
}

fn source(words: &mut Words<'_>) -> Result<IpAddr, Problem> {
    let word = words.need("address")?;
    word.parse()
        .map_err(|_| Problem::Wrong(format!("bad address '{word}': an IPv4 or IPv6 address is expected")))
}

fn tcp_fastclose(words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::TcpFastclose(match words.need("direction")? {
        "up" => FastClose::Up,
        "down" => FastClose::Down,
        "both" => FastClose::Both,
        "off" => FastClose::Off,
        word => {
            return Err(Problem::Wrong(format!("bad direction '{word}': up, down, both or off is expected")));
        }
    }))
}
