use std::collections::{BTreeMap, BTreeSet};

use super::super::sample;
use super::*;

/// The samples: series to value.
fn samples(text: &str) -> BTreeMap<&str, &str> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(samples.insert(series, value).is_none(), "{series} is there twice");
    }
    samples
}

/// The name of the family that a line belongs to.
fn family(line: &str) -> &str {
    let name = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
    name.split([' ', '{']).next().unwrap()
}

fn families(text: &str) -> BTreeSet<&str> {
    text.lines().map(family).collect()
}

#[test]
fn a_family_is_told_in_one_piece_with_its_help_and_its_type() {
    let two = vec![sample::service("web"), sample::service("mail")];
    let text = render(&Snapshot { services: two, ..sample::snapshot() });
    let lines: Vec<&str> = text.lines().collect();
    let pieces: Vec<&[&str]> = lines.chunk_by(|one, next| family(one) == family(next)).collect();
    assert_eq!(pieces.len(), families(&text).len());
    for piece in pieces {
        assert!(piece[0].starts_with("# HELP pen_") && piece[0].ends_with('.'), "{}", piece[0]);
        let kind = if family(piece[0]).ends_with("_total") { "counter" } else { "gauge" };
        assert_eq!(piece[1], format!("# TYPE {} {kind}", family(piece[0])));
        assert!(piece[2..].iter().all(|line| !line.starts_with('#')));
        assert!(piece.len() > 2, "{} has no sample", piece[0]);
    }
}

