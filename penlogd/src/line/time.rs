//! Points in time as logs write them, in microseconds since 1970, and Common Log Format's in UTC. Years 1970 to 9999; a
//! leap second is the second after it.

use super::{Stamp, Yearless};

const MICROS: i64 = 1_000_000;
const DAY: i64 = 24 * 60 * 60;

/// Reads a time of any known form, perhaps in brackets: Common Log Format, ISO 8601, Unix time, and, if it is said how to
/// complete it, syslog's `Nov 21 14:31:53`. ISO 8601 without a zone is in the given zone, or in UTC.
pub(super) fn read(text: &[u8], yearless: Option<Yearless>) -> Option<Stamp> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    match text {
        [_, _, b'/', ..] => common(text),
        [_, _, _, _, b'-', ..] => iso(text, yearless),
        [b'0'..=b'9', ..] => unix(text),
        _ => syslog(text, yearless?),
    }
}

/// Reads `14/Nov/2023:22:13:20 +0000`, perhaps with a fraction behind the seconds.
pub(super) fn common(text: &[u8]) -> Option<Stamp> {
    let (&head, rest) = text.split_first_chunk::<20>()?;
    let [d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':', h1, h2, b':', i1, i2, b':', s1, s2] = head
    else {
        return None;
    };
    let days = days(number(&[y1, y2, y3, y4])?, month([m1, m2, m3])?, number(&[d1, d2])?)?;
    let seconds = seconds([h1, h2], [i1, i2], [s1, s2])?;
    let (fraction, rest) = fraction(rest)?;
    let east = offset(rest.strip_prefix(b" ")?)?;
    Some(time(days * DAY + seconds - east, fraction))
}

/// Appends Common Log Format's text of a time in UTC as `+0000`, in place of `text`, whose fraction is kept.
pub(super) fn write_common(time: Stamp, text: &[u8], out: &mut Vec<u8>) {
    if text.ends_with(b" +0000") {
        out.extend_from_slice(text);
        return;
    }
    let seconds = time.micros.div_euclid(MICROS);
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let year = [two(year / 100), two(year)];
    for (text, end) in [
        (&two(day)[..], b'/'),
        (MONTHS[month].as_bytes(), b'/'),
        (year.as_flattened(), b':'),
        (&two(second / 3600), b':'),
        (&two(second / 60 % 60), b':'),
    ] {
        out.extend_from_slice(text);
        out.push(end);
    }
    out.extend_from_slice(&two(second % 60));
    let fraction = text.get(20..).and_then(|rest| rest.split(|byte| *byte == b' ').next());
    out.extend_from_slice(fraction.unwrap_or_default());
    out.extend_from_slice(b" +0000");
}

/// The last two digits of a number that is not negative.
fn two(number: i64) -> [u8; 2] {
    [number / 10, number].map(|number| b'0' + u8::try_from(number % 10).unwrap_or(0))
}

/// Reads `2023-11-14T22:13:20.5+01:00` and its variants: a space for the `T`, a comma for the dot, `Z`, `+0100`, `+01` or
/// nothing for the zone.
fn iso(text: &[u8], yearless: Option<Yearless>) -> Option<Stamp> {
    let (&head, rest) = text.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', h1, h2, b':', i1, i2, b':', s1, s2] =
        head
    else {
        return None;
    };
    let days = days(number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?)?;
    let seconds = seconds([h1, h2], [i1, i2], [s1, s2])?;
    let (fraction, rest) = fraction(rest)?;
    let shown = days * DAY + seconds;
    let moment = match (rest.trim_ascii_start(), yearless) {
        (b"", Some(yearless)) => yearless.in_utc(shown),
        (b"", None) => shown,
        (zone, _) => shown - offset(zone)?,
    };
    Some(time(moment, fraction))
}

