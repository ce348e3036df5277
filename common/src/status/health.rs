//! What is told of servers' health, and of users who return to their sessions.

use serde::{Deserialize, Serialize};

use super::Name;

/// A part of a whole, in percent, 0 to 100; of old pens, which do not tell it, the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(pub u32);

impl Share {
    /// All of it.
    pub const WHOLE: Share = Share(100);
}

impl Default for Share {
    fn default() -> Share {
        Share::WHOLE
    }
}

/// What checks say of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckStatus {
    /// What is tried, by the word that `health` has for it: `http`.
    pub kind: Name,
    /// It is well.
    pub up: bool,
    /// For so many seconds.
    pub since: u64,
    /// Why the latest check that failed did. Servers may have chosen the words.
    pub reason: Option<String>,
    /// How long the latest check took, in seconds.
    pub took: f64,
    /// Checks passed so far.
    pub passed: u64,
    /// Checks failed so far.
    pub failed: u64,
    /// How often it came up or went down, the first verdict not counted.
    pub changes: u64,
}

/// What a server's agent says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentStatus {
    /// `ready`, `drain`, `maint` or `down`: what keeps most clients away.
    pub word: Name,
    /// For so many seconds.
    pub since: u64,
    /// The part of its share in new clients that it wants.
    pub share: Share,
    /// How many connections it wants at most; `None`: as many as otherwise.
    pub max: Option<u32>,
    /// Why it says so, as it has told people. It has chosen the words.
    pub reason: Option<String>,
    /// Why its latest answer was none; `None`: it was.
    pub trouble: Option<String>,
}

/// A user of `peek rdp`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserStatus {
    /// The name, as it is compared. Clients have chosen it.
    pub name: String,
    /// The slot of the server that the user had last.
    pub server: Option<u32>,
    /// Open connections.
    pub open: u32,
    /// Seconds since the latest connection ended; 0 while one is open.
    pub age: u64,
}