#[test]
fn a_pen_tells_what_it_is_and_counts() {
    let mut snapshot = sample::snapshot();
    let service = &mut snapshot.services[0];
    (service.unserved, service.pending, service.idlers.wanted) = (5, 7, 4);
    (service.proxy_refused, service.http_refused) = (9, 10);
    let text = render(&snapshot);
    let samples = samples(&text);
    for (series, value) in [
        (r#"pen_build_info{version="1.0.0"}"#, "1"),
        ("pen_start_time_seconds", "1794901905"),
        ("pen_draining_services", "0"),
        ("pen_draining_connections", "0"),
        (r#"pen_worker_connections{worker="0"}"#, "1"),
        (r#"pen_worker_handed_over_total{worker="0"}"#, "2"),
        (r#"pen_worker_connections{worker="1"}"#, "0"),
        (r#"pen_service_connections{service="default"}"#, "1"),
        (r#"pen_service_connections_max{service="default"}"#, "500"),
        (r#"pen_service_pending{service="default"}"#, "7"),
        (r#"pen_service_pending_max{service="default"}"#, "100"),
        (r#"pen_service_accepted_total{service="default"}"#, "8"),
        (r#"pen_service_refused_total{service="default"}"#, "0"),
        (r#"pen_service_proxy_refused_total{service="default"}"#, "9"),
        (r#"pen_service_http_refused_total{service="default"}"#, "10"),
        (r#"pen_service_unserved_total{service="default"}"#, "5"),
        (r#"pen_service_shortages_total{service="default"}"#, "0"),
        (r#"pen_service_clients{service="default"}"#, "1"),
        (r#"pen_service_clients_max{service="default"}"#, "2048"),
        (r#"pen_service_servers{service="default"}"#, "2"),
        (r#"pen_service_usable_servers{service="default"}"#, "1"),
        (r#"pen_service_idlers{service="default"}"#, "0"),
        (r#"pen_service_idlers_wanted{service="default"}"#, "4"),
        (r#"pen_service_log_lost_total{service="default"}"#, "0"),
    ] {
        assert_eq!(samples.get(series), Some(&value), "{series} in:\n{text}");
    }
}

#[test]
fn a_server_has_a_gauge_for_each_state_and_its_counters() {
    let mut snapshot = sample::snapshot();
    let busy = ServerStatus {
        name: Some("www1".to_owned()),
        connections: 3,
        weight: 4,
        prio: 5,
        sent: u64::MAX,
        received: 6,
        connects: 7,
        failures: 8,
        ..sample::server(0)
    };
    snapshot.services[0].servers[0] = busy;
    let text = render(&snapshot);
    let samples = samples(&text);
    for (name, up, out) in [
        ("up", "1", "0"),
        ("draining", "0", "0"),
        ("maint", "0", "0"),
        ("down", "0", "0"),
        ("blacklisted", "0", "1"),
        ("blacklist_remaining_seconds", "0", "23"),
        ("share_ratio", "1", "1"),
        ("connections", "3", "0"),
        ("weight", "4", "0"),
        ("prio", "5", "0"),
        ("sent_bytes_total", "18446744073709551615", "0"),
        ("received_bytes_total", "6", "0"),
        ("connects_total", "7", "0"),
        ("failures_total", "8", "0"),
    ] {
        let www = format!(r#"pen_server_{name}{{service="default",slot="0",server="www1"}}"#);
        let other = format!(r#"pen_server_{name}{{service="default",slot="1",server="10.0.0.1:8080"}}"#);
        assert_eq!((samples[&*www], samples[&*other]), (up, out), "{name}");
    }
    assert!(!text.contains("slot=\"2\""), "an empty slot has no series");
}

#[test]
fn servers_that_are_tested_have_what_came_of_that_and_exactly_one_state() {
    let mut snapshot = sample::snapshot();
    let text = render(&snapshot);
    assert!(!text.contains("_check") && !text.contains("_agent") && !text.contains("_users"), "{text}");
    snapshot.services = vec![ServiceStatus { users_known: 7, ..sample::checked("web") }];
    let text = render(&snapshot);
    let samples = samples(&text);
    let told = |name: &str, slot: u8| {
        let labels = format!(r#"{{service="web",slot="{slot}",server="10.0.0.{slot}:8080"}}"#);
        samples.get(&*format!("pen_server_{name}{labels}")).copied()
    };
    for (slot, up, draining, maintenance, down) in [
        (0, "1", "0", "0", "0"),
        (1, "0", "0", "0", "1"),
        (3, "0", "1", "0", "0"),
        (4, "0", "0", "1", "0"),
        (6, "0", "1", "0", "0"),
        (7, "0", "0", "0", "1"),
    ] {
        let states = ["up", "draining", "maint", "down"].map(|state| told(state, slot));
        assert_eq!(states, [up, draining, maintenance, down].map(Some), "{slot}");
    }
    for (name, slot, value) in [
        ("check_up", 0, Some("1")),
        ("check_up", 1, Some("0")),
        ("check_up", 4, None),
        ("check_state_seconds", 1, Some("303")),
        ("check_duration_seconds", 1, Some("0.0025")),
        ("checks_passed_total", 1, Some("40")),
        ("checks_failed_total", 1, Some("3")),
        ("check_changes_total", 1, Some("1")),
        ("share_ratio", 2, Some("0.35")),
        ("share_ratio", 5, Some("0.4")),
        ("agent_up", 2, Some("1")),
        ("agent_up", 1, None),
        ("agent_share_ratio", 2, Some("0.35")),
        ("agent_connections_max", 2, Some("+Inf")),
    ] {
        assert_eq!(told(name, slot), value, "{name} of {slot} in:\n{text}");
    }
    assert_eq!(samples[r#"pen_service_failed_open_total{service="web"}"#], "9");
    assert_eq!(samples[r#"pen_service_users{service="web"}"#], "7");
}

#[test]
fn a_service_of_datagrams_counts_them() {
    let mut snapshot = sample::snapshot();
    assert!(!render(&snapshot).contains("pen_udp_"), "there is nothing to tell of connections");
    snapshot.services = vec![
        ServiceStatus { udp: Some(sample::udp()), ..sample::service("dns") },
        sample::service("web"),
        ServiceStatus { draining: true, udp: Some(sample::udp()), ..sample::service("dns") },
    ];
    let text = render(&snapshot);
    let udp: Vec<&str> = text.lines().filter(|line| line.starts_with("pen_udp_")).collect();
    let expected = [("received", 1000), ("answered", 990), ("dropped", 7), ("lost", 3)]
        .map(|(name, count)| format!(r#"pen_udp_{name}_datagrams_total{{service="dns"}} {count}"#));
    assert_eq!(udp, expected);
}

#[test]
fn a_service_with_tls_counts_handshakes_and_tells_when_each_certificate_expires() {
    let mut snapshot = sample::snapshot();
    assert!(!render(&snapshot).contains("pen_tls_"), "there is nothing to tell without TLS");
    let mut tls = sample::tls("/etc/www.pem");
    tls.certificates
        .extend(["a.crt", "_.b.crt", "a.crt"].map(|file| sample::tls(file).certificates.remove(0)));
    snapshot.services =
        vec![ServiceStatus { tls: Some(tls), ..sample::service("web") }, sample::service("mail")];
    let text = render(&snapshot);
    let samples = samples(&text);
    for (series, value) in [
        (r#"pen_tls_handshakes_total{service="web",version="TLSv1.2"}"#, "2"),
        (r#"pen_tls_handshakes_total{service="web",version="TLSv1.3"}"#, "30"),
        (r#"pen_tls_resumptions_total{service="web"}"#, "4"),
        (r#"pen_tls_handshake_failures_total{service="web"}"#, "5"),
        (r#"pen_tls_certificate_expiry_timestamp_seconds{service="web",file="/etc/www.pem"}"#, "1797767505"),
        (r#"pen_tls_certificate_expiry_timestamp_seconds{service="web",file="a.crt"}"#, "1797767505"),
        (r#"pen_tls_certificate_expiry_timestamp_seconds{service="web",file="_.b.crt"}"#, "1797767505"),
    ] {
        assert_eq!(samples.get(series), Some(&value), "{series} in:\n{text}");
    }
    assert_eq!(samples.keys().filter(|series| series.starts_with("pen_tls_")).count(), 7);
}

#[test]
fn no_limit_is_infinity() {
    let limits = |max, hard| {
        let mut snapshot = sample::snapshot();
        snapshot.services[0].servers = vec![ServerStatus { max, hard, ..sample::server(0) }];
        let text = render(&snapshot);
        let labels = r#"{service="default",slot="0",server="10.0.0.0:8080"}"#;
        let sample = |name| samples(&text)[&*format!("pen_server_connections_{name}{labels}")].to_owned();
        (sample("max"), sample("hard_max"))
    };
    let told = |max: &str, hard: &str| (max.to_owned(), hard.to_owned());
    assert_eq!(limits(0, 0), told("+Inf", "+Inf"));
    assert_eq!(limits(0, 5), told("+Inf", "+Inf"), "as it is in force");
    assert_eq!(limits(10, 0), told("10", "10"));
    assert_eq!(limits(10, 15), told("10", "15"));
}

#[test]
fn servers_outside_the_slots_are_labelled_with_their_roles() {
    let mut snapshot = sample::snapshot();
    snapshot.services[0].fallbacks =
        vec![sample::fallback("emergency", sample::server(8)), sample::fallback("abuse", sample::server(9))];
    let text = render(&snapshot);
    for labels in [r#"slot="emergency",server="10.0.0.8:8080""#, r#"slot="abuse",server="10.0.0.9:8080""#] {
        assert!(text.contains(&format!("pen_server_up{{service=\"default\",{labels}}} 1\n")), "{text}");
    }
}

#[test]
fn a_removed_service_leaves_its_name_to_another() {
    let draining = |connections| ServiceStatus { draining: true, connections, ..sample::service("mail") };
    let services = vec![draining(2), sample::service("mail"), draining(3)];
    let text = render(&Snapshot { services, ..sample::snapshot() });
    let samples = samples(&text);
    assert_eq!(samples[r#"pen_service_connections{service="mail"}"#], "1");
    assert_eq!((samples["pen_draining_services"], samples["pen_draining_connections"]), ("2", "5"));
}

#[test]
fn a_pen_with_nothing_has_no_family_without_a_sample() {
    let text = render(&Snapshot { services: vec![], ..sample::snapshot() });
    assert!(!text.contains("pen_service_") && !text.contains("pen_server_"), "{text}");
}

#[test]
fn hostile_names_forge_neither_samples_nor_labels() {
    let hostile = "x\",slot=\"7\"} 1\npen_server_up{service=\"y\\\x1b[2J\u{202e}\r# TYPE";
    let text = render(&sample::named(hostile));
    let harmless = render(&sample::named("x"));
    assert_eq!(text.lines().count(), harmless.lines().count());
    assert!(!text.contains(|c: char| c != '\n' && c.is_control()));
    let name = r#"x\",slot=\"7\"} 1\\u{a}pen_server_up{service=\"y\\\\u{1b}[2J\\u{202e}\\u{d}# TYPE"#;
    assert!(
        text.contains(&format!("pen_server_up{{service=\"{name}\",slot=\"0\",server=\"{name}\"}} 0\n")),
        "{text}"
    );
}

#[test]
fn the_document_names_every_family_and_no_other() {
    let document = include_str!("../../../../docs/status.md");
    let documented: BTreeSet<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `pen_")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let text = render(&sample::named("x"));
    let told: BTreeSet<&str> = families(&text).iter().filter_map(|name| name.strip_prefix("pen_")).collect();
    assert_eq!(told, documented);
}
