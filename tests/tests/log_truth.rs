//! Merged logs name the right client, every line: the short form of `scripts/bench-logs`.

use std::fs;
use std::time::Duration;

use pen_tests::truth::{Case, Formats, Merger, Mode, Programs};
use pen_tests::{alone, in_own_network};

fn case(merger: Merger, mode: Mode) -> Case {
    Case {
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
}

#[track_caller]
fn every_line_is_right(case: Case) {
    let _alone = alone();
    let tells_ports = case.merger == Merger::Penlogd;
    let outcome = case.run();
    assert!(outcome.logged > 1_000, "{outcome:#?}");
    // Files have whole seconds, in which a client may have had pen's port twice, and asked for the same thing: the client is
    // known then, but not which of its ports it was.
    let is_right = if tells_ports { outcome.is_perfect() } else { outcome.names_every_client() };
    assert!(is_right, "{outcome:#?}");
    assert_eq!(outcome.complaints, "");
}

/// pen's ports are so few that each is used again after about two seconds: for a connection of another client.
fn with_few_ports(case: Case) {
    in_own_network(|| {
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40299").unwrap();
        every_line_is_right(Case { rate: 300.0, duration: Duration::from_secs(5), ..case });
    });
}

#[test]
fn penlogd_names_the_client_of_every_line_whatever_way_connections_are_used() {
    every_line_is_right(case(Merger::Penlogd, Mode::Mixed));
}

#[test]
fn mergelogs_names_the_client_of_every_line_whatever_way_connections_are_used() {
    every_line_is_right(case(Merger::Mergelogs, Mode::Mixed));
}

#[test]
fn penlogd_tells_connections_from_earlier_ones_with_the_same_port() {
    with_few_ports(case(Merger::Penlogd, Mode::Single));
}

#[test]
fn mergelogs_tells_connections_from_earlier_ones_with_the_same_port() {
    with_few_ports(case(Merger::Mergelogs, Mode::Single));
}
