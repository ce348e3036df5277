use std::ops::Range;

use common::quoted::Quoted;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

fn http(body: Option<&str>) -> Probe {
    Probe::Http { path: "/".to_owned(), host: None, status: 200..=399, body: body.map(Quoted::new) }
}

fn dialogue(send: Option<&str>, expect: &str) -> Probe {
    Probe::Dialogue { send: send.map(Quoted::new), expect: Quoted::new(expect) }
}

/// The conversations that go on in streams.
fn streams() -> [Probe; 4] {
    [http(None), http(Some("ok")), Probe::Rdp, dialogue(None, "ok")]
}

fn conversation(probe: &Probe) -> Conversation {
    Conversation::new(probe, "10.0.0.1:80", 7).expect("the check has something to say")
}

#[test]
fn checks_without_words_have_no_conversation() {
    for probe in [Probe::Tcp, Probe::Tls { name: None }, Probe::Exec { command: Quoted::new("true") }] {
        assert!(Conversation::new(&probe, "10.0.0.1:80", 7).is_none());
    }
}

#[test]
fn each_check_opens_in_its_own_words() {
    let opening = |probe: &Probe| conversation(probe).opening().to_vec();
    assert!(opening(&http(None)).starts_with(b"GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\n"));
    let named =
        Probe::Http { path: "/a".to_owned(), host: Some("www".to_owned()), status: 200..=200, body: None };
    assert!(opening(&named).starts_with(b"GET /a HTTP/1.1\r\nHost: www\r\n"));
    assert!(opening(&Probe::Dns { name: "www.example.com".to_owned() }).starts_with(b"\0\x07\x01\0"));
    assert_eq!(opening(&Probe::Rdp), rdp::REQUEST);
    assert_eq!(opening(&dialogue(Some("PING\r\n"), "+PONG")), b"PING\r\n");
    assert_eq!(opening(&dialogue(None, "220 ")), b"");
}

#[test]
fn an_outcome_stays_whatever_comes() {
    let mut conversation = conversation(&dialogue(None, "ok"));
    assert_eq!(conversation.take(b"no"), Outcome::Pending);
    assert_eq!(conversation.take(b" ok"), Outcome::Passed);
    assert_eq!(conversation.take(b"no"), Outcome::Passed);
    assert_eq!(conversation.end(), Outcome::Passed);
    let failed = Outcome::Failed("status 500 where 200-399 is expected".to_owned());
    let mut conversation = super::tests::conversation(&http(None));
    assert_eq!(conversation.take(b"HTTP/1.1 500 No\r\n\r\n"), failed);
    assert_eq!(conversation.take(b"HTTP/1.1 200 OK\r\n\r\n"), failed);
    assert_eq!(conversation.end(), failed);
}

#[test]
fn nobody_is_listened_to_for_ever() {
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    let endless = Outcome::Failed("1 MiB came that is no answer".to_owned());
    let mut http = conversation(&http(None));
    let heard = (0..1000).map(|_| http.take(&interim)).find(|outcome| *outcome != Outcome::Pending);
    assert_eq!(heard.as_ref(), Some(&endless));
    let mut dns = conversation(&Probe::Dns { name: "a".to_owned() });
    let heard = (0..1000).map(|_| dns.take(&[0; 4096])).find(|outcome| *outcome != Outcome::Pending);
    assert_eq!(heard, Some(endless));
}

#[test]
fn reasons_are_short_whatever_is_expected_and_comes() {
    let mut conversation = conversation(&dialogue(None, &"\u{1}".repeat(4000)));
    conversation.take(&[0xff; 1000]);
    let overdue = conversation.overdue();
    let Outcome::Failed(reason) = conversation.end() else { panic!("that was not expected") };
    for reason in [reason, overdue] {
        assert!(reason.len() <= reason::LONGEST && !reason.contains(char::is_control), "{reason:?}");
    }
}

/// What comes of the bytes in these parts, with the end if nothing was decided before; and when that was known.
fn outcome(conversation: &mut Conversation, parts: &[&[u8]]) -> Outcome {
    let decided =
        parts.iter().map(|part| conversation.take(part)).find(|outcome| *outcome != Outcome::Pending);
    decided.unwrap_or_else(|| conversation.end())
}

/// Answers of all kinds, cut and changed, and bytes of no kind.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.0 500 No\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Content-Length: 4\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\r\n",
        b"\r\n2\r\nok\r\n0\r\n\r\n",
        b"ok",
        b"o",
        b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x1f\x08\x00\x02\x00\x00\x00",
        b"\x03\x00\x00\x0b\x06\xd0\x00\x00\x00\x00\x00",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"75%\n",
        b"75% up, maxconn:10 #why\r\n",
        b"down",
        b"100",
        b"HTTP/1.1 200 OK\r\n\r\ndrain",
    ]);
    let pieces = vec(piece, 1..6).prop_map(|pieces| pieces.concat());
    let changed = (pieces, vec((any::<Index>(), any::<u8>()), 0..3)).prop_map(|(mut bytes, changes)| {
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    });
    prop_oneof![4 => changed, 1 => vec(any::<u8>(), 0..100)]
}

/// The bytes, split at these places.
fn split<'a>(bytes: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let ends = places.iter().copied().chain([bytes.len()]);
    let ranges = ends.scan(0, |from, to| Some(Range { start: std::mem::replace(from, to), end: to }));
    ranges.map(|range| &bytes[range]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_outcome_does_not_depend_on_the_reads(bytes in answers(), places in vec(any::<Index>(), 0..6)) {
        for probe in streams() {
            let whole = outcome(&mut conversation(&probe), &[&bytes]);
            let parts = split(&bytes, &places);
            prop_assert_eq!(&outcome(&mut conversation(&probe), &parts), &whole, "{:?}", parts);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&outcome(&mut conversation(&probe), &single), &whole);
        }
    }

    #[test]
    fn what_an_agent_says_does_not_depend_on_the_reads(bytes in answers(), places in vec(any::<Index>(), 0..6)) {
        let hear = |parts: &[&[u8]]| {
            let mut asking = Asking::new("10.0.0.1:80");
            let heard = parts.iter().map(|part| asking.take(part)).find(|heard| *heard != Hearing::Pending);
            heard.unwrap_or_else(|| asking.end())
        };
        let whole = hear(&[&bytes]);
        prop_assert_eq!(&hear(&split(&bytes, &places)), &whole);
        prop_assert_eq!(&hear(&bytes.chunks(1).collect::<Vec<_>>()), &whole);
        prop_assert_ne!(whole, Hearing::Pending);
    }

    #[test]
    fn only_the_answer_to_the_query_counts(datagrams in vec(vec(any::<u8>(), 0..40), 0..10), code in 0_u8..16) {
        let mut dns = conversation(&Probe::Dns { name: "www".to_owned() });
        let answer = |dns: &Conversation| {
            let mut answer = dns.opening().to_vec();
            answer[2] |= 0x80;
            answer[3] |= code;
            answer
        };
        for datagram in datagrams {
            prop_assume!(datagram.get(..2) != Some(&[0, 7]));
            prop_assert_eq!(dns.take(&datagram), Outcome::Pending);
        }
        let answer = answer(&dns);
        prop_assert_eq!(dns.take(&answer) == Outcome::Passed, code == 0);
    }
}
