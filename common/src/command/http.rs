//! What pen tells servers of their clients: http headers, PROXY headers.

use super::typed::{ProxyProtocol, ProxyVersion, Switch};
use super::words::{Problem, Words};
use super::{Command, Form, Row, Scope, When};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "http",
        args: "",
        form: Form::Switch(Switch::Http),
        scope: Scope::Service,
        when: When::Live,
        about: "Adds X-Forwarded-Proto and X-Forwarded-For to each http request (off)",
        details: "\
            Servers learn whether the client spoke http or https, and its address: at the end of an \
            X-Forwarded-For that it sent, so that only the last address there can be trusted. An \
            X-Forwarded-Proto that it sent is replaced; everything else stays as it is.\n\
            A request that two servers could read in two ways is answered with status 400 and not passed \
            on, a head of more than 64 KiB with 431. What is not HTTP/1 at all is passed on untouched; \
            HTTP/2 is closed. It concerns connections that are accepted from then on.",
    },
    Row {
        name: "proxy_protocol",
        args: "accept ACL|send|send-v2",
        form: Form::Negatable { parse: proxy_protocol, no: no_proxy_protocol, no_args: "[accept|send]" },
        scope: Scope::Service,
        when: When::Live,
        about: "Accepts PROXY headers that tell of clients, or sends them to servers (neither)",
        details: "\
            * accept ACL: for a pen behind another load balancer. Whoever connects must be permitted by \
            this access list, and must begin with a PROXY header, of version 1 or 2, within 10 seconds; \
            others are closed. The client that it names is the one that counts, for lists, logs, headers \
            and the choice of a server.\n\
            * send, send-v2: each connection to a server begins with such a header, of version 1 or 2. \
            All servers of the service must expect it, the emergency and the abuse server too.\n\
            An empty list permits everybody to say who they are: name one that has entries. Both concern \
            connections that are accepted from then on.",
    },
];

fn proxy_protocol(words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::ProxyProtocol(match words.need("direction")? {
        "accept" => ProxyProtocol::Accept(Some(words.need_acl("access list")?)),
        "send" => ProxyProtocol::Send(Some(ProxyVersion::V1)),
        "send-v2" => ProxyProtocol::Send(Some(ProxyVersion::V2)),
        word => return Err(bad_direction(word, "accept, send or send-v2")),
    }))
}

fn no_proxy_protocol(words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::ProxyProtocol(match words.next() {
        None => ProxyProtocol::Neither,
        Some("accept") => ProxyProtocol::Accept(None),
        Some("send" | "send-v2") => ProxyProtocol::Send(None),
        Some(word) => return Err(bad_direction(word, "accept or send")),
    }))
}

fn bad_direction(word: &str, expected: &str) -> Problem {
    Problem::Wrong(format!("bad direction '{word}': {expected} is expected"))
}
