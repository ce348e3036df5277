use super::*;

const ORDINARY: Asked = Asked { head: false, wish: None };
const HEAD: Asked = Asked { head: true, wish: None };
const UPGRADE: Asked = Asked { head: false, wish: Some(Wish::Upgrade) };
const TUNNEL: Asked = Asked { head: false, wish: Some(Wish::Tunnel) };

/// How it stands after these answers to these requests; the same wherever the reads end.
#[track_caller]
fn after(requests: &[Asked], answers: &str) -> (u8, Answer) {
    let after = |parts: &[&[u8]]| {
        let mut exchanges = Exchanges::new();
        for asked in requests {
            exchanges.ask(*asked);
        }
        for part in parts {
            exchanges.take(part);
        }
        assert_eq!(exchanges.heads >> exchanges.outstanding(), 0, "what is answered is forgotten");
        (exchanges.outstanding(), exchanges.answer)
    };
    let bytes = answers.as_bytes();
    let at_once = after(&[bytes]);
    assert_eq!(after(&bytes.chunks(1).collect::<Vec<_>>()), at_once, "{answers:?} byte by byte");
    for end in 0..bytes.len() {
        assert_eq!(after(&[&bytes[..end], &bytes[end..]]), at_once, "{answers:?} at {end}");
    }
    at_once
}

#[test]
fn answers_belong_to_requests_in_their_order() {
    let answers = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
        HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\
        HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n\
        HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n\
        HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
        HTTP/1.1 200\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 1\r\n\r\n5;a\r\nhello\r\n0\r\nA: b\r\n\r\n\
        HTTP/1.0 404 Not\tFound\nContent-Length: 0\n\n";
    let requests = [ORDINARY, HEAD, ORDINARY, ORDINARY, ORDINARY, ORDINARY];
    assert_eq!(after(&requests, answers), (0, Answer::Head));
    assert_eq!(after(&[&requests[..], &[HEAD, UPGRADE]].concat(), answers), (2, Answer::Head));
}

#[test]
fn an_answer_without_a_length_ends_with_the_connection() {
    for fields in
        ["", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: chunked, gzip\r\nContent-Length: 5\r\n"]
    {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\nHTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(after(&[ORDINARY, ORDINARY], &answer), (2, Answer::UntilClose), "{fields}");
    }
}

#[test]
fn an_answer_that_breaks_the_rules_a_little_is_understood() {
    for answer in [
        "HTTP/1.1  200  OK\r\nContent-Length : 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno field\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0\r\nContent-Length: 00\r\n\r\n",
    ] {
        assert_eq!(after(&[ORDINARY], answer), (0, Answer::Head), "{answer:?}");
    }
}

#[test]
fn what_is_no_answer_leaves_nothing_known() {
    for answer in [
        "220 mail ESMTP\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n!",
    ] {
        assert_eq!(after(&[ORDINARY], answer), (0, Answer::Lost), "{answer:?}");
    }
    assert_eq!(after(&[], "H"), (0, Answer::Lost), "nobody asked");
}

#[test]
fn a_switch_is_one_that_was_wished_for_and_only_at_its_turn() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    let success = "HTTP/1.1 200 OK\r\n\r\n\0";
    assert_eq!(after(&[UPGRADE], switch).1, Answer::Switched);
    assert_eq!(after(&[TUNNEL], success).1, Answer::Switched);
    assert_eq!(after(&[ORDINARY, TUNNEL], &format!("HTTP/1.1 204 OK\r\n\r\n{success}")).1, Answer::Switched);
    assert_eq!(after(&[TUNNEL], switch).1, Answer::Lost);
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    ] {
        assert_eq!(after(&[TUNNEL], answer), (0, Answer::Head), "{answer:?}");
    }
    assert_eq!(after(&[ORDINARY, UPGRADE], switch).1, Answer::Lost);
    assert_eq!(
        after(&[UPGRADE], "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
        (1, Answer::Length { left: 2 })
    );
}

#[test]
fn a_wish_is_open_until_the_final_answer_begins() {
    let mut exchanges = Exchanges::new();
    exchanges.ask(HEAD);
    assert!(!exchanges.must_be_waited_for());
    exchanges.ask(UPGRADE);
    for (answer, waits) in [
        ("HTTP/1.1 200 OK\r\n\r\n", true),
        ("HTTP/1.1 100 Continue\r\n\r\n", true),
        ("HTTP/1.1 426 Upgrade Required\r\n", true),
        ("\r\nstill to come", false),
    ] {
        assert!(exchanges.must_be_waited_for());
        exchanges.take(answer.as_bytes());
        assert_eq!(exchanges.must_be_waited_for(), waits, "{answer}");
    }
}

#[test]
fn where_nothing_is_known_nothing_is_waited_for() {
    let mut exchanges = Exchanges::new();
    exchanges.ask(UPGRADE);
    exchanges.take(b"?\n\n");
    assert!(exchanges.is_lost() && !exchanges.must_be_waited_for());
    for _ in 0..1000 {
        exchanges.ask(UPGRADE);
    }
    assert!(!exchanges.must_be_waited_for());
    assert_eq!(exchanges.outstanding(), 0);
}
