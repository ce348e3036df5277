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
        details: "",
    },
    Row {
        name: "client_acl",
        args: "[N]",
        form: Form::Plain(|words| acl_use(AclUser::Client, words)),
        scope: Scope::Service,
        when: When::Live,
        about: "The access list that clients must pass (0)",
        details: "",
    },
    Row {
        name: "control_acl",
        args: "[N]",
        form: Form::Plain(|words| acl_use(AclUser::Control, words)),
        scope: Scope::Process,
        when: When::Live,
        about: "The access list of the control port; while it is empty, only this host may use it (0)",
        details: "",
    },
    Row {
        name: "web_acl",
        args: "[N]",
        form: Form::Plain(|words| acl_use(AclUser::Web, words)),
        scope: Scope::Process,
        when: When::Live,
        about: "The access list of the status pages (0)",
        details: "",
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
