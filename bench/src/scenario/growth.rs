//! What more of something costs: clients, servers, entries of access lists, idle connections, workers.

use super::tcp::{short, tcp};
use super::{Counts, Scenario};
use crate::Result;
use crate::arena::Arena;
use crate::load::{Held, Short};
use crate::proxy::Demands;
use crate::results::{Round, Unit};

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "track100k",
        about: "short connections from 100,000 addresses, each of which is remembered",
        unit: Unit::Connection,
        counts: Counts::None,
        demands: |_| Demands { tracked: 100_000, ..Demands::default() },
        work: |arena, _| {
            let connections = arena.scaled(100_000);
            arena.short(Short { sources: connections, ..short(connections) })
        },
    },
    Scenario {
        name: "clients",
        about: "short connections of clients who are remembered, when so many are",
        unit: Unit::Connection,
        counts: Counts::Scaled(&[1000, 1_000_000], "clients"),
        demands: |clients| Demands { tracked: clients, ..Demands::default() },
        work: clients,
    },
    Scenario {
        name: "servers",
        about: "short connections to so many servers in turn",
        unit: Unit::Connection,
        counts: Counts::Exactly(&[2, 1000], "servers"),
        demands: |servers| Demands { servers, ..Demands::default() },
        work: |arena, _| arena.short(short(arena.scaled(20_000))),
    },
    Scenario {
        name: "acl",
        about: "short connections past an access list with so many entries, of which the last lets them in",
        unit: Unit::Connection,
        counts: Counts::Exactly(&[10, 100_000], "entries"),
        demands: |acl| Demands { acl, ..Demands::default() },
        work: |arena, _| arena.short(short(arena.scaled(20_000))),
    },
    Scenario {
        name: "churn",
        about: "short connections while others are idle, and would end after a minute",
        unit: Unit::Connection,
        counts: Counts::Scaled(&[0, 9000], "idle"),
        demands: |_| Demands { idle_timeout: 60, ..Demands::default() },
        work: churn,
    },
    Scenario {
        name: "workers",
        about: "short connections, 256 at a time, with so many threads or processes to carry them",
        unit: Unit::Connection,
        counts: Counts::Exactly(&[1, 2], "workers"),
        demands: |workers| Demands { workers, ..tcp(0) },
        work: |arena, _| arena.short(Short { at_once: 256, ..short(arena.scaled(30_000)) }),
    },
];

fn clients(arena: &Arena, clients: u32) -> Result<Round> {
    let fill = Short { sources: clients, ..short(clients) }.run(&arena.target)?;
    // In another order than they came: a table that is searched from its beginning would find the first ones soon.
    let work = Short { sources: clients, stride: 104_729, ..short(arena.scaled(30_000)) };
    let mut round = arena.short(work)?;
    round.lack(fill.wanted - fill.done);
    Ok(round)
}

fn churn(arena: &Arena, idle: u32) -> Result<Round> {
    let held = Held::open(&arena.target, idle)?;
    let mut round = arena.short(short(arena.scaled(20_000)))?;
    round.lack(u64::from(held.wanted - held.open));
    Ok(round)
}
