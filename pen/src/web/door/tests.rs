use proptest::prelude::*;

use super::super::request::{Method, Then};
use super::*;

const LOCAL: Visitor = Visitor { permitted: true, over_loopback: true };

fn asking(host: Option<&str>) -> Request {
    let host = host.map(str::to_owned);
    Request { method: Method::Get, path: "/".to_owned(), query: String::new(), host, then: Then::Close }
}

#[test]
fn on_loopback_only_addresses_and_localhost_are_hosts() {
    for host in [
        "localhost",
        "LocalHost:8889",
        "127.0.0.1",
        "127.0.0.1:80",
        "192.0.2.1",
        "[::1]",
        "[::1]:8889",
        "localhost:",
    ] {
        assert_eq!(admit(&asking(Some(host)), LOCAL), Ok(()), "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:8889",
        "",
        ":80",
        "localhost.evil.example",
        "localhost.",
        "127.0.0.1.evil.example",
        "127.0.0.1:80:80",
        "127.1",
        "2130706433",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]:x",
        "[evil.example]:80",
        "localhost:port",
        "user@localhost",
        "localhost, evil.example",
    ] {
        assert_eq!(admit(&asking(Some(host)), LOCAL), Err(Refused::ForItsHost), "{host}");
    }
    assert_eq!(admit(&asking(None), LOCAL), Ok(()));
}

#[test]
fn elsewhere_any_host_will_do() {
    let remote = Visitor { over_loopback: false, ..LOCAL };
    assert_eq!(admit(&asking(Some("pen.example.com")), remote), Ok(()));
}

#[test]
fn whom_the_list_refuses_may_not_ask_whatever_the_host() {
    let refused = Visitor { permitted: false, ..LOCAL };
    for host in [None, Some("localhost"), Some("evil.example")] {
        assert_eq!(admit(&asking(host), refused), Err(Refused::ByList));
    }
}

#[test]
fn loopback_is_recognised_in_any_family() {
    for (address, loopback) in
        [("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true), ("192.0.2.1", false), ("::", false)]
    {
        assert_eq!(is_loopback(address.parse().unwrap()), loopback, "{address}");
    }
}

proptest! {
    #[test]
    fn a_name_that_somebody_could_own_is_never_let_in(host in "\\PC{0,30}") {
        let admitted = admit(&asking(Some(&host)), LOCAL).is_ok();
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        let anybodys = name.contains(|c: char| c.is_alphabetic()) && !name.starts_with('[');
        prop_assert!(!admitted || !anybodys || name.eq_ignore_ascii_case("localhost"));
    }
}
