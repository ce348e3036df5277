//! Random requests through the escaping of servers, and random text.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What pen's records have of it.
fn shown(request: &[u8]) -> Vec<u8> {
    request.iter().map(|byte| if (0x20..0x7f).contains(byte) { *byte } else { b'.' }).collect()
}

/// As Apache writes a request.
fn by_apache(request: &[u8]) -> Vec<u8> {
    let escaped = |byte: &u8| match *byte {
        b'"' => br#"\""#.to_vec(),
        b'\\' => br"\\".to_vec(),
        b'\n' => br"\n".to_vec(),
        b'\r' => br"\r".to_vec(),
        b'\t' => br"\t".to_vec(),
        0x08 => br"\b".to_vec(),
        0x0b => br"\v".to_vec(),
        0x20..0x7f => vec![*byte],
        other => format!("\\x{other:02x}").into_bytes(),
    };
    request.iter().flat_map(escaped).collect()
}

/// As nginx writes it.
fn by_nginx(request: &[u8]) -> Vec<u8> {
    let escaped = |byte: &u8| match *byte {
        b'"' | b'\\' | ..0x20 | 0x7f.. => format!("\\x{byte:02X}").into_bytes(),
        plain => vec![plain],
    };
    request.iter().flat_map(escaped).collect()
}

/// As nginx writes it with `escape=json`.
fn by_nginx_in_json(request: &[u8]) -> Vec<u8> {
    let escaped = |byte: &u8| match *byte {
        b'"' => br#"\""#.to_vec(),
        b'\\' => br"\\".to_vec(),
        b'\n' => br"\n".to_vec(),
        b'\r' => br"\r".to_vec(),
        b'\t' => br"\t".to_vec(),
        0x08 => br"\b".to_vec(),
        0x0c => br"\f".to_vec(),
        ..0x20 => format!("\\u{byte:04X}").into_bytes(),
        plain => vec![plain],
    };
    request.iter().flat_map(escaped).collect()
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => b' '..=b'~', 2 => any::<u8>(), 1 => Just(b'\\'), 1 => Just(b'"')];
    vec(byte, 0..60)
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u16; 8]>().prop_map(|groups| IpAddr::from(groups).to_canonical()),
    ]
}

proptest! {
    #[test]
    fn every_request_is_what_it_was_before_a_server_escaped_it(request in bytes(), address in address()) {
        for escape in [by_apache, by_nginx] {
            let mut text = format!("{address} - - [14/Nov/2023:22:13:20 +0000] \"").into_bytes();
            text.extend(escape(&request));
            text.extend(br#"" 200 12 "-" "UA""#);
            let line = Format::web().read(&text);
            prop_assert_eq!(line.request.as_deref(), Some(&*shown(&request)));
            prop_assert_eq!(line.peer, Some(address));
            prop_assert_eq!(line.ports.iter().count(), 0);
        }
        let mut text = format!(r#"{{"remote_addr":"{address}","request":""#).into_bytes();
        text.extend(by_nginx_in_json(&request));
        text.extend(br#"","remote_port":"41234"}"#);
        let line = Format::web().read(&text);
        prop_assert_eq!(line.request.as_deref(), Some(&*shown(&request)));
        prop_assert_eq!(line.peer, Some(address));
        prop_assert_eq!(line.ports, Ports::certain(41234));
    }

    #[test]
    fn a_client_is_written_as_its_address_is_shown(address in address(), port in any::<u16>()) {
        let client = Client { address, port: Some(port) };
        let line = Format::web().read(br#"x "GET /" 200"#);
        prop_assert_eq!(given(&line, &client), format!(r#"{address} "GET /" 200"#));
        let line = Format::web().read(br#"{"remote_addr":"10.9.9.9:1","remote_port":1}"#);
        let (endpoint, expected) = (std::net::SocketAddr::new(address, port), given(&line, &client));
        prop_assert_eq!(expected, format!(r#"{{"remote_addr":"{endpoint}","remote_port":{port}}}"#));
    }
}
