//! Random clients, and what the slow reference makes of them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::hostile;
use super::*;
use crate::fuzzing::{self, rewrite_http};

/// A request that keeps the rules.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec!["GET", "POST", "HEAD", "OPTIONS", "M-SEARCH", "DELETE"]);
    let target = select(vec!["/", "*", "http://www.example.com/a?b", "/\u{fc}"]);
    let field = select(vec![
        "Host: www",
        "host:www",
        "Accept: \t*/* ",
        "X: ",
        "Expect: 100-continue",
        "X-Forwarded-For: 192.0.2.1, 192.0.2.2",
        "x-forwarded-for:192.0.2.3\t",
        "X-Forwarded-For:",
        "X-Forwarded-Proto: ftp",
        "X_Forwarded_For: 192.0.2.4",
        "x.forwarded.proto: https",
        "Connection: close, X-Forwarded-For",
        "Connection: x-forwarded-proto,keep-alive",
        "Connection: X-Forwarded-For",
        "Connection: close;X-Forwarded-For, x",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Upgrade: h2c",
        "Upgrade: x h2c",
        "Upgrade: h2c, websocket, TLS/1.0",
    ]);
    let fields = vec(field, 0..6).prop_map(|mut fields| {
        let mut hosts = 0;
        fields.retain(|field| {
            hosts += usize::from(field.starts_with(['H', 'h']));
            !field.starts_with(['H', 'h']) || hosts == 1
        });
        fields
    });
    let end = select(vec!["\r\n", "\r\n", "\n"]);
    (method, target, fields, end, any::<Index>(), body()).prop_map(
        |(method, target, mut fields, end, place, (framing, body))| {
            if let Some(framing) = &framing {
                fields.insert(place.index(fields.len() + 1), framing);
            }
            let line = format!("{method} {target} HTTP/1.1");
            let head = [&[&*line], &fields[..], &["", ""]].concat().join(end);
            [head.as_bytes(), &body].concat()
        },
    )
}

/// A field and a body of that form.
fn body() -> impl Strategy<Value = (Option<String>, Vec<u8>)> {
    let data = || prop_oneof![vec(any::<u8>(), 1..40), Just(b"GET / HTTP/1.1\r\n\r\n".to_vec())];
    let extension = select(vec!["", ";a=b", " ;c", "\t"]);
    let chunk = (data(), extension, 0_usize..4).prop_map(|(data, extension, zeros)| {
        let size = format!("{}{:X}{extension}\r\n", "0".repeat(zeros), data.len());
        [size.as_bytes(), &data, b"\r\n"].concat()
    });
    let trailers = select(vec!["", "", "X-Sum: 1\r\n", "A: b\r\nC:\r\n"]);
    let chunks = (vec(chunk, 0..4), trailers).prop_map(|(chunks, trailers)| {
        let body = [&chunks.concat()[..], b"0\r\n", trailers.as_bytes(), b"\r\n"].concat();
        (Some("Transfer-Encoding: chunked".to_owned()), body)
    });
    prop_oneof![
        2 => Just((None, Vec::new())),
        1 => data().prop_map(|data| (Some(format!("Content-Length: {}", data.len())), data)),
        1 => chunks,
    ]
}

/// The same bytes in reads that end anywhere.
fn reads<'a>(bytes: &'a [u8], ends: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = ends.iter().map(|end| end.index(bytes.len() + 1)).collect();
    ends.extend([0, bytes.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).filter(|read| !read.is_empty()).collect()
}

/// Pieces of hostile requests one after the other, with a few bytes put in.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let rows: Vec<Vec<u8>> = hostile::rows().into_iter().map(|(_, _, bytes)| bytes).collect();
    let piece = (select(rows), any::<Index>(), any::<Index>()).prop_map(|(row, a, b)| {
        let (a, b) = (a.index(row.len() + 1), b.index(row.len() + 1));
        row[a.min(b)..a.max(b)].to_vec()
    });
    let changes = vec((any::<Index>(), select(b"\0\t\n\r 0:;,\x80".to_vec())), 0..3);
    (vec(prop_oneof![request(), piece], 1..4), changes).prop_map(|(pieces, changes)| {
        let mut bytes = pieces.concat();
        for (place, byte) in changes {
            bytes.insert(place.index(bytes.len() + 1), byte);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn requests_that_keep_the_rules_are_passed_on_however_they_come(
        requests in vec(request(), 1..5),
        ends in vec(any::<Index>(), 0..6),
        switches in any::<bool>(),
    ) {
        let count = requests.len();
        let bytes = requests.concat();
        let expected = reference::rewrite(&bytes, "unix", "http", switches);
        prop_assert_eq!(expected.refusal, None);
        prop_assert!(switches || expected.requests.len() == count);
        let found = rewrite_http(reads(&bytes, &ends), &expected, switches);
        prop_assert_eq!(found, (expected.output, None));
    }

    #[test]
    fn whatever_comes_is_dealt_with_as_the_reference_says(bytes in hostile_bytes()) {
        fuzzing::http(&bytes);
    }
}
