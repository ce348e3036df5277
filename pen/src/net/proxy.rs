//! PROXY headers on a connection: the one that it begins with tells who the client really is, and the one that its server gets
//! passes that on. How they are written is `engine::proxy`'s matter.

use std::fmt::Display;
use std::net::SocketAddr;

use common::client_addr::ClientAddr;
use common::command::AclNumber;

use super::connection::{Connection, Next, Peer, Phase};
use super::end::Incoming;
use super::preface::Preface;
use super::worker::Context;
use crate::engine::proxy::{self, Header, Reading, Route};

/// A read while a header is awaited: mostly it brings the client's first bytes with it.
const READ: usize = 8 * 1024;

impl Connection {
    /// Awaits a header, if it may come from here.
    pub fn begin_proxy(&mut self, acl: AclNumber, context: &mut Context<'_>) -> Next {
        if !context.settings.acls[acl.index()].permits(self.peer.address) {
            let list = acl.index();
            return self
                .refuse_proxy(&format_args!("acl {list} does not permit it to send PROXY headers"), context);
        }
        self.await_preface(Preface::Proxy(Vec::new()), context)
    }

    /// Reads on.
    pub fn read_proxy_header(&mut self, context: &mut Context<'_>) -> Next {
        loop {
            let Phase::Preface(preface) = &mut self.phase else { return Next::Wait };
            let Preface::Proxy(begun) = &mut **preface else { return Next::Wait };
            match self.down.read(&mut context.scratch[..READ]) {
                Incoming::Data(data) => begun.extend_from_slice(data),
                Incoming::Nothing => return Next::Wait,
                Incoming::Over => return self.refuse_proxy(&"it ended before its PROXY header did", context),
            }
            match proxy::read(begun) {
                Ok(Reading::Incomplete) => {}
                Ok(Reading::Complete(header, length)) => {
                    self.down.unread(&begun[length..]);
                    self.take_for(header);
                    return self.begin_tls(context);
                }
                Err(flaw) => return self.refuse_proxy(&flaw, context),
            }
        }
    }

    /// From here on the client is whom the header names.
    fn take_for(&mut self, header: Header) {
        if let Some(Route { source, .. }) = header.route {
            self.peer = Peer { address: ClientAddr::from(source.ip()), port: source.port() };
        }
        self.proxied = Some(Box::new(header));
    }

    /// Closes a connection that has no right header.
    pub fn refuse_proxy(&mut self, reason: &dyn Display, context: &mut Context<'_>) -> Next {
        context.settings.service(self.service).state.counters.proxy_refused.count();
        log::debug!("closing a connection from {}: {reason}", self.peer.address);
        self.leave(context)
    }

    /// Whether the client spoke TLS, to pen or to a proxy before it.
    pub fn came_by_tls(&self) -> bool {
        self.down.is_secure() || self.proxied.as_ref().is_some_and(|header| header.secure)
    }

    /// Has a server that expects it told in a header, before anything else, who the client is.
    pub fn introduce(&mut self, context: &Context<'_>) {
        let Some(version) = context.settings.service(self.service).proxy.send else { return };
        let header = proxy::write(version, self.route());
        if let Some(up) = &mut self.up {
            up.open_with(header);
        }
    }

    /// Where the client comes from and what it connected to.
    fn route(&self) -> Option<Route> {
        if let Some(route) = self.proxied.as_ref().and_then(|header| header.route) {
            return Some(route);
        }
        let ClientAddr::Ip(address) = self.peer.address else { return None };
        let destination = self.down.stream.local_address()?;
        Some(Route { source: SocketAddr::new(address, self.peer.port), destination })
    }
}
