//! The comparison.

use pen_tests::{End, WebServer};

use super::case::{Case, Fate, cases};
use super::site::{Outcome, Way, apache, nginx, outcomes};

#[test]
fn nginx_frames_what_pen_passes_on_as_it_does_without_pen() {
    compare(nginx);
}

#[test]
fn apache_frames_what_pen_passes_on_as_it_does_without_pen() {
    compare(apache);
}

fn compare(server: fn() -> WebServer) {
    let cases = cases();
    let direct = outcomes(&cases, server(), Way::Direct);
    let through = outcomes(&cases, server(), Way::Pen);
    let complaints: Vec<String> = (cases.iter().zip(direct.iter().zip(&through)))
        .filter_map(|(case, (direct, through))| {
            let wrong = complaint(case, direct, through)?;
            Some(format!(
                "{} ({:?}): {wrong}\n  direct  {:?}\n  through {:?}\n  answer  {:?}",
                case.name,
                case.fate,
                direct.seen,
                through.seen,
                (through.answer.text().lines().next(), through.answer.end),
            ))
        })
        .collect();
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.len(), complaints.join("\n"));
    // If nothing arrived anywhere, all would be alike.
    let canaries = through.iter().filter(|outcome| has_canary(outcome)).count();
    let framed = cases.iter().filter(|case| matches!(case.fate, Fate::Framed(_))).count();
    assert!(canaries > 0 && framed > 0, "{canaries} canaries, {framed} framed");
}

/// What is wrong with the outcome.
fn complaint(case: &Case, direct: &Outcome, through: &Outcome) -> Option<String> {
    let refused = is_refusal(&through.answer.bytes);
    let wrong = match case.fate {
        // A server that refuses what pen passes on agrees, or is more careful.
        Fate::Framed(count) if through.seen != direct.seen => format!("{count} requests"),
        Fate::Framed(count) if has_canary(through) && through.seen.len() != count + 1 => {
            format!("{count} requests and a canary")
        }
        Fate::Framed(_) if !has_canary(through) && !refused_by_server(through) => "no canary".into(),
        Fate::Passed if through.seen != direct.seen => "passed on otherwise".into(),
        Fate::Refused { after } if through.seen.len() != after => format!("{after} requests before"),
        Fate::Refused { after } if through.seen[..] != direct.seen[..after.min(direct.seen.len())] => {
            "others before".into()
        }
        Fate::Refused { after: 0 } if !refused => "no refusal".into(),
        Fate::Cut if through.seen.len() > 1 || has_canary(through) => "more than one request".into(),
        Fate::Closed if !through.seen.is_empty() || !through.answer.bytes.is_empty() => "not closed".into(),
        _ if through.answer.end != End::Eof => "no ordinary close".into(),
        _ => return None,
    };
    Some(wrong)
}

fn has_canary(outcome: &Outcome) -> bool {
    outcome.seen.iter().any(|request| request.contains("/canary"))
}

fn refused_by_server(outcome: &Outcome) -> bool {
    outcome.seen.last().is_some_and(|request| request.starts_with('4') || request.starts_with("501"))
}

fn is_refusal(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 4") && answer.windows(4).filter(|bytes| bytes == b"HTTP").count() == 1
}
