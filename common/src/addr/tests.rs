//! Tests of [`super`].

use proptest::prelude::*;

use super::*;

fn host(text: &str) -> Host {
    Host(text.to_owned())
}

fn listen(text: &str) -> ListenPlace {
    text.parse::<ListenAddr>().unwrap().place().clone()
}

fn inet(name: Option<&str>, port: u16) -> ListenPlace {
    ListenPlace::Inet { host: name.map(host), port: Port::Number(port) }
}

fn server(text: &str) -> ServerSpec {
    text.parse().unwrap()
}

#[test]
fn a_listening_address_is_split_at_its_last_colon() {
    assert_eq!(listen("8080"), inet(None, 8080));
    assert_eq!(listen("0"), inet(None, 0));
    assert_eq!(listen("www1:80"), inet(Some("www1"), 80));
    assert_eq!(listen("127.0.0.1:0"), inet(Some("127.0.0.1"), 0));
    assert_eq!(listen(":::8080"), inet(Some("::"), 8080));
    assert_eq!(listen("::1:8080"), inet(Some("::1"), 8080));
    assert_eq!(listen("[::1]:8080"), inet(Some("::1"), 8080));
    assert_eq!(listen("fe80::1%eth0:8080"), inet(Some("fe80::1%eth0"), 8080));
    assert_eq!(listen("smtp"), ListenPlace::Inet { host: None, port: Port::Service("smtp".into()) });
    assert_eq!(listen("/run/pen/sock:1"), ListenPlace::Unix("/run/pen/sock:1".into()));
}

#[test]
fn a_listening_address_is_shown_as_it_was_written() {
    for text in ["08080", ":::8080", "[::1]:080", "localhost:smtp", "/a b"] {
        assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), text);
    }
}

#[test]
fn a_server_has_up_to_six_fields() {
    let spec = |addr, [max, hard, weight, prio]: [u32; 4]| ServerSpec { addr, max, hard, weight, prio };
    let at = |name, port| ServerAddr::Inet { host: host(name), port };
    assert_eq!(server("www3"), spec(at("www3", None), [0; 4]));
    assert_eq!(server("www2:80:10"), spec(at("www2", Some(Port::Number(80))), [10, 0, 0, 0]));
    assert_eq!(
        server("[2001:db8::1]:smtp:1:2:3:4"),
        spec(at("2001:db8::1", Some(Port::Service("smtp".into()))), [1, 2, 3, 4])
    );
    assert_eq!(server("[::1]"), spec(at("::1", None), [0; 4]));
    assert_eq!(server("/run/app:80"), spec(ServerAddr::Unix("/run/app:80".into()), [0; 4]));
}

#[test]
fn every_wrong_listening_address_is_explained() {
    for (text, error) in [
        ("", "bad port '': a number from 0 to 65535 or a service name is expected"),
        ("70000", "bad port '70000': a number from 0 to 65535 or a service name is expected"),
        ("-1", "bad port '-1': a number from 0 to 65535 or a service name is expected"),
        ("80 81", "bad port '80 81': a number from 0 to 65535 or a service name is expected"),
        ("host:", "bad port '' in 'host:': a number from 0 to 65535 or a service name is expected"),
        (
            "host:65536",
            "bad port '65536' in 'host:65536': a number from 0 to 65535 or a service name is expected",
        ),
        (":80", "no host in ':80': write '80' for all IPv4 addresses, ':::80' for all IPv6 ones"),
        ("::1", "bad host ':' in '::1': a name or an IP address is expected"),
        ("[::1]", "no port in '[::1]': '[IPv6 address]:port' is expected"),
        ("[www]:80", "bad address '[www]:80': '[IPv6 address]:port' is expected"),
        ("80:81", "bad host '80' in '80:81': a name or an IP address is expected"),
        ("a/b:81", "bad host 'a/b' in 'a/b:81': a name or an IP address is expected"),
        ("::1%:80", "bad host '::1%' in '::1%:80': a name or an IP address is expected"),
        ("/a\nb", "bad socket path \"/a\\nb\": it must not contain control characters"),
    ] {
        assert_eq!(text.parse::<ListenAddr>().unwrap_err().to_string(), error);
    }
    let long = format!("/{}", "x".repeat(107));
    assert_eq!(
        long.parse::<ListenAddr>().unwrap_err().to_string(),
        format!("socket path '{long}' has 108 bytes: 107 are the most for a Unix socket")
    );
    assert!(long[1..].parse::<ListenAddr>().is_ok());
}

