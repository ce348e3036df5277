//! What a client sees of a connection.

use std::path::Path;

use pen_tests::{Ended, Pen, clients};

/// The name that most tests ask for.
pub const NAME: &str = "www.example.com";

/// Connects with `openssl s_client` and these arguments, and asks for a name. The server is to speak first.
#[track_caller]
pub fn visit(pen: &Pen, name: &str, arguments: &[&str]) -> Ended {
    clients::s_client(pen.address(), &[&["-servername", name], arguments].concat(), b"")
}

/// The common name in the certificate that a client gets who asks for this name.
#[track_caller]
pub fn subject(pen: &Pen, name: &str) -> String {
    subject_of(&visit(pen, name, &[]))
}

/// The same of a connection.
#[track_caller]
pub fn subject_of(ended: &Ended) -> String {
    let subject = ended.stdout.lines().find_map(|line| line.strip_prefix("subject=CN = "));
    subject.unwrap_or_else(|| panic!("no certificate: {ended:?}")).to_owned()
}

/// Whether a client was served by the server that says `hello`.
pub fn is_served(ended: &Ended) -> bool {
    ended.stdout.contains("hello")
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("paths in tests are plain")
}
