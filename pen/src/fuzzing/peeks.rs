//! What a connection begins with where that decides about its server.

use common::command::RdpUsers;

use crate::engine::peek::rdp::{self, Request};
use crate::engine::peek::sni::{self, Hello};
use crate::engine::peek::{Sight, user};

/// Any bytes as an RDP connection request. However they arrive, they say the same, after no more than a request can have; a token
/// is the one that was sent, and a name is among the bytes, whatever counts of it.
pub fn rdp_request(bytes: &[u8]) {
    let first = (0..=bytes.len())
        .map(|length| rdp::read(&bytes[..length]))
        .position(|sight| sight != Sight::Incomplete);
    let Some(length) = first else {
        assert_eq!(rdp::read(bytes), Sight::Incomplete);
        assert!(bytes.len() < rdp::LONGEST, "it is awaited for ever");
        return;
    };
    assert!(length <= rdp::LONGEST);
    let taken = &bytes[..length];
    let Sight::Seen(request) = rdp::read(taken) else { panic!("it is seen") };
    assert_eq!(rdp::read(bytes), Sight::Seen(request), "what follows changes it");
    match request {
        None => {}
        Some(Request::Token(server)) => {
            let address = u32::from_le_bytes(server.ip().octets());
            let token = format!("{address}.{}.", server.port().swap_bytes());
            let digits =
                |text: &[u8]| -> Vec<u8> { text.iter().copied().filter(|byte| *byte != b'0').collect() };
            // Zeros may stand in front of the numbers.
            let (sent, token) = (digits(taken), digits(token.as_bytes()));
            assert!(sent.windows(token.len()).any(|part| part == token), "another token");
        }
        Some(Request::User(name)) => {
            assert!(taken.strip_suffix(b"\r\n").is_some_and(|line| line.ends_with(name)), "another name");
            compare(name);
        }
    }
}

/// What counts of a name is the same of what counts of it.
fn compare(name: &[u8]) {
    for number in 0..8 {
        let users = RdpUsers { fold: number & 1 > 0, nodomain: number & 2 > 0, short: number & 4 > 0 };
        let Some(compared) = user::name(name, users) else {
            assert!(name.is_empty() || users.nodomain);
            continue;
        };
        assert!(!compared.is_empty() && compared.len() <= if users.short { 9 } else { name.len() });
        assert!(!users.fold || !compared.iter().any(u8::is_ascii_uppercase));
        if !compared.contains(&b'\\') {
            assert_eq!(user::name(&compared, users).as_ref(), Some(&compared));
        }
    }
}

/// Any bytes as the first of a TLS handshake. However they arrive, they say the same, after no more than what is read of them; a
/// name is a host's, and among the bytes.
pub fn client_hello(bytes: &[u8]) {
    let seen_in_parts = |size: usize| {
        let mut hello = Hello::default();
        let mut sights = bytes.chunks(size).map(|part| hello.take(part));
        sights.find(|sight| *sight != Sight::Incomplete).unwrap_or(Sight::Incomplete)
    };
    let seen = seen_in_parts(bytes.len().max(1));
    for size in [1, 3, 50] {
        assert_eq!(seen_in_parts(size), seen, "in parts of {size}");
    }
    match seen {
        Sight::Incomplete => assert!(bytes.len() < sni::LONGEST, "it is awaited for ever"),
        Sight::Seen(None) => {}
        Sight::Seen(Some(name)) => {
            assert!(name.split('.').all(|label| !label.is_empty()) && name.len() <= 253, "{name}");
            let is_host =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
            assert!(name.bytes().all(is_host), "{name}");
            // Its first letter at least, if records have cut it.
            assert!(bytes.to_ascii_lowercase().contains(&name.as_bytes()[0]));
        }
    }
}
