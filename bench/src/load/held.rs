//! Connections that are open, and idle after one request and answer.

use super::client::Progress;
use super::crowd::Crowd;
use super::{Endurance, GLANCE, Target, source};
use crate::{Error, Result};

/// How many connect at a time, so that no queue overflows.
const AT_ONCE: usize = 200;

/// Connections that stay open as long as the value lives.
pub struct Held {
    /// How many there should be.
    pub wanted: u32,
    /// How many there are.
    pub open: u32,
    _crowd: Crowd,
}

impl Held {
    /// Opens so many, from 100 source addresses.
    pub fn open(target: &Target, wanted: u32) -> Result<Held> {
        let failed = || Error::doing("idle clients");
        let mut crowd = Crowd::new(target).map_err(failed())?;
        let mut endurance = Endurance::new();
        let (mut started, mut open, mut busy) = (0, 0, 0);
        while started < wanted || busy > 0 {
            while started < wanted && busy < AT_ONCE {
                let number = crowd.dial(Some(source(started % 100))).map_err(failed())?;
                crowd.ask(number, 512);
                started += 1;
                busy += 1;
            }
            let news = crowd.turn(GLANCE).map_err(failed())?.to_vec();
            for (number, progress) in &news {
                busy -= 1;
                match progress {
                    Progress::Answered => open += 1,
                    _ => crowd.part(*number),
                }
            }
            if !endurance.lasts(!news.is_empty())? {
                break;
            }
        }
        Ok(Held { wanted, open, _crowd: crowd })
    }
}
