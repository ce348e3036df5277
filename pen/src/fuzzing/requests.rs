//! What a client sends: as the request log shows it, and as it is taken apart into requests.

use common::client_addr::ClientAddr;
use common::log_record::{Request, RequestLine};

use crate::engine::http::{Framer, Part};

/// Any bytes as a request: its record is one plain line. As HTTP they are the same parts however the reads fall.
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

    let at_once = parts([bytes]);
    let length: usize = at_once.iter().map(|(_, length)| length).sum();
    assert_eq!(length, bytes.len());
    assert_eq!(parts(bytes.chunks(1)), at_once);
    assert_eq!(parts(bytes.chunks(7)), at_once);
}

/// What the bytes are, and how many of them.
fn parts<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Part, usize)> {
    let mut framer = Framer::default();
    let mut parts: Vec<(Part, usize)> = Vec::new();
    for mut data in reads {
        while let Some((part, bytes)) = framer.next(&mut data) {
            match parts.last_mut() {
                Some((last, length)) if *last == part => *length += bytes.len(),
                _ => parts.push((part, bytes.len())),
            }
        }
    }
    parts
}
