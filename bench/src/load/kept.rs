//! Requests on connections that stay open: each client asks again when it has its answer.

use std::time::Instant;

use super::client::Progress;
use super::crowd::Crowd;
use super::{Endurance, GLANCE, Outcome, Target, Timing};
use crate::{Error, Result};

/// `requests` on `connections`, one outstanding on each. A unit is a request with its answer.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// How many requests altogether.
    pub requests: u64,
    /// On how many connections.
    pub connections: u32,
    /// Bytes of each answer.
    pub answer: u64,
}

impl Kept {
    /// Goes through all of them.
    pub fn run(self, target: &Target) -> Result<Outcome> {
        let failed = || Error::doing("clients");
        let mut crowd = Crowd::new(target).map_err(failed())?;
        let mut timing = Timing::new();
        let mut asked = vec![Instant::now(); self.connections as usize];
        let (mut sent, mut done) = (0, 0);
        for _ in 0..self.connections {
            let number = crowd.dial(None).map_err(failed())?;
            if sent < self.requests {
                asked[number] = Instant::now();
                crowd.ask(number, self.answer);
                sent += 1;
            }
        }
        let mut endurance = Endurance::new();
        // A client whose connection breaks does not come back: what it would have asked is lost.
        while done < self.requests && crowd.len() > 0 {
            let news = crowd.turn(GLANCE).map_err(failed())?.to_vec();
            for (number, progress) in &news {
                if *progress == Progress::Lost {
                    crowd.part(*number);
                    continue;
                }
                let now = Instant::now();
                timing.record(now - asked[*number]);
                done += 1;
                if sent < self.requests {
                    asked[*number] = now;
                    sent += 1;
                    if crowd.ask(*number, self.answer) == Progress::Lost {
                        crowd.part(*number);
                    }
                }
            }
            if !endurance.lasts(!news.is_empty())? {
                break;
            }
        }
        Ok(Outcome { wanted: self.requests, done, timing })
    }
}
