//! Balancing datagrams.

use super::typed::{Number, Switch};
use super::{Form, LONGEST, Row, Scope, When};

/// Most datagrams that `udp_requests` and `udp_responses` count.
const DATAGRAMS_MOST: u32 = 1_000_000_000;

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "udp",
        args: "",
        form: Form::Switch(Switch::Udp),
        scope: Scope::Service,
        when: When::Live,
        about: "Balances UDP instead of TCP (off)",
        details: "\
            The service listens for datagrams instead of connections. What comes from one address and port \
            of a client is a flow: it goes to one server as long as it lives, and answers go back from the \
            address that the client has sent to. Flows count as connections: in `conn_max`, in the servers' \
            limits, in the status, and for `close`. When there are `conn_max` of them, a new one ends the \
            one that was silent longest.\n\
            A server whose host says that nobody listens there is left alone for `blacklist` seconds, and \
            its flows go to others, with the datagram that met the error.\n\
            When a listener goes (by `listen`, `no service` or the end of pen), what has come is served, and \
            answers reach their clients; these are not heard any more.\n\
            Names of ports are those of UDP from then on, so `udp` stands before the servers in a file. \
            It does not go with `tls_cert`, `http`, `proxy_protocol`, `idlers` and `dummy`. `backlog`, \
            `multi_accept`, `pending_max`, `timeout`, `idle_timeout`, `keepalive`, `tcp_nodelay` and \
            `tcp_fastclose` mean nothing for datagrams.\n\
            TCP and UDP on one port are two services.",
    },
    Row {
        name: "udp_requests",
        args: "[N]",
        form: Form::Number(Number::UdpRequests, 0..=DATAGRAMS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Datagrams of a flow after which a server is selected anew; 0: never (0)",
        details: "\
            With 1 each datagram selects a server, so that those of one sender, such as a syslog daemon, are \
            spread over all. Clients are not taken back to the server that they used last then. Answers of \
            all the servers that a flow has used reach the client while the flow lives.",
    },
    Row {
        name: "udp_responses",
        args: "[N]",
        form: Form::Number(Number::UdpResponses, 0..=DATAGRAMS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Answers to each datagram after which a flow ends; 0: any number (0)",
        details: "\
            With 1, which suits DNS, a flow ends as soon as each of its datagrams has had its answer, and \
            takes no more room in `conn_max`. A flow whose answers fail to come ends after `udp_timeout`.",
    },
    Row {
        name: "udp_timeout",
        args: "[T]",
        form: Form::Number(Number::UdpTimeout, 1..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds of silence after which a flow ends (30)",
        details: "\
            Datagrams in either direction begin the time anew. Too short a time is harmless where any server \
            may go on with a client, and breaks what has a state, as QUIC, games and telephony.",
    },
];
