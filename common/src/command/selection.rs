//! How a service chooses the server for a client.

use super::typed::{Peek, RdpUsers, Switch};
use super::words::{Problem, Words, fill};
use super::{Command, Form, Row, Scope, When};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "hash",
        args: "",
        form: Form::Switch(Switch::Hash),
        scope: Scope::Service,
        when: When::Live,
        about: "Chooses by a hash of the client's address (off)",
        details: "\
            The same client goes to the same server wherever and whenever it comes, also through another \
            pen that has the same servers. A server that is removed moves its own clients only. With \
            `roundrobin` the client's port counts too, so that connections of one client are spread.\n\
            It decides about clients that are not known yet: a known one goes to its last server.",
    },
    Row {
        name: "hash_only",
        args: "",
        form: Form::Switch(Switch::HashOnly),
        scope: Scope::Service,
        when: When::Live,
        about: "Every connection goes by the hash of the address, nothing is remembered (off)",
        details: "\
            The client table is not used at all: no client is remembered, and there is no limit to how \
            many there can be.",
    },
    Row {
        name: "mode",
        args: "",
        form: Form::Plain(|_| Ok(Command::Mode)),
        scope: Scope::Service,
        when: When::Live,
        about: "Tells the modes of selection on one line",
        details: "\
            The answer is `no hash no roundrobin no stubborn no weight no prio`, without the `no` before \
            those that are on.",
    },
    Row {
        name: "peek",
        args: "sni|rdp [fold] [nodomain] [short]",
        form: Form::Negatable { parse: peek, no: |_| Ok(Command::Peek(None)), no_args: "" },
        scope: Scope::Service,
        when: When::Live,
        about: "Waits for the client's first bytes, which decide about its server (off)",
        details: "\
            * rdp: the connection request of RDP. Its routing token (`msts=`) leads to the server that it \
            names, if that is one of the service's. Else the user (`mstshash=`) goes to the server that had \
            this user last, from whatever address, as long as `tracking` remembers: to the session that was \
            disconnected. Without either the client's address counts.\n\
            * fold, nodomain, short: users are the same if they differ only in upper and lower case, in \
            `DOMAIN\\` before the name, or behind the ninth character, which is all that mstsc sends\n\
            * sni: the name in a TLS handshake, which is not decrypted. The client gets one of the servers \
            that have this name (`server N name`), or else `*.` and the rest of it, or else no name or `*`\n\
            A client that says nothing for 5 seconds goes by its address, with `sni` by no name. It concerns connections that \
            are accepted from then on.",
    },
    Row {
        name: "prio",
        args: "",
        form: Form::Switch(Switch::Prio),
        scope: Scope::Service,
        when: When::Live,
        about: "Chooses the server of the lowest prio number (off)",
        details: "\
            Of servers that have the same number the lowest slot is chosen, so this is for one main \
            server and its stand-ins. It goes before `weight` and `hash`. A known client goes to its \
            last server all the same, unless `roundrobin` is on.",
    },
    Row {
        name: "roundrobin",
        args: "",
        form: Form::Switch(Switch::Roundrobin),
        scope: Scope::Service,
        when: When::Live,
        about: "Chooses in turn for every connection, without regard to the client's last server (off)",
        details: "\
            All threads share one turn, which begins at slot 0. Clients are still counted and listed by \
            `recent`, but do not stay with a server.",
    },
    Row {
        name: "stubborn",
        args: "",
        form: Form::Switch(Switch::Stubborn),
        scope: Scope::Service,
        when: When::Live,
        about: "Closes the connection when its first choice fails, without trying another server (off)",
        details: "\
            Not even the emergency server is tried. This is for servers that must not stand in for each \
            other.",
    },
    Row {
        name: "weight",
        args: "",
        form: Form::Switch(Switch::Weight),
        scope: Scope::Service,
        when: When::Live,
        about: "Chooses the server with the fewest connections for its weight (off)",
        details: "\
            A server of weight 2 gets twice as many connections as one of weight 1. A server of weight 0 \
            gets none, but when all have weight 0 they count as 1. It goes before `hash`, and after \
            `prio`. A known client goes to its last server all the same, unless `roundrobin` is on.",
    },
];

fn peek(words: &mut Words<'_>) -> Result<Command, Problem> {
    let peek = match words.need("protocol")? {
        "sni" => Peek::Sni,
        "rdp" => Peek::Rdp(rdp_users(words)?),
        word => return Err(Problem::Wrong(format!("bad protocol '{word}': rdp or sni is expected"))),
    };
    Ok(Command::Peek(Some(peek)))
}

fn rdp_users(words: &mut Words<'_>) -> Result<RdpUsers, Problem> {
    let (mut fold, mut nodomain, mut short) = (None, None, None);
    for word in words {
        let place = match word {
            "fold" => &mut fold,
            "nodomain" => &mut nodomain,
            "short" => &mut short,
            _ => {
                let problem = format!("unknown option '{word}': fold, nodomain or short is expected");
                return Err(Problem::Wrong(problem));
            }
        };
        fill(place, word, ())?;
    }
    Ok(RdpUsers { fold: fold.is_some(), nodomain: nodomain.is_some(), short: short.is_some() })
}
