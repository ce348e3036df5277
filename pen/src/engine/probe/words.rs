//! The line of an agent: a number from 0 to 100, which is a load, or the words of `HAProxy`'s agent check.

use common::command::AdminState;
use common::escape::Line;

use super::super::health::{AgentAnswer, Condition};

/// So much of a word is told if it is not understood, in bytes.
const TOLD_MOST: usize = 40;

/// So much of what stands behind a `#` is kept, in bytes.
const REASON_MOST: usize = 80;

/// Reads a line without its end. Words are separated by blanks, tabs and commas; of several that speak of the same matter the
/// last one counts. Fails with a reason; then none of the words counts.
pub(super) fn read(line: &[u8]) -> Result<AgentAnswer, String> {
    let (said, reason) = match line.iter().position(|byte| *byte == b'#') {
        Some(sharp) => (&line[..sharp], line[sharp + 1..].trim_ascii()),
        None => (line, &b""[..]),
    };
    let words = said.split(|byte| matches!(byte, b' ' | b'\t' | b',')).filter(|word| !word.is_empty());
    let mut answer = AgentAnswer::default();
    for word in words {
        let known = str::from_utf8(word).is_ok_and(|word| take(&mut answer, &word.to_ascii_lowercase()));
        if !known {
            return Err(unknown(word));
        }
    }
    if answer == AgentAnswer::default() {
        return Err("the agent said nothing".to_owned());
    }
    answer.reason = (!reason.is_empty()).then(|| told(reason, REASON_MOST).into());
    Ok(answer)
}

/// Takes a word in lower case; false if it makes no sense.
fn take(answer: &mut AgentAnswer, word: &str) -> bool {
    match word {
        "up" => answer.condition = Some(Condition::Up),
        "down" | "fail" | "failed" | "stopped" => answer.condition = Some(Condition::Down),
        "ready" => answer.admin = Some(AdminState::Ready),
        "drain" => answer.admin = Some(AdminState::Drain),
        "maint" => answer.admin = Some(AdminState::Maint),
        _ => return take_number(answer, word).is_some(),
    }
    true
}

/// Takes a load, a percentage or a limit.
fn take_number(answer: &mut AgentAnswer, word: &str) -> Option<()> {
    if let Some(limit) = word.strip_prefix("maxconn:") {
        answer.max = Some(u32::try_from(number(limit)?).ok()?);
        return Some(());
    }
    let share = match word.strip_suffix('%') {
        Some(percent) => number(percent)?.min(100),
        // A load: the rest is free.
        None => 100_u64.checked_sub(number(word)?)?,
    };
    answer.share = Some(u8::try_from(share).ok()?);
    Some(())
}

/// A number of digits alone, or the greatest one.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

fn unknown(word: &[u8]) -> String {
    format!(
        "the agent said '{}': a number from 0 to 100, a percentage, up, down, ready, drain, maint or maxconn:N is expected",
        told(word, TOLD_MOST)
    )
}

/// A text of the agent for people: one line, cut after so many bytes.
fn told(text: &[u8], most: usize) -> String {
    let mut told = Line(String::from_utf8_lossy(text)).to_string();
    if told.len() > most {
        told.truncate(told.floor_char_boundary(most));
        told.push_str("...");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> AgentAnswer {
        read(line.as_bytes()).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    fn share(percent: u8) -> AgentAnswer {
        AgentAnswer { share: Some(percent), ..AgentAnswer::default() }
    }

    #[test]
    fn a_number_is_a_load_and_a_percentage_what_is_free() {
        for (line, percent) in [
            ("0", 100),
            ("30", 70),
            ("100", 0),
            ("007", 93),
            ("0%", 0),
            ("75%", 75),
            ("100%", 100),
            ("101%", 100),
            ("99999999999999999999999%", 100),
        ] {
            assert_eq!(answer(line), share(percent), "{line}");
        }
    }

    #[test]
    fn each_word_speaks_of_one_matter() {
        let condition = |condition| AgentAnswer { condition: Some(condition), ..AgentAnswer::default() };
        let admin = |admin| AgentAnswer { admin: Some(admin), ..AgentAnswer::default() };
        let max = |max| AgentAnswer { max: Some(max), ..AgentAnswer::default() };
        for (line, expected) in [
            ("up", condition(Condition::Up)),
            ("down", condition(Condition::Down)),
            ("fail", condition(Condition::Down)),
            ("failed", condition(Condition::Down)),
            ("STOPPED", condition(Condition::Down)),
            ("ready", admin(AdminState::Ready)),
            ("Drain", admin(AdminState::Drain)),
            ("maint", admin(AdminState::Maint)),
            ("maxconn:30", max(30)),
            ("maxconn:0", max(0)),
            ("maxconn:4294967295", max(u32::MAX)),
        ] {
            assert_eq!(answer(line), expected, "{line}");
        }
    }

    #[test]
    fn words_come_together_and_the_last_one_of_a_matter_counts() {
        let expected = AgentAnswer {
            condition: Some(Condition::Up),
            admin: Some(AdminState::Ready),
            share: Some(75),
            max: Some(30),
            reason: None,
        };
        for line in [
            "up ready 75% maxconn:30",
            "maxconn:30,ready,,up\t75%",
            " down drain 10 75%, up ready maxconn:30 ",
        ] {
            assert_eq!(answer(line), expected, "{line}");
        }
    }

    #[test]
    fn what_follows_a_sharp_is_for_people() {
        let reason = |line| answer(line).reason.unwrap_or_default().to_string();
        assert_eq!(reason("down # disk full, 75% "), "disk full, 75%");
        assert_eq!(reason("down#\u{1b}[31m"), r"\u{1b}[31m");
        assert_eq!(reason("drain #"), "");
        assert_eq!(reason(&format!("down #{}", "x".repeat(81))), format!("{}...", "x".repeat(80)));
        assert_eq!(read(b"# up"), Err("the agent said nothing".to_owned()));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for word in [
            "xyz",
            "101",
            "-1",
            "1.5",
            "%",
            "75%%",
            "+5",
            "maxconn",
            "maxconn:",
            "maxconn:-1",
            "maxconn:4294967296",
            "up!",
        ] {
            let expected = format!(
                "the agent said '{word}': a number from 0 to 100, a percentage, up, down, ready, drain, maint or maxconn:N is expected"
            );
            assert_eq!(read(format!("ready {word} 75%").as_bytes()), Err(expected));
        }
        let error = read(b"\xff\x1b[2J").unwrap_err();
        assert!(error.starts_with("the agent said '\u{fffd}\\u{1b}[2J': "), "{error}");
        let error = read(&[b'x'; 1000]).unwrap_err();
        assert!(error.starts_with(&format!("the agent said '{}...': a number", "x".repeat(40))), "{error}");
        assert_eq!(read(b" \t,"), Err("the agent said nothing".to_owned()));
    }
}
