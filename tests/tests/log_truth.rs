//! Merged logs name the right client, every line: the short form of `scripts/bench/logs`.

use std::time::Duration;

use pen_tests::alone;
use pen_tests::truth::{Case, Formats, Merger, Mode, Programs};

#[track_caller]
fn every_line_is_right(merger: Merger, mode: Mode) {
    let _alone = alone();
    let outcome = Case {
        merger,
        programs: Programs::default(),
        connections: true,
        formats: Formats::WithPorts,
        mode,
        rate: 1_000.0,
        duration: Duration::from_secs(2),
        service: Duration::from_millis(20),
        least: Duration::ZERO,
        unlogged: 0.1,
        distinct: false,
        seed: 3,
    }
    .run();
    assert!(outcome.logged > 1_000, "{outcome:#?}");
    assert!(outcome.is_perfect(), "{outcome:#?}");
    assert_eq!(outcome.complaints, "");
}

#[test]
fn penlogd_names_the_client_of_every_line_whatever_way_connections_are_used() {
    every_line_is_right(Merger::Penlogd, Mode::Mixed);
}

#[test]
fn mergelogs_names_the_client_of_every_line_whatever_way_connections_are_used() {
    every_line_is_right(Merger::Mergelogs, Mode::Mixed);
}
