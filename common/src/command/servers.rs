//! The servers of a service, and those outside its table.

use super::typed::{Fallback, Number, Question, ServerChanges, ServerHost, ServerName, Slot};
use super::words::{Problem, Words, acl_number, fill, number, parsed};
use super::{Command, Form, LONGEST, Row, Scope, When};
use crate::addr::{CONNECTIONS_MOST, Port, WEIGHT_MOST, decimal, socket_path};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "abuse",
        args: "HOST[:PORT]",
        form: Form::Negatable {
            parse: |words| fallback(Fallback::Abuse, words),
            no: |_| Ok(Command::Fallback(Fallback::Abuse, None)),
            no_args: "",
        },
        scope: Scope::Service,
        when: When::Live,
        about: "Server for clients that client_acl refuses (none: they are closed)",
        details: "\
            It is used for these clients alone, and never blacklisted. When it cannot be reached either, \
            the client is closed: there is no other server for it.\n\
            Without a port it has the service's listening port. Of a name the first address is taken.",
    },
    Row {
        name: "blacklist",
        args: "[T]",
        form: Form::Number(Number::Blacklist, 0..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds that a failed server is left alone (30)",
        details: "\
            A connect that is refused, unreachable, reset or too slow (`timeout`) takes the server out \
            of the selection for so long. A connect that was under way and still succeeds ends that \
            early. 0: servers are not left alone at all.\n\
            `server N blacklist T` does it to one server by hand.",
    },
    Row {
        name: "emergency",
        args: "HOST[:PORT]",
        form: Form::Negatable {
            parse: |words| fallback(Fallback::Emergency, words),
            no: |_| Ok(Command::Fallback(Fallback::Emergency, None)),
            no_args: "",
        },
        scope: Scope::Service,
        when: When::Live,
        about: "Server for clients that no regular server can take (none: they are closed)",
        details: "\
            It is tried when all servers are blacklisted, full, or closed to the client, and when all \
            have failed: a page that says sorry, most often. It is never blacklisted, and clients do not \
            stay with it. A `stubborn` service does not use it.\n\
            Without a port it has the service's listening port. Of a name the first address is taken.",
    },
    Row {
        name: "server",
        args: "N [name NAME] [acl A] [address A] [port P] [max M] [hard H] [blacklist T] [weight W] [prio P]",
        form: Form::Negatable {
            parse: change_server,
            no: |words| Ok(Command::NoServer(slot(words)?)),
            no_args: "N",
        },
        scope: Scope::Service,
        when: When::Live,
        about: "Changes or creates the server in slot N; address 0.0.0.0 empties the slot",
        details: "\
            Each attribute may be given once, in any order; what is not given stays as it is, or has the \
            value 0 in a new server. Slots are numbered from 0 to 9999; to create slot 7 where there are \
            three servers leaves 3 to 6 empty.\n\
            * name NAME: a name for people and status pages: letters, digits, `-`, `.`, `_` and `*`; `-` \
            alone: none\n\
            * acl A: the access list that its clients must pass\n\
            * address A: a host name, an address (IPv6 without brackets), or the path of a Unix socket; \
            `0.0.0.0` empties the slot\n\
            * port P: a number or the name of a TCP service, with `udp` of a UDP service; a new server \
            without it has the service's listening port, so in a file `listen` comes before\n\
            * max M: connections that it takes from clients that are new to it; 0: no limit\n\
            * hard H: connections that it takes from clients whose last server it was; 0: the same as \
            max\n\
            * blacklist T: leave it alone for T seconds from now on, whatever succeeds meanwhile; 0 ends \
            that, and a blacklisting after a failure\n\
            * weight W: its share in `weight` mode\n\
            * prio P: its rank in `prio` mode, the lowest first\n\
            Another address or port makes it another server: counters, clients and blacklisting of the \
            old one do not pass to it. The same name as before is the same server, wherever that is now \
            (`resolve`). Connections that are open stay where they are, also those of a server that `no \
            server N` removes; flows of `udp` leave it with their next datagram.",
    },
    Row {
        name: "servers",
        args: "",
        form: Form::Plain(|_| Ok(Command::Ask(Question::Servers))),
        scope: Scope::Service,
        when: When::Live,
        about: "Lists the servers, a line each",
        details: "\
            A line is `N addr A port P conn C max M hard H weight W prio P sx S rx R`: the slot, where \
            the server is, its connections (with those in the making), its limits, weight and priority, \
            and the bytes sent to it and received from it so far. Empty slots have the address 0.0.0.0 \
            and port 0.",
    },
];

