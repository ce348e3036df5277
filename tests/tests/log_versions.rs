//! The log programs beside those of pen 0.34.1: whichever of them is the old one, every line comes out with its client.
//!
//! The servers log no ports, as they did for 0.34.1, so it is the request's text that tells whose a line is; every
//! request is for a page of its own, so that it can.

use std::time::Duration;

use pen_tests::alone;
use pen_tests::truth::{Case, Format, Formats, Merger, Mode, Outcome, Programs, Version};

const ALL_NEW: Programs = Programs { pen: Version::New, merger: Version::New, penlog: None };

#[track_caller]
fn merged(merger: Merger, programs: Programs, connections: bool, mode: Mode) -> Outcome {
    let _alone = alone();
    let outcome = Case {
        merger,
        programs,
        connections,
        formats: Formats::All(Format::NoPort),
        mode,
        rate: 300.0,
        duration: Duration::from_secs(1),
        service: Duration::from_millis(20),
        // The old penlogd does not wait for a record that comes after its line, as ours does.
        least: Duration::from_millis(if programs.merger == Version::Old { 30 } else { 0 }),
        unlogged: 0.1,
        distinct: true,
        seed: 5,
    }
    .run();
    assert!(outcome.logged > 100, "{outcome:#?}");
    assert!(outcome.is_perfect(), "{outcome:#?}");
    outcome
}

#[test]
fn our_pen_and_our_penlogd_need_no_ports_when_every_request_is_another() {
    merged(Merger::Penlogd, ALL_NEW, false, Mode::Mixed);
}

#[test]
fn our_pen_and_our_mergelogs_need_no_ports_when_every_request_is_another() {
    merged(Merger::Mergelogs, ALL_NEW, false, Mode::Mixed);
}

#[test]
fn our_penlogd_understands_the_old_pen() {
    // Of requests that come at once, the old pen records the first only.
    merged(Merger::Penlogd, Programs { pen: Version::Old, ..ALL_NEW }, false, Mode::KeepAlive);
}

#[test]
fn the_old_penlogd_understands_our_pen() {
    merged(Merger::Penlogd, Programs { merger: Version::Old, ..ALL_NEW }, false, Mode::Mixed);
}

#[test]
fn the_old_penlogd_is_not_misled_by_connection_records() {
    let outcome = merged(Merger::Penlogd, Programs { merger: Version::Old, ..ALL_NEW }, true, Mode::Mixed);
    assert!(
        outcome.complaints.lines().all(|line| line.is_empty() || line.contains("= 127.1.")),
        "{outcome:#?}"
    );
}

#[test]
fn our_penlogd_understands_the_old_penlog() {
    merged(Merger::Penlogd, Programs { penlog: Some(Version::Old), ..ALL_NEW }, false, Mode::Mixed);
}

#[test]
fn the_old_penlogd_understands_our_penlog() {
    let programs = Programs { merger: Version::Old, penlog: Some(Version::New), ..ALL_NEW };
    merged(Merger::Penlogd, programs, false, Mode::Mixed);
}

#[test]
fn our_penlog_serves_our_penlogd() {
    merged(Merger::Penlogd, Programs { penlog: Some(Version::New), ..ALL_NEW }, false, Mode::Mixed);
}

#[test]
fn our_mergelogs_reads_the_old_pens_log() {
    merged(Merger::Mergelogs, Programs { pen: Version::Old, ..ALL_NEW }, false, Mode::KeepAlive);
}

#[test]
fn the_old_mergelogs_reads_our_pens_log() {
    merged(Merger::Mergelogs, Programs { merger: Version::Old, ..ALL_NEW }, false, Mode::Mixed);
}

#[test]
fn the_old_mergelogs_is_not_misled_by_connection_records() {
    merged(Merger::Mergelogs, Programs { merger: Version::Old, ..ALL_NEW }, true, Mode::Mixed);
}

/// All programs of 0.34.1, which shows that these tests ask nothing new of them.
#[test]
fn the_old_programs_agree_with_each_other() {
    let old = Programs { pen: Version::Old, merger: Version::Old, penlog: Some(Version::Old) };
    merged(Merger::Penlogd, old, false, Mode::KeepAlive);
    merged(Merger::Mergelogs, old, false, Mode::KeepAlive);
}
