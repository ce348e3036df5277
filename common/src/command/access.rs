//! Access lists, and the doors that they guard.

use super::later::GEOIP;
use super::typed::{AclUser, Command};
use super::words::{Problem, Words, acl_number};
use super::{Form, Row, Scope, When};
use crate::acl::{Action, Entry, Network};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "acl",
        args: "N permit|deny ADDR[/LEN] [MASK]",
        form: Form::Negatable {
            parse: append,
            no: |words| Ok(Command::AclClear(words.need_acl("list")?)),
            no_args: "N",
        },
        scope: Scope::Process,
        when: When::Live,
        about: "Appends an entry to access list N; the first entry that matches decides",
        details: "\
            ADDR is an IPv4 or IPv6 address, alone or with the length of a prefix; or an IPv4 address \
            and a mask in dotted form. Lists have the numbers 0 to 9, and all services share them.\n\
            When no entry matches, the answer is the opposite of the last entry; an empty list permits \
            everybody. Clients of Unix sockets pass every list. IPv4 clients that arrive over IPv6 count \
            as IPv4 ones.\n\
            All doors and all servers begin with list 0, so that an entry in it concerns clients, \
            control port, status pages and servers alike: use lists 1 to 9 for what concerns one of \
            them.\n\
            `no acl N` empties list N. In one reading of a file the first line for list N does that by \
            itself, so that reading a file again doubles nothing.",
    },
    Row {
        name: "client_acl",
        args: "[N]",
        form: Form::Plain(|words| acl_use(AclUser::Client, words)),
        scope: Scope::Service,
        when: When::Live,
        about: "The access list that clients must pass (0)",
        details: "\
            A client that does not pass goes to the `abuse` server, or is closed. Connections that are \
            open are not concerned.",
    },
    Row {
        name: "control_acl",
        args: "[N]",
        form: Form::Plain(|words| acl_use(AclUser::Control, words)),
        scope: Scope::Process,
        when: When::Live,
        about: "The access list of the control port; while it is empty, only this host may use it (0)",
        details: "\
            As soon as the list has an entry it decides for all addresses, this host's included: permit \
            those, too. Users of a control socket always pass; the rights of the file decide about them.",
    },
    Row {
        name: "web_acl",
        args: "[N]",
        form: Form::Plain(|words| acl_use(AclUser::Web, words)),
        scope: Scope::Process,
        when: When::Live,
        about: "The access list of the status pages (0)",
        details: "\
            Readers that do not pass are refused. An empty list lets everybody read who can reach the \
            address of `web`.",
    },
];

fn append(words: &mut Words<'_>) -> Result<Command, Problem> {
    let list = words.need_acl("list")?;
    let action = match words.need("permit or deny")? {
        "permit" => Action::Permit,
        "deny" => Action::Deny,
        word => return Err(Problem::Wrong(format!("bad action '{word}': permit or deny is expected"))),
    };
    let network: Vec<&str> = words.collect();
    if network.first() == Some(&"country") {
        return Err(Problem::Later { words: "country", capability: GEOIP });
    }
    let network = Network::parse(&network).map_err(|error| Problem::Wrong(error.to_string()))?;
    Ok(Command::AclAppend(list, Entry { action, network }))
}

fn acl_use(user: AclUser, words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::AclUse(user, words.next().map(|word| acl_number("list", word)).transpose()?))
}
