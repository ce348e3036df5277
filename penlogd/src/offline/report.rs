//! What is told when all is merged: what could not be read, and what was no line or no record.

use super::merge::Merge;
use super::web_log::{Counts, WebLog};

/// The lines for standard error.
pub fn lines(merge: &Merge, tells_counts: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if tells_counts {
        lines.extend(merge.logs.iter().map(counts));
    }
    let rejects = merge.rejects.place().map(ToString::to_string);
    lines.extend(merge.logs.iter().filter_map(|log| rejected(log, rejects.as_deref())));
    lines.extend(bad_records(merge));
    lines.extend(no_client(merge));
    lines.extend(failures(merge));
    lines
}

/// Whether all files could be read to their ends.
pub fn is_complete(merge: &Merge) -> bool {
    failures(merge).next().is_none()
}

fn counts(log: &WebLog) -> String {
    let Counts { exact, likely, unknown, rejected } = log.counts;
    let WebLog { place, server, .. } = log;
    format!("{place} of {server}: {exact} exact, {likely} likely, {unknown} unknown, {rejected} rejected")
}

fn rejected(log: &WebLog, rejects: Option<&str>) -> Option<String> {
    let place = &log.place;
    let what = match log.counts.rejected {
        0 => return None,
        1 => "1 line without a time is".to_owned(),
        count => format!("{count} lines without a time are"),
    };
    Some(match rejects {
        Some(rejects) => format!("{place}: {what} in {rejects}"),
        None => format!("{place}: {what} left out: -r FILE would keep such lines"),
    })
}

fn bad_records(merge: &Merge) -> Option<String> {
    let log = &merge.records.log;
    let (line, error) = log.bad.first?;
    let what = match log.bad.count {
        1 => "1 line is no record".to_owned(),
        count => format!("{count} lines are no records"),
    };
    Some(format!("{}: {what}, first line {line}: {error}", log.place))
}

/// It is not worth a word where some lines find none; but if all do, the command line is wrong.
fn no_client(merge: &Merge) -> Option<String> {
    let sum = |count: fn(&Counts) -> u64| merge.logs.iter().map(|log| count(&log.counts)).sum::<u64>();
    let (known, unknown) = (sum(|counts| counts.exact + counts.likely), sum(|counts| counts.unknown));
    let log = &merge.records.log;
    let is_strange = known == 0 && unknown > 0 && log.records > 0;
    let place = &log.place;
    is_strange.then(|| {
        format!(
            "no line has a client: are these servers those of {place}, and clocks within the jitter (-j, -t)?"
        )
    })
}

fn failures(merge: &Merge) -> impl Iterator<Item = String> + '_ {
    let logs = merge.logs.iter().map(|log| (&log.place, log.failure()));
    let failed = logs.chain([(&merge.records.log.place, merge.records.log.failure())]);
    failed.filter_map(|(place, error)| {
        let reason = common::reason(error?);
        Some(format!("cannot read {place} to its end: {reason}; what could be read is merged"))
    })
}
