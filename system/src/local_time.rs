//! Local time that survives a chroot: the time zone is read once, at the start, and kept by the C library. (The
//! chrono crate reads the zone in every thread anew, and falls back to UTC where the file is out of reach.)
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment as the clock on the wall shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// As people count them.
    pub year: i64,
    /// From 1.
    pub month: u32,
    /// From 1.
    pub day: u32,
    /// From 0.
    pub hour: u32,
    /// From 0.
    pub minute: u32,
    /// From 0; 60 in a leap second.
    pub second: u32,
}

unsafe extern "C" {
    // Not among the libc crate's functions for Linux.
    fn tzset();
}

/// Reads the system's time zone, while its files are in reach. To be called once, before any thread exists.
pub fn read_zone() {
    // SAFETY: called before any thread exists, so nobody changes the environment or reads the zone meanwhile.
    unsafe { tzset() };
}

impl LocalTime {
    /// Local time at `moment`.
    pub fn at(moment: SystemTime) -> LocalTime {
        let tm = broken_down(moment);
        let field = |value: libc::c_int| u32::try_from(value).unwrap_or(0);
        LocalTime {
            year: i64::from(tm.tm_year) + 1900,
            month: field(tm.tm_mon) + 1,
            day: field(tm.tm_mday),
            hour: field(tm.tm_hour),
            minute: field(tm.tm_min),
            second: field(tm.tm_sec),
        }
    }
}

/// How far the zone is east of UTC at `moment`, in seconds.
pub fn seconds_east(moment: SystemTime) -> i32 {
    i32::try_from(broken_down(moment).tm_gmtoff).unwrap_or(0)
}

fn broken_down(moment: SystemTime) -> libc::tm {
    let seconds = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let mut broken_down = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call, and all-zero is a valid `tm` should the call fail.
    unsafe {
        libc::localtime_r(&raw const seconds, broken_down.as_mut_ptr());
        broken_down.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{DateTime, Datelike, Local, Timelike};

    use super::*;

    #[test]
    fn the_clock_agrees_with_chronos_in_winter_and_summer() {
        for seconds in [0, 951_782_399, 1_479_638_525, 1_750_000_000, 4_102_444_800] {
            let moment = UNIX_EPOCH + Duration::from_secs(seconds);
            let expected = DateTime::<Local>::from(moment);
            let expected = LocalTime {
                year: expected.year().into(),
                month: expected.month(),
                day: expected.day(),
                hour: expected.hour(),
                minute: expected.minute(),
                second: expected.second(),
            };
            assert_eq!(LocalTime::at(moment), expected);
            let offset = DateTime::<Local>::from(moment).offset().local_minus_utc();
            assert_eq!(seconds_east(moment), offset);
        }
    }
}
