//! The control plane: who may say what, and what comes of it.
//!
//! `sessions` is the main thread: it owns the control port and the signals, and never waits for anything else. `steward` is a
//! thread of its own, because looking up a name or opening a file may take long: it alone changes the settings and the
//! listeners. Questions about the running state are answered by a short-lived thread each.

pub mod answers;
pub mod configuration;
pub mod listener;
pub mod orders;
pub mod replies;
pub mod requests;
pub mod rounds;
pub mod sessions;
pub mod steward;

/// A control session's number; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub usize);

/// Where a command comes from, for what is not allowed to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A TCP peer: any local user, or the network.
    Tcp,
    /// A peer of the control socket, whose file only pen's user may use.
    Unix,
}