#[test]
fn every_wrong_server_is_explained() {
    for (text, error) in [
        ("", "bad host '': a name or an IP address is expected"),
        ("8080", "bad host '8080': a name or an IP address is expected"),
        ("ww w", "bad host 'ww w': a name or an IP address is expected"),
        ("a@b:80", "bad host 'a@b' in 'a@b:80': a name or an IP address is expected"),
        ("www:", "bad port '' in 'www:': a number from 1 to 65535 or a service name is expected"),
        ("www:0", "bad port '0' in 'www:0': a number from 1 to 65535 or a service name is expected"),
        (
            "www:99999",
            "bad port '99999' in 'www:99999': a number from 1 to 65535 or a service name is expected",
        ),
        ("www::10", "bad port '' in 'www::10': a number from 1 to 65535 or a service name is expected"),
        ("www:80:", "bad max '' in 'www:80:': a number from 0 to 10000000 is expected"),
        ("www:80:x", "bad max 'x' in 'www:80:x': a number from 0 to 10000000 is expected"),
        ("www:80:+1", "bad max '+1' in 'www:80:+1': a number from 0 to 10000000 is expected"),
        ("www:80:1:-2", "bad hard '-2' in 'www:80:1:-2': a number from 0 to 10000000 is expected"),
        ("www:80:1:2:z", "bad weight 'z' in 'www:80:1:2:z': a number from 0 to 1000000 is expected"),
        (
            "www:80:1:2:3:1000001",
            "bad prio '1000001' in 'www:80:1:2:3:1000001': a number from 0 to 1000000 is expected",
        ),
        (
            "www:80:1:2:3:4:5",
            "too many fields in 'www:80:1:2:3:4:5': host:port:max:hard:weight:prio is the most",
        ),
        ("::1", "bad address '::1': an IPv6 address is written in brackets here, '[::1]:80'"),
        ("fe80::1", "bad address 'fe80::1': an IPv6 address is written in brackets here, '[::1]:80'"),
        (":80", "bad host '' in ':80': a name or an IP address is expected"),
        ("[::1", "bad address '[::1': '[IPv6 address]:port' is expected"),
        ("[::1]80", "bad address '[::1]80': '[IPv6 address]:port' is expected"),
        ("[www]:80", "bad address '[www]:80': '[IPv6 address]:port' is expected"),
        ("[::g]:80", "bad host '::g' in '[::g]:80': a name or an IP address is expected"),
    ] {
        assert_eq!(text.parse::<ServerSpec>().unwrap_err().to_string(), error);
    }
}

#[test]
fn every_wrong_fallback_or_log_address_is_explained() {
    for (text, error) in [
        ("www:80:1", "bad port '80:1' in 'www:80:1': a number from 1 to 65535 or a service name is expected"),
        ("www:0", "bad port '0' in 'www:0': a number from 1 to 65535 or a service name is expected"),
        ("::1:80", "bad address '::1:80': an IPv6 address is written in brackets here, '[::1]:80'"),
    ] {
        assert_eq!(text.parse::<ServerAddr>().unwrap_err().to_string(), error);
    }
    for (text, error) in [
        ("loghost", "no port in 'loghost': host:port is expected"),
        (":80", "bad host '' in ':80': a name or an IP address is expected"),
        ("loghost:0", "bad port '0' in 'loghost:0': a number from 1 to 65535 or a service name is expected"),
    ] {
        assert_eq!(text.parse::<HostPort>().unwrap_err().to_string(), error);
    }
}

/// Text that is often nearly an address.
fn nearly_addresses() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(
            prop_oneof![
                Just(":"),
                Just("["),
                Just("]"),
                Just("/"),
                Just("%"),
                Just("::1"),
                Just("www"),
                Just("0"),
                Just("80"),
                Just("10.0.0.1"),
                Just("é")
            ],
            0..10
        )
        .prop_map(|parts| parts.concat()),
        any::<String>(),
    ]
}

fn survives<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr + Display + PartialEq + std::fmt::Debug,
    T::Err: std::fmt::Debug,
{
    if let Ok(value) = text.parse::<T>() {
        prop_assert_eq!(value.to_string().parse::<T>().expect("what is shown can be read again"), value);
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_shown_can_be_read_again(text in nearly_addresses()) {
        survives::<ListenAddr>(&text)?;
        survives::<ServerAddr>(&text)?;
        survives::<ServerSpec>(&text)?;
        survives::<HostPort>(&text)?;
        survives::<Host>(&text)?;
        survives::<Port>(&text)?;
    }

    #[test]
    fn a_complete_server_is_shown_in_full(
        name in "[a-z][a-z0-9.-]{0,20}", port in 1u16.., numbers in proptest::array::uniform4(1..=WEIGHT_MOST),
    ) {
        let [max, hard, weight, prio] = numbers;
        let text = format!("{name}:{port}:{max}:{hard}:{weight}:{prio}");
        prop_assert_eq!(server(&text).to_string(), text);
    }
}
