//! Requests at a fixed rate, as from many users who know nothing of each other (an *open loop*).
//!
//! Each has its time, whether those before it have been answered or not, and how long it took is counted from that time. So
//! a proxy that stands still for a while is charged with all that would have been asked meanwhile.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::client::Progress;
use super::crowd::Crowd;
use super::schedule::Schedule;
use super::{Endurance, GLANCE, Outcome, Target, Timing};
use crate::{Error, Result};

/// Requests on kept connections at a rate. A unit is a request with its answer.
#[derive(Clone, Copy, Debug)]
pub struct Paced {
    /// Requests a second.
    pub rate: f64,
    /// For how long.
    pub length: Duration,
    /// On how many connections. When all have a request outstanding, the next one waits, and its time runs.
    pub connections: u32,
    /// Bytes of each answer.
    pub answer: u64,
}

impl Paced {
    /// Goes through all of them.
    pub fn run(self, target: &Target) -> Result<Outcome> {
        let failed = || Error::doing("clients");
        let schedule = Schedule::new(self.rate, self.length);
        let mut crowd = Crowd::new(target).map_err(failed())?;
        let mut free = VecDeque::new();
        for _ in 0..self.connections {
            free.push_back(crowd.dial(None).map_err(failed())?);
        }
        let mut asked = vec![Duration::ZERO; free.len()];
        let mut timing = Timing::new();
        let (mut sent, mut done) = (0, 0);
        let start = Instant::now();
        let mut endurance = Endurance::new();
        while done < schedule.total() && crowd.len() > 0 {
            let due = schedule.due(start.elapsed());
            while sent < due {
                let Some(number) = free.pop_front() else { break };
                asked[number] = schedule.intended(sent);
                sent += 1;
                if crowd.ask(number, self.answer) == Progress::Lost {
                    crowd.part(number);
                }
            }
            if sent == due && sent < schedule.total() {
                let wait = schedule.intended(sent).saturating_sub(start.elapsed());
                crowd.wake_after(wait).map_err(failed())?;
            }
            let news = crowd.turn(GLANCE).map_err(failed())?.to_vec();
            let now = start.elapsed();
            for (number, progress) in &news {
                if *progress == Progress::Answered {
                    timing.record(now.saturating_sub(asked[*number]));
                    done += 1;
                    free.push_back(*number);
                } else {
                    crowd.part(*number);
                    free.retain(|other| other != number);
                }
            }
            if !endurance.lasts(!news.is_empty())? {
                break;
            }
        }
        Ok(Outcome { wanted: schedule.total(), done, timing })
    }
}
