//! Which server a flow gets, what happens when that one dies or is taken away, and how many flows a server may have.

#[path = "udp_failover/by_hand.rs"]
mod by_hand;
#[path = "udp_failover/deaths.rs"]
mod deaths;
#[path = "udp_failover/fallbacks.rs"]
mod fallbacks;
#[path = "udp_failover/limits.rs"]
mod limits;
#[path = "udp_failover/networks.rs"]
mod networks;
#[path = "udp_failover/seen.rs"]
mod seen;
#[path = "udp_failover/selection.rs"]
mod selection;
