//! Connections with one request and answer each.

use std::net::Ipv4Addr;
use std::time::Instant;

use super::client::Progress;
use super::crowd::Crowd;
use super::{Endurance, GLANCE, Outcome, Target, Timing, source};
use crate::{Error, Result};

/// `connections` one after the other, `at_once` of them at a time. A unit is a connection, its time that from the connect to
/// the last byte of the answer.
#[derive(Clone, Copy, Debug)]
pub struct Short {
    /// How many altogether.
    pub connections: u32,
    /// How many at a time.
    pub at_once: u32,
    /// From how many source addresses, in turn; 0: from the usual one.
    pub sources: u32,
    /// How far apart in that turn one connection's address is from the next one's; prime, so that all have their turn.
    pub stride: u32,
    /// Bytes of each answer.
    pub answer: u64,
}

impl Short {
    /// Goes through all of them.
    pub fn run(self, target: &Target) -> Result<Outcome> {
        let failed = || Error::doing("clients");
        let mut crowd = Crowd::new(target).map_err(failed())?;
        let mut timing = Timing::new();
        let mut begun = vec![Instant::now(); self.at_once as usize + 1];
        let mut started = 0;
        let (mut done, mut lost) = (0, 0);
        let mut endurance = Endurance::new();
        while done + lost < self.connections {
            while started < self.connections && crowd.len() < self.at_once as usize {
                let source = (self.sources > 0).then(|| self.source(started));
                let now = Instant::now();
                let number = crowd.dial(source).map_err(failed())?;
                begun[number] = now;
                started += 1;
                if crowd.ask(number, self.answer) == Progress::Lost {
                    crowd.part(number);
                    lost += 1;
                }
            }
            let news = crowd.turn(GLANCE).map_err(failed())?.to_vec();
            let now = Instant::now();
            for (number, progress) in &news {
                crowd.part(*number);
                match progress {
                    Progress::Answered => {
                        timing.record(now - begun[*number]);
                        done += 1;
                    }
                    _ => lost += 1,
                }
            }
            if !endurance.lasts(!news.is_empty())? {
                break;
            }
        }
        Ok(Outcome { wanted: self.connections.into(), done: done.into(), timing })
    }

    fn source(self, number: u32) -> Ipv4Addr {
        let place = u64::from(number) * u64::from(self.stride) % u64::from(self.sources);
        source(place as u32)
    }
}
