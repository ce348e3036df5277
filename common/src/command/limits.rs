//! How long and how many.

use super::typed::Number;
use super::{Form, LONGEST, Row, Scope, When};
use crate::addr::CONNECTIONS_MOST;

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "backlog",
        args: "[N]",
        form: Form::Number(Number::Backlog, 50..=65_535),
        scope: Scope::Service,
        when: When::Live,
        about: "Connections that may wait in the system's queue of a listener (500)",
        details: "",
    },
    Row {
        name: "clients_max",
        args: "[N]",
        form: Form::Number(Number::ClientsMax, 1..=CONNECTIONS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Clients that are remembered; can only grow (2048)",
        details: "",
    },
    Row {
        name: "conn_max",
        args: "[N]",
        form: Form::Number(Number::ConnMax, 1..=CONNECTIONS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Simultaneous connections; can only grow (500)",
        details: "",
    },
    Row {
        name: "idle_timeout",
        args: "[T]",
        form: Form::Number(Number::IdleTimeout, 0..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds of silence after which a connection is closed; 0: never (0)",
        details: "",
    },
    Row {
        name: "idlers",
        args: "[N]",
        form: Form::Number(Number::Idlers, 0..=CONNECTIONS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Idle connections to the servers that are kept open, for no client (0)",
        details: "",
    },
    Row {
        name: "multi_accept",
        args: "[N]",
        form: Form::Number(Number::MultiAccept, 1..=1_000_000),
        scope: Scope::Service,
        when: When::Live,
        about: "Most connections accepted at one go (100)",
        details: "",
    },
    Row {
        name: "pending_max",
        args: "[N]",
        form: Form::Number(Number::PendingMax, 1..=CONNECTIONS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Connections to servers in the making at one time (100)",
        details: "",
    },
    Row {
        name: "timeout",
        args: "[T]",
        form: Form::Number(Number::Timeout, 1..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds that a server has to accept a connection (5)",
        details: "",
    },
    Row {
        name: "tracking",
        args: "[T]",
        form: Form::Number(Number::Tracking, 0..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds after which an absent client is forgotten; 0: never (0)",
        details: "",
    },
];
