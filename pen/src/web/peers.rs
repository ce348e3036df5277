//! Who is connected: a limited number. When one more comes, the least useful of those who only keep a place has to go.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// Connections at once.
pub const PEERS_MOST: usize = 64;

/// The connections of a listener.
#[derive(Debug, Default)]
pub struct Peers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<Peer>,
    /// Counts what happens, so that there is an order in it.
    moment: u64,
    ending: bool,
}

#[derive(Debug)]
struct Peer {
    stream: Arc<TcpStream>,
    number: u64,
    permitted: bool,
    activity: Activity,
    /// The moment since when.
    since: u64,
    /// It was told to go, and will.
    dismissed: bool,
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Waiting for a request, or for the end.
    Idle,
    /// Writing an answer.
    Writing,
    /// Making an answer: that ends by itself.
    Working,
}

/// A place among the peers, left when dropped.
#[derive(Debug)]
pub struct Place {
    peers: Arc<Peers>,
    number: u64,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onward {
    /// It does.
    Stay,
    /// The listener is gone: it ends after its answer.
    End,
}

impl Peers {
    /// Gives a connection a place, which may take until somebody has gone. `None`: it came too late.
    pub fn enter(self: &Arc<Peers>, stream: Arc<TcpStream>, permitted: bool) -> Option<Place> {
        let mut state = self.state.lock();
        while state.open.len() >= PEERS_MOST && !state.ending {
            state.dismiss_somebody();
            self.changed.wait(&mut state);
        }
        if state.ending {
            return None;
        }
        state.moment += 1;
        let number = state.moment;
        let activity = Activity::Idle;
        state.open.push(Peer { stream, number, permitted, activity, since: number, dismissed: false });
        Some(Place { peers: Arc::clone(self), number })
    }

    /// Takes in nobody any more, and has everybody go: at once who waits, after the answer who gets one.
    pub fn end(&self) {
        let mut state = self.state.lock();
        state.ending = true;
        state.open.iter_mut().filter(|peer| peer.activity == Activity::Idle).for_each(Peer::dismiss);
        self.changed.notify_all();
    }

    /// Whether [`Peers::end`] was called.
    pub fn ending(&self) -> bool {
        self.state.lock().ending
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.state.lock().open.len()
    }
}

impl State {
    /// First those who may not ask at all, then those who say nothing, then those who take nothing; of these who has been so
    /// longest. One at a time.
    fn dismiss_somebody(&mut self) {
        if self.open.iter().any(|peer| peer.dismissed) {
            return;
        }
        let may_go = self.open.iter_mut().filter(|peer| peer.activity != Activity::Working);
        if let Some(peer) = may_go.min_by_key(|peer| (peer.permitted, peer.activity, peer.since)) {
            peer.dismiss();
        }
    }
}

impl Peer {
    /// Its thread finds the connection ended, wherever it waits.
    fn dismiss(&mut self) {
        self.dismissed = true;
        // It may be broken already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Place {
    /// Notes what the connection is at from now on.
    pub fn note(&self, activity: Activity) -> Onward {
        let mut state = self.peers.state.lock();
        state.moment += 1;
        let since = state.moment;
        if let Some(peer) = state.open.iter_mut().find(|peer| peer.number == self.number) {
            (peer.activity, peer.since) = (activity, since);
        }
        // Somebody may be waiting for one that can be dismissed.
        self.peers.changed.notify_all();
        if state.ending { Onward::End } else { Onward::Stay }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.peers.state.lock().open.retain(|peer| peer.number != self.number);
        self.peers.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
