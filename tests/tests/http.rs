//! pen with `-H`: what servers get to read, what clients are refused, and what is none of its business.

mod http {
    mod clients;
    mod heads;
    mod others;
    mod refusals;
    mod servers;
    mod timeout;
    mod upgrades;
}
