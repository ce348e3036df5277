//! Finding a server for a flow: one candidate after the other, then the emergency server; the abuse server for refused clients.

use std::sync::Arc;

use super::super::connection::{Chosen, Peer};
use super::Surroundings;
use crate::engine::select::{Query, Selection};
use crate::engine::servers::{Server, ServerId};
use crate::settings::Service;

/// How far the search for a flow's server has come.
#[derive(Debug)]
pub struct Choice {
    selection: Selection,
    known: Option<ServerId>,
    refused: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Regular,
    Refused,
    Exhausted,
}

impl Choice {
    /// Before the first server. `known`: the client's last server; `refused`: by `client_acl`.
    pub fn new(known: Option<ServerId>, refused: bool) -> Choice {
        let stage = if refused { Stage::Refused } else { Stage::Regular };
        Choice { selection: Selection::new(), known, refused, stage }
    }

    /// After this server was chosen, and has failed.
    pub fn after(chosen: &Chosen) -> Choice {
        // Emergency and abuse servers have no slot, and nobody follows them.
        let (selection, stage) = if chosen.regular {
            (Selection::after(chosen.server.id().slot), Stage::Regular)
        } else {
            (Selection::new(), Stage::Exhausted)
        };
        Choice { selection, known: None, refused: false, stage }
    }

    /// Whether it is for a client that `client_acl` refuses.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// The next server to try, with a place reserved at it.
    pub fn next(&mut self, peer: Peer, service: &Service, around: &Surroundings<'_>) -> Option<Chosen> {
        if self.stage == Stage::Regular {
            let query = Query {
                servers: &service.servers,
                modes: service.modes,
                acls: &around.settings.acls,
                turn: &service.state.turn,
                client: peer.address,
                port: peer.port,
                // Otherwise a client's datagrams would not be spread over all servers.
                known: self.known.filter(|_| service.limits.udp_requests == 0),
                now: around.now,
            };
            if let Some(candidate) = self.selection.next(&query) {
                return Some(Chosen {
                    server: candidate.server,
                    reservation: candidate.reservation,
                    regular: true,
                });
            }
        }
        match std::mem::replace(&mut self.stage, Stage::Exhausted) {
            Stage::Regular if !service.modes.stubborn => fallback(service.emergency.as_ref()?),
            Stage::Refused => fallback(service.abuse.as_ref()?),
            Stage::Regular | Stage::Exhausted => None,
        }
    }
}

/// The emergency or the abuse server, which have no limits.
fn fallback(server: &Arc<Server>) -> Option<Chosen> {
    let reservation = server.state.reserve(None)?;
    Some(Chosen { server: Arc::clone(server), reservation, regular: false })
}
