//! What is counted of a service while it runs, whatever its settings are meanwhile: it outlives the settings that it was
//! counted under.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::losses::Losses;
use crate::engine::clients::{ClientNumbers, ClientTable};
use crate::engine::gauge::Gauge;
use crate::engine::select::Turn;
use crate::engine::time::Tick;
use crate::engine::users::Users;

/// What is counted of a service while it runs, whatever its settings are meanwhile.
#[derive(Debug)]
pub struct ServiceState {
    /// The clients that it remembers.
    pub clients: Mutex<ClientTable>,
    /// The users of `peek rdp` that it remembers.
    pub users: Mutex<Users>,
    /// Whose turn it is in round robin.
    pub turn: Turn,
    /// Open connections.
    pub connections: Gauge,
    /// Connects to servers in progress.
    pub pending: Gauge,
    /// Idle connections to its servers that are open.
    pub idlers: Gauge,
    /// Whether clients go to servers that are down.
    pub fail_open: FailOpen,
    /// What became of the connections that were accepted.
    pub counters: ServiceCounters,
}

/// Whether clients go to servers that are said to be down, for want of others. It is said when that begins and when it ends: not
/// more often than every few seconds, because servers that are full or blacklisted may make it come and go with each client.
#[derive(Debug, Default)]
pub struct FailOpen {
    /// When the latest did, in milliseconds; 0: that is over.
    latest: AtomicU64,
}

impl FailOpen {
    /// So long none may go to such a server before that is over.
    const RESPITE: Duration = Duration::from_secs(5);

    /// A client goes to a server that is down. Tells whether that is news.
    pub fn begins(&self, now: Tick) -> bool {
        self.latest.swap(now.0.max(1), Ordering::Relaxed) == 0
    }

    /// A client goes to one that is not. Tells whether that is news.
    pub fn ends(&self, now: Tick) -> bool {
        let latest = self.latest.load(Ordering::Relaxed);
        latest != 0
            && now.since(Tick(latest)) >= FailOpen::RESPITE
            && self.latest.compare_exchange(latest, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl ServiceState {
    /// Of a service that has not served anybody yet; `numbers` is for all clients of the process.
    pub fn new(numbers: &Arc<ClientNumbers>) -> ServiceState {
        ServiceState {
            // Grown to `clients_max` when that is published.
            clients: Mutex::new(ClientTable::new(1, Arc::clone(numbers))),
            users: Mutex::default(),
            turn: Turn::new(),
            connections: Gauge::default(),
            pending: Gauge::default(),
            idlers: Gauge::default(),
            fail_open: FailOpen::default(),
            counters: ServiceCounters::default(),
        }
    }
}

/// Counters of a service.
#[derive(Debug, Default)]
pub struct ServiceCounters {
    /// Connections accepted.
    pub accepted: Counter,
    /// Connections closed because `client_acl` refuses their client.
    pub refused: Counter,
    /// Connections closed because no server could take them.
    pub unserved: Counter,
    /// Connections and flows that went to a server although checks say that it is down, for want of others.
    pub failed_open: Counter,
    /// Connections closed because pen itself lacked descriptors, ports or memory.
    pub shortages: Counter,
    /// Connections closed because no PROXY header came, or a wrong one, or from somebody who may not send any.
    pub proxy_refused: Counter,
    /// Requests refused because they break the rules of http.
    pub http_refused: Counter,
    /// What became of datagrams.
    pub datagrams: DatagramCounters,
    /// What became of handshakes.
    pub tls: TlsCounters,
}

/// What became of datagrams.
#[derive(Debug, Default)]
pub struct DatagramCounters {
    /// Those that came from clients.
    pub received: Counter,
    /// Those that went back to them.
    pub answered: Counter,
    /// Those that could not be passed on, for want of a server, of room or of memory.
    pub dropped: Counter,
    /// Those that the kernel threw away, because they came faster than they were taken.
    pub lost: Losses,
}

/// What became of TLS handshakes.
#[derive(Debug, Default)]
pub struct TlsCounters {
    /// Those that failed, or took too long.
    pub failed: Counter,
    /// Those that succeeded with TLS 1.2.
    pub tls12: Counter,
    /// Those that succeeded with TLS 1.3.
    pub tls13: Counter,
    /// Those of them all that resumed a session.
    pub resumed: Counter,
}

/// A counter that any thread may raise and read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts so many.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts one.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_open_is_news_once_when_it_begins_and_once_when_it_ends() {
        let fail_open = FailOpen::default();
        let at = |seconds| Tick(0).plus_seconds(seconds);
        assert!(!fail_open.ends(at(0)));
        assert!(fail_open.begins(at(0)));
        assert!(!fail_open.begins(at(7)));
        assert!(!fail_open.ends(at(11)), "a full server may have had a place for once");
        assert!(fail_open.ends(at(12)));
        assert!(!fail_open.ends(at(13)));
        assert!(fail_open.begins(at(13)));
    }
}
