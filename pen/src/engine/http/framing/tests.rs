use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What the bytes are, with neighbours of one kind joined.
fn parts<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Part, String)> {
    let mut framer = Framer::default();
    let mut parts: Vec<(Part, Vec<u8>)> = Vec::new();
    for mut data in reads {
        while let Some((part, bytes)) = framer.next(&mut data) {
            assert!(!bytes.is_empty());
            match parts.last_mut() {
                Some((last, joined)) if *last == part => joined.extend(bytes),
                _ => parts.push((part, bytes.to_vec())),
            }
        }
    }
    parts.into_iter().map(|(part, bytes)| (part, String::from_utf8_lossy(&bytes).into_owned())).collect()
}

/// The same of a text that comes at once, and byte by byte.
#[track_caller]
fn parts_of(text: &str) -> Vec<(Part, String)> {
    let at_once = parts([text.as_bytes()]);
    assert_eq!(parts(text.as_bytes().chunks(1)), at_once, "{text:?} byte by byte");
    at_once
}

fn lines(parts: &[(Part, String)]) -> Vec<&str> {
    parts.iter().filter(|(part, _)| *part == Part::Line).map(|(_, line)| line.as_str()).collect()
}

#[track_caller]
fn expect(text: &str, expected: &[(Part, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(part, text)| (*part, (*text).to_owned())).collect();
    assert_eq!(parts_of(text), expected, "{text:?}");
}

#[test]
fn requests_without_bodies_follow_each_other() {
    expect(
        "GET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /b HTTP/1.0\n\nHEAD * HTTP/1.1\r\n",
        &[
            (Part::Line, "GET /a HTTP/1.1"),
            (Part::Fields, "\r\nHost: x\r\n\r\n"),
            (Part::Gap, "\r\n"),
            (Part::Line, "GET /b HTTP/1.0"),
            (Part::Fields, "\n\n"),
            (Part::Line, "HEAD * HTTP/1.1"),
            (Part::Fields, "\r\n"),
        ],
    );
}

#[test]
fn bodies_are_skipped_whatever_they_contain() {
    let inner = "GET /no HTTP/1.1\r\n\r\n";
    let length = inner.len();
    expect(
        &format!("POST /a HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{inner}GET /b HTTP/1.1\r\n\r\n"),
        &[
            (Part::Line, "POST /a HTTP/1.1"),
            (Part::Fields, &format!("\r\nContent-Length: {length}\r\n\r\n")),
            (Part::Body, inner),
            (Part::Line, "GET /b HTTP/1.1"),
            (Part::Fields, "\r\n\r\n"),
        ],
    );
    let chunked = format!("{length:x}\r\n{inner}\r\n0\r\nGET: /trailer HTTP/1.1\r\n\r\n");
    expect(
        &format!("PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}GET /b HTTP/1.1\r\n\r\n"),
        &[
            (Part::Line, "PUT /a HTTP/1.1"),
            (Part::Fields, "\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (Part::Body, &chunked),
            (Part::Line, "GET /b HTTP/1.1"),
            (Part::Fields, "\r\n\r\n"),
        ],
    );
}

#[test]
fn empty_lines_may_come_first() {
    expect("\r\n\n\r\nGET", &[(Part::Gap, "\r\n\n\r\n"), (Part::Line, "GET")]);
    expect("\r\r", &[(Part::Gap, "\r"), (Part::Unframed, "\r")]);
    expect("\rGET", &[(Part::Gap, "\r"), (Part::Unframed, "GET")]);
}

#[test]
fn what_cannot_be_a_request_is_unframed_from_the_first_byte_that_shows_it() {
    expect("HELO me\r\nx", &[(Part::Line, "HELO me"), (Part::Unframed, "\r\nx")]);
    expect("\u{16}\u{3}", &[(Part::Unframed, "\u{16}\u{3}")]);
    expect("PRI * HTTP/2.0\r\n\r\n", &[(Part::Line, "PRI * HTTP/"), (Part::Unframed, "2.0\r\n\r\n")]);
    expect(
        "GET / HTTP/1.1\r\nHost : x\r\n\r\nGET / HTTP/1.1\r\n",
        &[
            (Part::Line, "GET / HTTP/1.1"),
            (Part::Fields, "\r\nHost"),
            (Part::Unframed, " : x\r\n\r\nGET / HTTP/1.1\r\n"),
        ],
    );
}

#[test]
fn a_body_whose_end_is_not_certain_is_not_guessed() {
    let chunked = "Transfer-Encoding: chunked";
    for (version, fields) in [
        ("1.1", format!("{chunked}\r\nContent-Length: 5")),
        ("1.0", chunked.to_owned()),
        ("1.1", "Transfer-Encoding: gzip".to_owned()),
        ("1.1", "Content-Length: 5\r\nContent-Length: 6".to_owned()),
    ] {
        let text = format!("POST / HTTP/{version}\r\n{fields}\r\n\r\nGET /no HTTP/1.1\r\n\r\n");
        let parts = parts_of(&text);
        assert_eq!(lines(&parts).len(), 1, "{text}");
        let (last, rest) = parts.last().unwrap();
        assert!(*last == Part::Unframed && rest.ends_with("GET /no HTTP/1.1\r\n\r\n"), "{text}");
    }
    expect(
        &format!("POST / HTTP/1.1\r\n{chunked}\r\n\r\nx\r\n"),
        &[
            (Part::Line, "POST / HTTP/1.1"),
            (Part::Fields, &format!("\r\n{chunked}\r\n\r\n")),
            (Part::Unframed, "x\r\n"),
        ],
    );
}

#[test]
fn a_tunnel_is_not_looked_into() {
    expect(
        "CONNECT www:443 HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\n",
        &[
            (Part::Line, "CONNECT www:443 HTTP/1.1"),
            (Part::Fields, "\r\n\r\n"),
            (Part::Unframed, "GET /no HTTP/1.1\r\n\r\n"),
        ],
    );
}

#[test]
fn the_wish_for_another_protocol_is_told_once_its_head_is_complete() {
    let mut framer = Framer::default();
    let mut wished = |mut data: &[u8]| {
        while framer.next(&mut data).is_some() {}
        framer.upgrade_wished()
    };
    assert!(!wished(b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n"));
    assert!(wished(b"\r\nGET /"));
    assert!(!wished(b"b HTTP/1.1\r\n\r\n"));
}

#[test]
fn who_gives_up_frames_no_more() {
    let mut framer = Framer::default();
    framer.give_up();
    assert_eq!(
        framer.next(&mut b"GET / HTTP/1.1".as_slice()),
        Some((Part::Unframed, b"GET / HTTP/1.1".as_slice()))
    );
}

/// A request with its first line, and the whole of it.
fn request() -> impl Strategy<Value = (String, String)> {
    let method = prop_oneof!["GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH", "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,9}"];
    let target =
        prop_oneof!["/[!-~]{0,40}", Just("*".to_owned()), "http://[a-z.]{1,9}/[!-~]{0,9}", "[!-~é]{1,30}"];
    let end = prop_oneof![4 => Just("\r\n"), 1 => Just("\n")];
    let fields = vec(("[A-Za-z-]{1,30}", "[ -~\t]{0,60}"), 0..4);
    let text = prop_oneof!["[ -~\r\n]{0,80}", Just("GET /no HTTP/1.1\r\n\r\n".to_owned())];
    let body = (0..3_u8, text, vec(1..20_usize, 0..4));
    (method, target, "[01]", "(\r\n|\n){0,2}", end, fields, body).prop_filter_map(
        "a tunnel ends the framing",
        |(method, target, minor, gap, end, fields, (kind, text, cuts))| {
            let kind = if minor == "0" { kind.min(1) } else { kind };
            let line = format!("{method} {target} HTTP/1.{minor}");
            let matters =
                |name: &str| ["content-length", "transfer-encoding"].contains(&name.to_lowercase().as_str());
            let fields = fields.iter().filter(|(name, _)| !matters(name));
            let fields: Vec<String> = fields.map(|(name, value)| format!("{name}:{value}{end}")).collect();
            let rest = match kind {
                0 => end.to_owned(),
                1 => format!("Content-Length: {}{end}{end}{text}", text.len()),
                _ => format!("Transfer-Encoding: chunked{end}{end}{}", chunked(&text, &cuts, end)),
            };
            let whole = format!("{gap}{line}{end}{}{rest}", fields.concat());
            (method != "CONNECT").then_some((line, whole))
        },
    )
}

fn chunked(text: &str, cuts: &[usize], end: &str) -> String {
    let mut rest = text;
    let mut chunks = Vec::new();
    for cut in cuts.iter().copied().chain([text.len()]) {
        let (chunk, others) = rest.split_at(cut.min(rest.len()));
        if !chunk.is_empty() {
            chunks.push(format!("{:x};x=y{end}{chunk}{end}", chunk.len()));
        }
        rest = others;
    }
    format!("{}0{end}GET: /no HTTP/1.1{end}{end}", chunks.concat())
}

/// Cuts the text at these places, wherever they are.
fn cut<'a>(text: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    places.sort_unstable();
    let mut reads = Vec::new();
    let mut start = 0;
    for end in places.into_iter().chain([text.len()]) {
        reads.push(&text[start..end]);
        start = end;
    }
    reads
}

proptest! {
    #[test]
    fn every_request_is_found_however_the_reads_fall(
        requests in vec(request(), 1..6),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (expected, texts): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
        let text = texts.concat();
        let parts = parts(cut(text.as_bytes(), &cuts));
        prop_assert_eq!(lines(&parts), expected);
        prop_assert!(parts.iter().all(|(part, _)| *part != Part::Unframed), "{:?}", parts);
    }

    #[test]
    fn any_bytes_are_the_same_however_the_reads_fall(
        pieces in vec(prop_oneof![
            4 => prop::sample::select(&[
                "GET / HTTP/1.1\r\n", "POST", " ", "/", "HTTP/1.1", "\r\n", "\n", "\r", ":", "Content-Length: 7\r\n",
                "Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n", "0\r\n\r\n", "Upgrade: x\r\n", "\0", "CONNECT a:1 ",
            ][..]).prop_map(str::to_owned),
            1 => "[ -~\r\n]{0,9}",
        ], 0..20),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let text = pieces.concat();
        let at_once = parts([text.as_bytes()]);
        prop_assert_eq!(parts(cut(text.as_bytes(), &cuts)), at_once.clone());
        let whole: String = at_once.into_iter().map(|(_, text)| text).collect();
        prop_assert_eq!(whole, text);
    }
}
