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
        details: "",
    },
    Row {
        name: "keepalive",
        args: "",
        form: Form::Switch(Switch::Keepalive),
        scope: Scope::Service,
        when: When::Live,
        about: "Has the system probe idle connections for peers that vanished (off)",
        details: "",
    },
    Row {
        name: "listen",
        args: "[ADDR...]",
        form: Form::Plain(listen),
        scope: Scope::Service,
        when: When::Live,
        about: "Tells the listening addresses, or replaces them",
        details: "",
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
        details: "",
    },
    Row {
        name: "tcp_fastclose",
        args: "up|down|both|off",
        form: Form::Plain(tcp_fastclose),
        scope: Scope::Service,
        when: When::Live,
        about: "Ends a connection when the server (up), the client (down) or either closes (off)",
        details: "",
    },
    Row {
        name: "tcp_nodelay",
        args: "",
        form: Form::Switch(Switch::TcpNodelay),
        scope: Scope::Service,
        when: When::Live,
        about: "Sends small packets at once (on)",
        details: "",
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
