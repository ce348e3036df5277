//! What a client sends, as the request log shows it.

use common::client_addr::ClientAddr;
use common::log_record::{Request, RequestLine};

/// Any bytes as a request: its record is one plain line.
pub fn request(bytes: &[u8]) {
    let request = RequestLine::of(bytes);
    assert!(request.as_str().len() <= RequestLine::MAX, "{request:?} is too long");
    let record =
        Request { client: ClientAddr::Unix, time: 1, server: ClientAddr::Unix, request: request.clone() };
    let mut line = String::new();
    record.write_line(&mut line);
    let shown = line.strip_prefix("unix 1 unix ").and_then(|line| line.strip_suffix('\n'));
    assert_eq!(shown, request.as_str().get(..RequestLine::IN_FILE).or(Some(request.as_str())));
    assert!(line.trim_end_matches('\n').bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
}