/// Reads Unix time: seconds, perhaps with a fraction, or, told apart by their size, milli-, micro- or nanoseconds. Before
/// 1973 it is no point in time but how long something took.
fn unix(text: &[u8]) -> Option<Stamp> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number: i64 = std::str::from_utf8(&text[..whole]).ok()?.parse().ok()?;
    let (part, rest) = fraction(&text[whole..])?;
    if !rest.is_empty() {
        return None;
    }
    let micros = match number {
        ..100_000_000 => return None,
        100_000_000..100_000_000_000 => return Some(time(number, part)),
        100_000_000_000..100_000_000_000_000 => number * 1000,
        100_000_000_000_000..100_000_000_000_000_000 => number,
        _ => number / 1000,
    };
    Some(Stamp { micros, fine: true })
}

/// Whether it is `Nov 21 14:31:53` or the like.
pub(super) fn is_syslogs(text: &[u8]) -> bool {
    const A_LEAP_YEAR: i64 = 2000;
    syslogs(text).is_some_and(|(month, day, _)| days(A_LEAP_YEAR, month, day).is_some())
}

/// Reads `Nov 21 14:31:53`.
fn syslog(text: &[u8], yearless: Yearless) -> Option<Stamp> {
    let (month, day, seconds) = syslogs(text)?;
    let latest = yearless.now.div_euclid(MICROS).checked_add(DAY)?;
    let (year, ..) = date(latest.div_euclid(DAY));
    // The zone may make it the next year there already. A 29th of February may be eight years ago.
    (year - 8..=year + 1).rev().find_map(|year| {
        let then = yearless.in_utc(days(year, month, day)? * DAY + seconds);
        (then <= latest).then(|| time(then, None))
    })
}

impl Yearless {
    /// The moment at which clocks of the zone show this time. Of two such moments it is either; where there is none, as when
    /// summer time begins, it is an hour off.
    fn in_utc(self, shown: i64) -> i64 {
        let east = |moment| i64::from((self.east)(moment));
        shown - east(shown - east(shown))
    }
}

/// The month, the day and the second of that day of `Nov 21 14:31:53` or `Nov  1 14:31:53`.
fn syslogs(text: &[u8]) -> Option<(i64, i64, i64)> {
    let &[m1, m2, m3, b' ', d1, d2, b' ', h1, h2, b':', i1, i2, b':', s1, s2] = text else { return None };
    let day = number(&[if d1 == b' ' { b'0' } else { d1 }, d2])?;
    Some((month([m1, m2, m3])?, day, seconds([h1, h2], [i1, i2], [s1, s2])?))
}

fn time(seconds: i64, fraction: Option<i64>) -> Stamp {
    // Callers' seconds have at most eleven digits.
    Stamp { micros: seconds.saturating_mul(MICROS) + fraction.unwrap_or(0), fine: fraction.is_some() }
}

fn seconds(hour: [u8; 2], minute: [u8; 2], second: [u8; 2]) -> Option<i64> {
    let (hour, minute, second) = (number(&hour)?, number(&minute)?, number(&second)?);
    (hour <= 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// `.123456789` in microseconds, and what follows.
fn fraction(text: &[u8]) -> Option<(Option<i64>, &[u8])> {
    let [b'.' | b',', rest @ ..] = text else { return Some((None, text)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at(length);
    let six = digits.iter().map(|digit| i64::from(digit - b'0')).chain(std::iter::repeat(0)).take(6);
    let micros = six.fold(0, |micros, digit| micros * 10 + digit);
    (length > 0).then_some((Some(micros), rest))
}

/// Seconds east of UTC: `Z`, `+0100`, `+01:00` or `+01`.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, h, m) = match *text {
        [b'Z' | b'z'] => return Some(0),
        [sign, h1, h2] => (sign, [h1, h2], [b'0', b'0']),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, [h1, h2], [m1, m2]),
        _ => return None,
    };
    let (hours, minutes) = (number(&h)?, number(&m)?);
    let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    match sign {
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + i64::from(digit))
    })
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// From 1; letters of any case.
fn month(name: [u8; 3]) -> Option<i64> {
    Some(match name.map(|byte| byte.to_ascii_lowercase()) {
        [b'j', b'a', b'n'] => 1,
        [b'f', b'e', b'b'] => 2,
        [b'm', b'a', b'r'] => 3,
        [b'a', b'p', b'r'] => 4,
        [b'm', b'a', b'y'] => 5,
        [b'j', b'u', b'n'] => 6,
        [b'j', b'u', b'l'] => 7,
        [b'a', b'u', b'g'] => 8,
        [b's', b'e', b'p'] => 9,
        [b'o', b'c', b't'] => 10,
        [b'n', b'o', b'v'] => 11,
        [b'd', b'e', b'c'] => 12,
        _ => return None,
    })
}

