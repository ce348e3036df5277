use super::*;

fn server(state: ServerState) -> ServerStatus {
    ServerStatus { state, address: "10.0.0.1".to_owned(), port: 80, ..ServerStatus::default() }
}

#[test]
fn bytes_have_a_prefix_and_at_most_three_digits() {
    let cases = [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1999, "1.9 kB"),
        (99_999, "99.9 kB"),
        (100_000, "100 kB"),
        (999_999, "999 kB"),
        (1_000_000, "1.0 MB"),
        (5_368_709_120, "5.3 GB"),
        (u64::MAX, "18.4 EB"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Bytes(bytes).to_string(), expected);
    }
}

#[test]
fn seconds_are_told_in_the_two_largest_units() {
    let cases = [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3660, "1 h 1 min"),
        (273_600, "3 d 4 h"),
    ];
    for (seconds, expected) in cases {
        assert_eq!(Seconds(seconds).to_string(), expected);
    }
    assert_eq!(Seconds(u64::MAX).to_string(), "213503982334601 d 7 h");
}

#[test]
fn a_connection_tells_its_stage_and_which_sides_are_closed() {
    let state = |connecting, client_closed, server_closed| {
        ConnectionState { waiting: false, connecting, client_closed, server_closed }.to_string()
    };
    assert_eq!(state(true, false, false), "connecting");
    assert_eq!(state(false, true, false), "connected, client closed");
    assert_eq!(state(false, true, true), "connected, client closed, server closed");
    let waiting = ConnectionState { waiting: true, ..ConnectionState::default() };
    assert_eq!((waiting.to_string(), waiting.number()), ("waiting".to_owned(), 32));
}

#[test]
fn what_comes_before_is_told_of_services_that_ask_for_it() {
    const NOW: f64 = 1_795_175_505.5;
    assert_eq!(preface(&ServiceStatus::default(), NOW), []);
    let issued = |file: &str, names: &[&str], not_after| CertificateStatus {
        file: file.to_owned(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        not_after,
    };
    let tls = TlsStatus {
        require_client_cert: true,
        certificates: vec![
            issued("/etc/www.pem", &["www.example.com", "example.com"], 1_795_175_505 + 90_000),
            issued("b.crt", &["b"], 1_795_175_505 + 7),
            issued("a.crt", &[], 1_795_175_505 - 86_400),
        ],
        handshakes: HandshakesStatus { tls12: 2, tls13: 30, resumed: 4, failed: 5 },
    };
    let service = ServiceStatus {
        http: true,
        http_refused: 3,
        proxy_protocol: ProxyStatus { accept: Some(2), send: Some("v2".into()) },
        proxy_refused: 1,
        tls: Some(tls),
        ..ServiceStatus::default()
    };
    let expected = [
        ("http", "tells servers of clients, 3 requests refused"),
        (
            "proxy",
            "headers expected from access list 2, headers of v2 sent to servers, 1 connections refused",
        ),
        ("tls", "30 handshakes of TLS 1.3, 2 of TLS 1.2, 4 resumed, 5 failed, clients need a certificate"),
        ("certificate", "/etc/www.pem for www.example.com, example.com, expires in 1 d 1 h"),
        ("by name", "2 more, first to expire: a.crt, expired 1 d 0 h ago"),
    ];
    assert_eq!(preface(&service, NOW), expected.map(|(name, text)| (name, text.to_owned())));
    assert_eq!(certificate(&service, NOW), "expired 1 d 0 h ago");
    assert_eq!(certificate(&ServiceStatus::default(), NOW), "");
    let off = ServiceStatus { http_refused: 3, proxy_refused: 1, ..ServiceStatus::default() };
    let expected = [("http", "off, 3 requests refused"), ("proxy", "1 connections refused")];
    assert_eq!(preface(&off, NOW), expected.map(|(name, text)| (name, text.to_owned())));
}

#[test]
fn datagrams_and_flows_are_told_of_services_that_have_them() {
    assert_eq!(datagrams(&ServiceStatus::default()), []);
    let limits = |udp_responses, udp_requests| LimitsStatus {
        udp_timeout: 90,
        udp_responses,
        udp_requests,
        ..LimitsStatus::default()
    };
    let service = ServiceStatus {
        listen: vec!["53".to_owned(), "[::1]:53".to_owned()],
        udp: Some(UdpStatus { received: 9, answered: 8, dropped: 7, lost: 6 }),
        limits: limits(0, 0),
        ..ServiceStatus::default()
    };
    let expected = [
        ("datagrams", "9 from clients, 8 back to them, 7 dropped, 6 lost in full queues"),
        ("flows", "end after 1 min 30 s of silence"),
    ];
    assert_eq!(datagrams(&service), expected.map(|(name, text)| (name, text.to_owned())));
    assert_eq!(listens(&service), "53, [::1]:53 (UDP)");
    for (limits, expected) in [
        (limits(1, 0), "or an answer to each datagram"),
        (limits(2, 0), "or 2 answers to each datagram"),
        (limits(0, 1), "each datagram selects a server"),
        (limits(3, 5), "or 3 answers to each datagram, every 5 datagrams select a server"),
    ] {
        assert_eq!(flow_words(&limits), format!("end after 1 min 30 s of silence, {expected}"));
    }
}

#[test]
fn a_certificate_is_told_by_its_first_names() {
    let told = |count: usize| {
        let names = (1..=count).map(|number| format!("n{number}")).collect();
        let certificate = CertificateStatus { file: "a.crt".to_owned(), names, not_after: 30 };
        certificate_words(&[certificate], 0.0)[0].1.clone()
    };
    assert_eq!(told(0), "a.crt, expires in 30 s");
    assert_eq!(told(5), "a.crt for n1, n2, n3, n4, n5, expires in 30 s");
    assert_eq!(told(6), "a.crt for n1, n2, n3, n4, n5 and 1 more, expires in 30 s");
    assert_eq!(told(3000), "a.crt for n1, n2, n3, n4, n5 and 2995 more, expires in 30 s");
}

#[test]
fn the_census_counts_the_states_that_occur() {
    let up = server(ServerState::Up);
    let empty = server(ServerState::Empty);
    let out = server(ServerState::Blacklisted { blacklisted_seconds: 3 });
    assert_eq!(census([&out, &up, &empty, &up].into_iter()), [(2, "up"), (1, "blacklisted"), (1, "empty")]);
    assert_eq!(census([&up].into_iter()), [(1, "up")]);
    assert_eq!(census([].into_iter()), []);
}

#[test]
fn places_are_written_as_servers_are_named() {
    let at =
        |address: &str, port| ServerStatus { address: address.to_owned(), port, ..server(ServerState::Up) };
    assert_eq!(place(&at("192.0.2.1", 80)), "192.0.2.1:80");
    assert_eq!(place(&at("2001:db8::1", 80)), "[2001:db8::1]:80");
    assert_eq!(place(&at("/run/www.sock", 0)), "/run/www.sock");
    assert_eq!(place(&server(ServerState::Empty)), "none");
}
