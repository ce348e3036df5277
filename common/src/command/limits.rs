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
        details: "\
            The system has a limit of its own (net.core.somaxconn on Linux). When the queue is full, \
            clients try again after a second or more.",
    },
    Row {
        name: "clients_max",
        args: "[N]",
        form: Form::Number(Number::ClientsMax, 1..=CONNECTIONS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Clients that are remembered; can only grow (2048)",
        details: "\
            When the table is full, the client that was away longest is forgotten, and chooses a server \
            anew when it comes back. While pen runs a smaller number changes nothing; the answer is the \
            number in force.",
    },
    Row {
        name: "conn_max",
        args: "[N]",
        form: Form::Number(Number::ConnMax, 1..=CONNECTIONS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Simultaneous connections; can only grow (500)",
        details: "\
            Further clients wait in the system's queue (`backlog`) until there is room. A connection \
            takes two file descriptors; pen raises its own limit as far as it may, and warns when that \
            does not suffice. While pen runs a smaller number changes nothing; the answer is the number \
            in force.\n\
            With `udp` nobody waits: the flow that was silent longest ends. Flows to different servers share \
            a file descriptor.",
    },
    Row {
        name: "idle_timeout",
        args: "[T]",
        form: Form::Number(Number::IdleTimeout, 0..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds of silence after which a connection is closed; 0: never (0)",
        details: "\
            Bytes in either direction count. Half-closed connections are closed too. Without this a \
            silent connection stays for ever; `keepalive` finds peers that vanished.",
    },
    Row {
        name: "idlers",
        args: "[N]",
        form: Form::Number(Number::Idlers, 0..=CONNECTIONS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Idle connections to the servers that are kept open, for no client (0)",
        details: "\
            They go in turn to the servers that could take a new client, and lost ones are replaced: \
            some servers, and firewalls on the way to them, stay awake that way. They count in no limit \
            but that of file descriptors, which they use half of at most. The answer is `Idlers: \
            HAVE/WANTED`.",
    },
    Row {
        name: "multi_accept",
        args: "[N]",
        form: Form::Number(Number::MultiAccept, 1..=1_000_000),
        scope: Scope::Service,
        when: When::Live,
        about: "Most connections accepted at one go (100)",
        details: "\
            A thread that accepted so many connections from one listener looks after other work first. \
            There is hardly ever a reason to change it.",
    },
    Row {
        name: "pending_max",
        args: "[N]",
        form: Form::Number(Number::PendingMax, 1..=CONNECTIONS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Connections to servers in the making at one time (100)",
        details: "\
            Further clients wait in the system's queue. Raise it when servers are far away: 100 at a \
            time that take 50 ms each are 2,000 new connections a second at most.",
    },
    Row {
        name: "timeout",
        args: "[T]",
        form: Form::Number(Number::Timeout, 1..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds that a server has to accept a connection (5)",
        details: "\
            A server that takes longer has failed: it is blacklisted, and the next one is tried. It is \
            also how long a slow peer has to take the rest of what a broken connection had delivered.",
    },
    Row {
        name: "tracking",
        args: "[T]",
        form: Form::Number(Number::Tracking, 0..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds after which an absent client is forgotten; 0: never (0)",
        details: "\
            A client that comes back in time goes to the server that it used last. The time begins when \
            its last connection ends. 0: it is remembered as long as there is room in the table \
            (`clients_max`).",
    },
];
