//! Connections, one kind of work each.

use std::time::Duration;

use super::{Counts, Scenario};
use crate::Result;
use crate::arena::Arena;
use crate::load::{Kept, Paced, Short};
use crate::proxy::{Demands, Protocol};
use crate::results::{Round, Unit};

/// Bytes of an ordinary answer.
pub(super) const ANSWER: u64 = 512;

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "short",
        about: "connections with one request and one answer of 512 bytes, 64 at a time, from 2,000 addresses",
        unit: Unit::Connection,
        counts: Counts::None,
        demands: tcp,
        work: |arena, _| arena.short(short(arena.scaled(30_000))),
    },
    Scenario {
        name: "ping",
        about: "requests and answers on 64 connections that stay open",
        unit: Unit::Request,
        counts: Counts::None,
        demands: tcp,
        work: |arena, _| arena.kept(Kept { connections: 64, ..ping(arena.scaled(200_000)) }),
    },
    Scenario {
        name: "ping1",
        about: "the same on one connection",
        unit: Unit::Request,
        counts: Counts::None,
        demands: tcp,
        work: |arena, _| arena.kept(Kept { connections: 1, ..ping(arena.scaled(20_000)) }),
    },
    Scenario {
        name: "latency",
        about: "requests on 64 connections at a fixed rate, a quarter of what the slowest proxy is capable of; \
                the time of each runs from when it was meant to be sent",
        unit: Unit::Request,
        counts: Counts::Rate(0.25),
        demands: tcp,
        work: latency,
    },
    Scenario {
        name: "bulk",
        about: "two gigabytes to one client",
        unit: Unit::Byte,
        counts: Counts::None,
        demands: tcp,
        work: bulk,
    },
    Scenario {
        name: "idle",
        about: "9,000 open connections, and the memory of each",
        unit: Unit::OpenConnection,
        counts: Counts::None,
        demands: tcp,
        work: |arena, _| arena.held(arena.scaled(9000)),
    },
    Scenario {
        name: "tlsshort",
        about: "the same as short by TLS 1.3, 16 at a time, with a whole handshake each (ECDSA P-256)",
        unit: Unit::Connection,
        counts: Counts::None,
        demands: tls,
        work: |arena, _| arena.short(Short { at_once: 16, ..short(arena.scaled(3000)) }),
    },
    Scenario {
        name: "tlsbulk",
        about: "a gigabyte to one client by TLS 1.3",
        unit: Unit::Byte,
        counts: Counts::None,
        demands: tls,
        work: bulk,
    },
];

pub(super) fn tcp(_: u32) -> Demands {
    Demands::default()
}

fn tls(_: u32) -> Demands {
    Demands { protocol: Protocol::Tls, ..Demands::default() }
}

/// Short connections, so many.
pub(super) fn short(connections: u32) -> Short {
    Short { connections, at_once: 64, sources: 2000, stride: 1, answer: ANSWER }
}

fn ping(requests: u32) -> Kept {
    Kept { requests: requests.into(), connections: 1, answer: ANSWER }
}

fn latency(arena: &Arena, _: u32) -> Result<Round> {
    let length = Duration::from_secs_f64(8.0 * arena.scale.clamp(0.01, 1.0));
    arena.paced(Paced { rate: arena.rate, length, connections: 64, answer: ANSWER })
}

/// One answer, of which each byte is a unit.
fn bulk(arena: &Arena, _: u32) -> Result<Round> {
    let gigabytes = if arena.target.tls.is_some() { 1.0 } else { 2.0 };
    let bytes = (gigabytes * 1e9 * arena.scale) as u64;
    let round = arena.kept(Kept { requests: 1, connections: 1, answer: bytes })?;
    // An answer that was broken off is no answer, so it is all or nothing.
    Ok(Round { wanted: bytes, done: round.done * bytes, p50_us: None, p99_us: None, p999_us: None, ..round })
}
