//! How a service chooses the server for a client.

use super::typed::Switch;
use super::{Command, Form, Row, Scope, When};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "hash",
        args: "",
        form: Form::Switch(Switch::Hash),
        scope: Scope::Service,
        when: When::Live,
        about: "Chooses by a hash of the client's address (off)",
        details: "",
    },
    Row {
        name: "hash_only",
        args: "",
        form: Form::Switch(Switch::HashOnly),
        scope: Scope::Service,
        when: When::Live,
        about: "Every connection goes by the hash of the address, nothing is remembered (off)",
        details: "",
    },
    Row {
        name: "mode",
        args: "",
        form: Form::Plain(|_| Ok(Command::Mode)),
        scope: Scope::Service,
        when: When::Live,
        about: "Tells the modes of selection on one line",
        details: "",
    },
    Row {
        name: "prio",
        args: "",
        form: Form::Switch(Switch::Prio),
        scope: Scope::Service,
        when: When::Live,
        about: "Chooses the server of the lowest prio number (off)",
        details: "",
    },
    Row {
        name: "roundrobin",
        args: "",
        form: Form::Switch(Switch::Roundrobin),
        scope: Scope::Service,
        when: When::Live,
        about: "Chooses in turn for every connection, without regard to the client's last server (off)",
        details: "",
    },
    Row {
        name: "stubborn",
        args: "",
        form: Form::Switch(Switch::Stubborn),
        scope: Scope::Service,
        when: When::Live,
        about: "Closes the connection when its first choice fails, without trying another server (off)",
        details: "",
    },
    Row {
        name: "weight",
        args: "",
        form: Form::Switch(Switch::Weight),
        scope: Scope::Service,
        when: When::Live,
        about: "Chooses the server with the fewest connections for its weight (off)",
        details: "",
    },
];