fn fallback(fallback: Fallback, words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::Fallback(fallback, Some(words.need_parsed("address")?)))
}

pub(super) fn slot(words: &mut Words<'_>) -> Result<Slot, Problem> {
    let word = words.need("slot")?;
    decimal(word)
        .and_then(Slot::new)
        .ok_or_else(|| Problem::Wrong(format!("bad slot '{word}': a number from 0 to 9999 is expected")))
}

fn change_server(words: &mut Words<'_>) -> Result<Command, Problem> {
    let slot = slot(words)?;
    let mut changes = ServerChanges::default();
    change(words.need("attribute")?, words, &mut changes)?;
    while let Some(attribute) = words.next() {
        change(attribute, words, &mut changes)?;
    }
    let nowhere = changes.port == Some(Port::Number(0));
    if nowhere && matches!(changes.address, Some(ServerHost::Inet(_))) {
        return Err(Problem::Wrong(
            "bad port '0': a number from 1 to 65535 or a service name is expected".into(),
        ));
    }
    Ok(Command::Server(slot, changes))
}

/// What pen 0.34 wrote as the address of an empty slot.
const OLD_NOBODY: &str = "(unknown address family 0";

fn change(attribute: &str, words: &mut Words<'_>, changes: &mut ServerChanges) -> Result<(), Problem> {
    let connections = 0..=CONNECTIONS_MOST;
    let weights = 0..=WEIGHT_MOST;
    let limit = |word: &str, range| number(attribute, word, range);
    match attribute {
        "name" => once(&mut changes.name, attribute, words, server_name),
        "acl" => once(&mut changes.acl, attribute, words, |word| acl_number("acl", word)),
        "address" if words.skip(OLD_NOBODY) => fill(&mut changes.address, attribute, ServerHost::Nobody),
        "address" => once(&mut changes.address, attribute, words, server_host),
        "port" => once(&mut changes.port, attribute, words, parsed),
        "max" => once(&mut changes.max, attribute, words, |word| limit(word, &connections)),
        "hard" => once(&mut changes.hard, attribute, words, |word| limit(word, &connections)),
        "blacklist" => once(&mut changes.blacklist, attribute, words, |word| limit(word, &(0..=LONGEST))),
        "weight" => once(&mut changes.weight, attribute, words, |word| limit(word, &weights)),
        "prio" => once(&mut changes.prio, attribute, words, |word| limit(word, &weights)),
        _ => Err(Problem::Wrong(format!(
            "unknown attribute '{attribute}': name, acl, address, port, max, hard, blacklist, weight or prio is expected"
        ))),
    }
}

fn once<T>(
    place: &mut Option<T>,
    attribute: &str,
    words: &mut Words<'_>,
    read: impl FnOnce(&str) -> Result<T, Problem>,
) -> Result<(), Problem> {
    let word = words.need(&format!("value of '{attribute}'"))?;
    fill(place, attribute, read(word)?)
}

fn server_host(word: &str) -> Result<ServerHost, Problem> {
    match word {
        "0.0.0.0" => Ok(ServerHost::Nobody),
        _ if word.starts_with('/') => {
            socket_path(word).map(ServerHost::Unix).map_err(|error| Problem::Wrong(error.to_string()))
        }
        _ => parsed(word).map(ServerHost::Inet),
    }
}

fn server_name(word: &str) -> Result<ServerName, Problem> {
    if word == "-" {
        return Ok(ServerName::Nameless);
    }
    if word.len() <= 255 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte)) {
        return Ok(ServerName::Named(word.to_owned()));
    }
    Err(Problem::Wrong(format!(
        "bad name '{word}': at most 255 letters, digits, '-', '.', '_' and '*' are expected"
    )))
}
