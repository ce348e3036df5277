//! The clients: what they ask of a proxy, and how long that takes.
//!
//! `short`, `kept`, `paced` and `held` are TCP, with TLS or without; `datagrams` and `flows` UDP. All are bounded in count and
//! in time, and what was not answered is lost, and counted.

mod client;
mod crowd;
mod datagrams;
mod flows;
mod held;
mod kept;
mod paced;
mod schedule;
mod short;
mod timing;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

pub use datagrams::Datagrams;
pub use flows::Flows;
pub use held::Held;
pub use kept::Kept;
pub use paced::Paced;
pub use short::Short;
pub use timing::Timing;

use crate::{Result, stop};

/// Without any answer for so long, clients give up.
const PATIENCE: Duration = Duration::from_secs(10);
/// However it goes, no load lasts longer.
const LONGEST: Duration = Duration::from_mins(10);
/// How long a poll waits before it looks whether the user wants the end.
const GLANCE: Duration = Duration::from_millis(100);

/// Where the clients go.
#[derive(Clone, Debug)]
pub struct Target {
    /// The proxy.
    pub address: SocketAddrV4,
    /// What TLS is spoken with, if it is.
    pub tls: Option<Arc<ClientConfig>>,
}

/// What has come of a load.
#[derive(Debug)]
pub struct Outcome {
    /// Units that were to be done.
    pub wanted: u64,
    /// Units that were done: answered, completely.
    pub done: u64,
    /// How long each of them took. Empty where that means nothing.
    pub timing: Timing,
}

/// The source address of a client: 127.64.0.0 and those that follow, of which there are 4 millions.
fn source(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 64, 0, 0).to_bits() + number)
}

/// Whether a load goes on: not too long without an answer, nor altogether, nor against the user's will.
#[derive(Debug)]
struct Endurance {
    end: Instant,
    given_up: Instant,
}

impl Endurance {
    fn new() -> Endurance {
        let now = Instant::now();
        Endurance { end: now + LONGEST, given_up: now + PATIENCE }
    }

    /// To be asked after every turn, with whether anything was answered in it.
    fn lasts(&mut self, answered: bool) -> Result<bool> {
        stop::unless_asked()?;
        let now = Instant::now();
        if answered {
            self.given_up = now + PATIENCE;
        }
        Ok(now < self.end && now < self.given_up)
    }
}
