//! Datagrams.

use super::{Counts, Scenario};
use crate::load::{Datagrams, Flows};
use crate::proxy::{Demands, Protocol};
use crate::results::Unit;

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "udp",
        about: "datagrams with one answer each, 32 at a time, each from a new port",
        unit: Unit::Datagram,
        counts: Counts::None,
        demands: |_| Demands { protocol: Protocol::SingleDatagrams, ..Demands::default() },
        work: |arena, _| {
            let datagrams = arena.scaled(60_000).into();
            arena.datagrams(Datagrams { datagrams, at_once: 32, per_port: 1 })
        },
    },
    Scenario {
        name: "udpflow",
        about: "the same from ports that are kept for 1,000 datagrams",
        unit: Unit::Datagram,
        counts: Counts::None,
        demands: |_| Demands { protocol: Protocol::Datagrams, ..Demands::default() },
        work: |arena, _| {
            let datagrams = arena.scaled(100_000).into();
            arena.datagrams(Datagrams { datagrams, at_once: 32, per_port: 1000 })
        },
    },
    Scenario {
        name: "flows",
        about: "datagrams of many clients in turn, 32 at a time, all of whom are remembered",
        unit: Unit::Datagram,
        counts: Counts::Scaled(&[100, 20_000], "flows"),
        demands: |flows| Demands {
            protocol: Protocol::Datagrams,
            connections: flows.max(9500) + flows / 8,
            ..Demands::default()
        },
        work: |arena, flows| {
            // All flows are there before it counts.
            Flows { datagrams: flows.into(), flows, at_once: 32 }.run(&arena.target)?;
            arena.flows(Flows { datagrams: arena.scaled(100_000).into(), flows, at_once: 32 })
        },
    },
];
