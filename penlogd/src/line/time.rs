//! Points in time as logs write them, in microseconds since 1970, and Common Log Format's in UTC. Years 1970 to 9999; a
//! leap second is the second after it.

use std::io::Write as _;

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
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let month = MONTHS[month];
    // Writing to memory cannot fail.
    let _ = write!(out, "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02}");
    let fraction = text.get(20..).and_then(|rest| rest.split(|byte| *byte == b' ').next());
    out.extend_from_slice(fraction.unwrap_or_default());
    out.extend_from_slice(b" +0000");
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
    let east = match rest.trim_ascii_start() {
        b"" => yearless.map_or(0, |yearless| yearless.offset.into()),
        zone => offset(zone)?,
    };
    Some(time(days * DAY + seconds - east, fraction))
}

/// Reads Unix time: seconds, perhaps with a fraction, or, told apart by their size, milli-, micro- or nanoseconds.
fn unix(text: &[u8]) -> Option<Stamp> {
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number: i64 = std::str::from_utf8(&text[..whole]).ok()?.parse().ok()?;
    let (part, rest) = fraction(&text[whole..])?;
    if !rest.is_empty() {
        return None;
    }
    let micros = match number {
        0..100_000_000_000 => return Some(time(number, part)),
        100_000_000_000..100_000_000_000_000 => number * 1000,
        100_000_000_000_000..100_000_000_000_000_000 => number,
        _ => number / 1000,
    };
    Some(Stamp { micros, fine: true })
}

/// Reads `Nov 21 14:31:53` or `Nov  1 14:31:53`.
fn syslog(text: &[u8], yearless: Yearless) -> Option<Stamp> {
    let &[m1, m2, m3, b' ', d1, d2, b' ', h1, h2, b':', i1, i2, b':', s1, s2] = text else { return None };
    let month = month([m1, m2, m3])?;
    let day = number(&[if d1 == b' ' { b'0' } else { d1 }, d2])?;
    let seconds = seconds([h1, h2], [i1, i2], [s1, s2])?;
    let latest = yearless.now.div_euclid(MICROS).checked_add(DAY)?;
    let (year, ..) = date(latest.div_euclid(DAY));
    let east = i64::from(yearless.offset);
    // The zone may make it the next year there already. A 29th of February may be eight years ago.
    (year - 8..=year + 1).rev().find_map(|year| {
        let then = days(year, month, day)? * DAY + seconds - east;
        (then <= latest).then(|| time(then, None))
    })
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
