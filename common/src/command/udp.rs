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
            The service listens for datagrams instead of connections. A client's datagrams from one port \
            are a flow, which goes to one server as long as it lives, and answers go back from the address \
            that the client used. Flows count as connections: in `conn_max`, in the servers' limits, in the \
            status. When there are `conn_max` of them, a new one ends the one that was silent longest.\n\
            A server whose host says that nobody listens there is left alone for `blacklist` seconds, and \
            its flows go to others.",
    },
    Row {
        name: "udp_requests",
        args: "[N]",
        form: Form::Number(Number::UdpRequests, 0..=DATAGRAMS_MOST),
        scope: Scope::Service,
        when: When::Live,
        about: "Datagrams of a flow after which a server is selected anew; 0: never (0)",
        details: "\
            With 1 each datagram goes to the next server, even if all come from one sender, as those of a \
            syslog daemon. Clients are not taken back to the server that they used last then. Answers \
            still reach the client, whichever server they come from.",
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
            takes no more room. A flow whose answers fail to come ends after `udp_timeout`.",
    },
    Row {
        name: "udp_timeout",
        args: "[T]",
        form: Form::Number(Number::UdpTimeout, 1..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds of silence after which a flow ends (30)",
        details: "Datagrams in either direction count.",
    },
];
