//! A listener for datagrams as a worker sees it: the counterpart of `Listening`, where connections come from.

use std::net::SocketAddr;
use std::sync::Arc;

use system::datagrams::{self, Datagram, Name};

use super::super::listener::{ListenSocket, ListenerId};
use super::fragments::Fragments;
use crate::engine::time::Tick;
use crate::settings::ServiceIndex;

/// A listener for datagrams.
#[derive(Debug)]
pub struct Receiving {
    /// Its number.
    pub id: ListenerId,
    /// Its service.
    pub service: ServiceIndex,
    /// The socket.
    pub socket: Arc<ListenSocket>,
    /// Its address.
    own: Option<SocketAddr>,
    /// Something may wait in its queue.
    pub ready: bool,
    /// It receives no more, and its flows end then at the latest.
    pub leaving: Option<Tick>,
    /// The kernel was asked to join datagrams.
    joins: bool,
    /// Whether routers may split answers.
    pub fragments: Fragments,
}

impl Receiving {
    /// One that may have received something already.
    pub fn new(id: ListenerId, service: ServiceIndex, socket: Arc<ListenSocket>) -> Receiving {
        let own = socket.local_address();
        let fragments = Fragments::default();
        Receiving { id, service, socket, own, ready: true, leaving: None, joins: false, fragments }
    }

    /// Whether the datagram is said to come from this very listener. An answer would be the next one, and so on for ever.
    pub fn is_its_own(&self, datagram: &Datagram<'_>) -> bool {
        let (Name::Inet(source), Some(own)) = (datagram.source, self.own) else { return false };
        let to = datagram.local.map_or(own.ip(), |local| local.address);
        source.port() == own.port() && source.ip() == to
    }

    /// Has the kernel join what a client sends at once, as far as it can.
    pub fn join(&mut self) {
        if !std::mem::replace(&mut self.joins, true)
            && let Err(error) = datagrams::join_datagrams(&*self.socket)
        {
            // Unix sockets have nothing like it.
            log::debug!("{} cannot join datagrams: {}", self.socket, common::reason(&error));
        }
    }

    /// It receives no more: what its queue holds is served, and then it goes with its last flow, or at that time.
    pub fn leave(&mut self, until: Tick) {
        self.leaving = Some(until);
        self.ready = true;
    }
}

#[cfg(test)]
mod tests {
    use system::datagrams::Local;

    use super::*;
    use crate::settings::DEFAULT_SERVICE;

    #[test]
    fn only_what_is_said_to_come_from_the_listener_itself_is_its_own() {
        for (listen, source, to, is_own) in [
            ("127.0.0.1:5300", "127.0.0.1:5300", None, true),
            ("127.0.0.1:5300", "127.0.0.1:5301", None, false),
            ("127.0.0.1:5300", "127.0.0.2:5300", None, false),
            ("0.0.0.0:5300", "127.0.0.2:5300", Some("127.0.0.2"), true),
            ("0.0.0.0:5300", "127.0.0.2:5300", Some("127.0.0.1"), false),
            ("[::]:5300", "[::1]:5300", Some("::1"), true),
            ("[::]:5300", "[::ffff:127.0.0.1]:5300", Some("::ffff:127.0.0.1"), true),
        ] {
            let own: SocketAddr = listen.parse().unwrap();
            let free = SocketAddr::new(own.ip(), 0);
            let socket = Arc::new(ListenSocket::udp(free, false, false).unwrap());
            let listener =
                Receiving { own: Some(own), ..Receiving::new(ListenerId(1), DEFAULT_SERVICE, socket) };
            let datagram = Datagram {
                source: Name::Inet(source.parse().unwrap()),
                local: to.map(|to| Local { address: to.parse().unwrap(), interface: 0 }),
                bytes: b"",
                segment: None,
                arrived: None,
                is_cut: false,
            };
            assert_eq!(listener.is_its_own(&datagram), is_own, "{source} at {listen}");
        }
    }
}