/// From 1970 to a date, which must exist. Years are counted from March, so that a leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let longest = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=longest).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = year * 365 + year / 4 - year / 100 + year / 400;
    let before_month = (month * 153 + 2) / 5;
    Some(before_year + before_month + day - 1 - MARCH_0_TO_1970)
}

/// Days from 1 March of the year 0 to 1 January 1970.
const MARCH_0_TO_1970: i64 = 719_468;

/// Year, month (from 0) and day of a day since 1970, the other way round.
fn date(days: i64) -> (i64, usize, i64) {
    const FOUR_CENTURIES: i64 = 146_097;
    let days = days + MARCH_0_TO_1970;
    let (cycle, day) = (days.div_euclid(FOUR_CENTURIES), days.rem_euclid(FOUR_CENTURIES));
    // Without the leap days that came before it, each year has 365.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (day * 5 + 2) / 153;
    let day_of_month = day - (month * 153 + 2) / 5 + 1;
    let year = cycle * 400 + year + i64::from(month >= 10);
    // Twelve months from March.
    (year, usize::try_from((month + 2) % 12).unwrap_or(0), day_of_month)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2023-11-14 22:13:20 UTC
    const T0: i64 = 1_700_000_000;

    fn micros(text: &str) -> Option<i64> {
        read(text.as_bytes(), None).map(|time| time.micros)
    }

    #[test]
    fn forms_of_the_same_time() {
        for text in [
            "14/Nov/2023:22:13:20 +0000",
            "14/NOV/2023:22:13:20 -0000",
            "[15/nov/2023:00:13:20 +0200]",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20",
            "2023-11-14 23:13:20 +0100",
            " 2023-11-14t16:43:20-05:30 ",
            "2023-11-14T21:13:20-01",
            "1700000000",
            "1700000000000",
            "1700000000000000",
            "1700000000000000000",
        ] {
            assert_eq!(micros(text), Some(T0 * MICROS), "{text}");
        }
        for text in [
            "14/Nov/2023:22:13:20.5 +0000",
            "2023-11-14T22:13:20.5000000009Z",
            "2023-11-14 22:13:20,500",
            "1700000000.5",
            "1700000000500",
        ] {
            assert_eq!(
                read(text.as_bytes(), None),
                Some(Stamp { micros: T0 * MICROS + 500_000, fine: true }),
                "{text}"
            );
        }
    }

    #[test]
    fn leap_seconds_and_24_o_clock_are_the_next_second_and_day() {
        assert_eq!(micros("31/Dec/2016:23:59:60 +0000"), micros("01/Jan/2017:00:00:00 +0000"));
        assert_eq!(micros("29/Feb/2024:24:00:00 +0000"), micros("01/Mar/2024:00:00:00 +0000"));
        assert_eq!(micros("31/Dec/9999:24:59:60 -2359"), Some(253_402_390_740 * MICROS));
        assert_eq!(micros("01/Jan/1970:00:00:00 +0100"), Some(-3600 * MICROS));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-",
            "14/Nov/2023:22:13:20",
            "14/Nov/2023:22:13:20 0000",
            "14/Nov/2023:22:13:20 +000",
            "14/Nov/2023:22:13:20 +2400",
            "14/Nov/2023:22:13:20. +0000",
            "14/Nov/2023:25:13:20 +0000",
            "14/Nov/2023:22:60:20 +0000",
            "14/Nov/2023:22:13:61 +0000",
            "31/Nov/2023:22:13:20 +0000",
            "00/Nov/2023:22:13:20 +0000",
            "29/Feb/2023:22:13:20 +0000",
            "29/Feb/2100:22:13:20 +0000",
            "14/Non/2023:22:13:20 +0000",
            "14/Nov/1969:22:13:20 +0000",
            "14/Nov/20x3:22:13:20 +0000",
            "2023-13-14T22:13:20Z",
            "2023-11-14T22:13Z",
            "2023-11-14T22:13:20UTC",
            "1700000000x",
            "0.005",
            "1700000000.",
            "99999999999999999999",
            "Nov 21 14:31:53",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    #[test]
    fn a_29th_of_february_is_the_latest_that_there_was() {
        let yearless = Yearless { now: T0 * MICROS, east: |_| 0 };
        let time = read(b"Feb 29 00:00:00", Some(yearless)).unwrap();
        assert_eq!(Some(time.micros), micros("2020-02-29T00:00:00Z"));
        let new_year = Yearless { now: micros("2023-12-31T23:30:00Z").unwrap(), east: |_| 3600 };
        let time = read(b"Jan  1 00:30:00", Some(new_year)).unwrap();
        assert_eq!(time.micros, new_year.now);
        for now in [i64::MIN, i64::MAX] {
            assert_eq!(read(b"Feb 29 00:00:00", Some(Yearless { now, east: |_| i32::MIN })), None);
        }
    }

    #[test]
    fn summers_times_are_not_winters() {
        const SUMMER: std::ops::Range<i64> = 1_679_792_400..1_698_541_200;
        let east = |moment| if SUMMER.contains(&moment) { 7200 } else { 3600 };
        let yearless = Yearless { now: T0 * MICROS, east };
        for (shown, utc) in [
            ("2023-03-26T01:59:59", "2023-03-26T00:59:59Z"),
            ("2023-03-26T03:00:00", "2023-03-26T01:00:00Z"),
            ("2023-10-29T01:59:59", "2023-10-28T23:59:59Z"),
            ("2023-10-29T03:00:00", "2023-10-29T02:00:00Z"),
            ("Jul 14 12:00:00", "2023-07-14T10:00:00Z"),
            ("Nov 14 12:00:00", "2023-11-14T11:00:00Z"),
        ] {
            assert_eq!(
                read(shown.as_bytes(), Some(yearless)).map(|time| time.micros),
                micros(utc),
                "{shown}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_day_has_its_date(day in -100_000i64..3_000_000) {
            use chrono::Datelike;
            let other = chrono::NaiveDate::from_epoch_days(i32::try_from(day).unwrap()).unwrap();
            let (year, month, day_of_month) = date(day);
            prop_assert_eq!((year, month), (other.year().into(), usize::try_from(other.month0()).unwrap()));
            prop_assert_eq!(day_of_month, i64::from(other.day()));
            let there = days(year, i64::try_from(month).unwrap() + 1, day_of_month);
            prop_assert_eq!(there, Some(day).filter(|_| (1970..=9999).contains(&year)));
        }

        #[test]
        fn times_in_utc_are_the_same_times(
            seconds in 0i64..253_402_300_000,
            hours in -23i64..=23,
            minutes in 0i64..60,
        ) {
            let stamp = Stamp { micros: seconds * MICROS, fine: false };
            let mut utc = Vec::new();
            write_common(stamp, b"", &mut utc);
            prop_assert_eq!(common(&utc), Some(stamp));
            let zone = format!(" {}{:02}{minutes:02}", if hours < 0 { '-' } else { '+' }, hours.abs());
            let there = String::from_utf8(utc.clone()).unwrap().replace(" +0000", &zone);
            let read = common(there.as_bytes()).unwrap();
            let east = if hours < 0 { hours * 60 - minutes } else { hours * 60 + minutes } * 60;
            prop_assert_eq!(read.micros, (seconds - east) * MICROS);
            let mut again = Vec::new();
            write_common(read, there.as_bytes(), &mut again);
            prop_assert!(again.ends_with(b" +0000"));
            if read.micros >= 0 {
                prop_assert_eq!(common(&again), Some(read));
            }
        }
    }
}
