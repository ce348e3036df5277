//! Servers and clients that know no more of RDP than its first request.

use std::io::Write;

use pen_tests::{Backend, Pen, PenBuilder, Stream};

/// A request with this line in front of the rest, if there is one.
pub fn request(line: impl AsRef<[u8]>) -> Vec<u8> {
    const FRONT: usize = 11;
    const NEGOTIATION: [u8; 8] = [1, 0, 8, 0, 3, 0, 0, 0];
    let line = line.as_ref();
    let end: &[u8] = if line.is_empty() { b"" } else { b"\r\n" };
    let length = u8::try_from(FRONT + line.len() + end.len() + NEGOTIATION.len()).expect("a short line");
    [&[3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0], line, end, &NEGOTIATION].concat()
}

/// The request of this user.
pub fn request_of(user: &str) -> Vec<u8> {
    request(format!("Cookie: mstshash={user}"))
}

/// A server that waits for what its client says first, says its name and a newline, and then sends everything back.
pub fn desk(name: &str) -> Backend {
    let name = format!("{name}\n");
    Backend::serve(move |client| {
        let mut is_first = true;
        client.drain_with(|part| {
            if std::mem::take(&mut is_first) {
                let _ = { client }.write_all(name.as_bytes());
            }
            let _ = { client }.write_all(part);
        });
        client.finish();
    })
}

/// Servers of these names.
pub fn desks<const N: usize>(names: [&str; N]) -> [Backend; N] {
    names.map(desk)
}

/// A pen in front of servers that looks for users.
pub fn farm(desks: &[Backend]) -> PenBuilder {
    Pen::builder().servers(desks).command("peek rdp")
}

/// The server that a client of 127.0.0.`host` gets who begins with these bytes, and the connection.
#[track_caller]
pub fn begin(pen: &Pen, host: u8, bytes: &[u8]) -> (String, Stream) {
    let client = pen.connect_from(host);
    client.send(bytes);
    let server = client.line();
    assert_eq!(client.receive(bytes.len()), bytes, "what the server got");
    (server, client)
}

/// The server that this user gets from 127.0.0.`host`, and the connection.
#[track_caller]
pub fn log_in(pen: &Pen, host: u8, user: &str) -> (String, Stream) {
    begin(pen, host, &request_of(user))
}

/// The server that this user gets from 127.0.0.`host`. The connection has ended when it is told.
#[track_caller]
pub fn server_of(pen: &Pen, host: u8, user: &str) -> String {
    let (server, client) = log_in(pen, host, user);
    client.finish();
    client.drain();
    server
}
