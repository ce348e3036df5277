//! Listeners for datagrams: where they are, how they change while clients speak, and how they go.

mod udp_listeners {
    mod changes;
    mod leaving;
    mod places;
    mod unix;
    mod unix_servers;
}
