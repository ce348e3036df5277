//! penlogd: records and lines come in, one log with the clients goes out. Its files, signals and rights are the matter of
//! `penlogd_service`.

use std::fmt::Write as _;

use pen_tests::{Peer, Penlogd, wait_until};

/// A server's line about a request that it has from pen, or what is to become of it: the client's.
fn line(peer: &str, request: &str) -> String {
    format!("{peer} - - [21/Nov/2026:14:31:53 +0000] \"{request}\" 200 1\n")
}

/// The address that the servers see.
const PEN: &str = "10.9.9.9";

/// Tells which client asked for what.
fn record(pen: &Peer, client: &str, server: &str, request: &str) {
    pen.send(format!("+ {client} {server} {request}\n"));
}

/// A penlogd, its pen and the server 127.0.1.1.
fn farm(options: &[&str]) -> (Penlogd, Peer, Peer) {
    let builder =
        options.iter().fold(Penlogd::builder().option("-b"), |builder, option| builder.option(option));
    let penlogd = builder.start();
    let (pen, web) = (penlogd.peer("127.0.0.1"), penlogd.peer("127.0.1.1"));
    (penlogd, pen, web)
}

#[test]
fn a_line_is_written_with_the_client_of_its_request_and_not_changed_otherwise() {
    let (penlogd, pen, web) = farm(&[]);
    record(&pen, "192.0.2.7", "127.0.1.1", "GET /a HTTP/1.1");
    web.send(
        r#"10.9.9.9 - jane [21/Nov/2026:14:31:53 +0000] "GET /a HTTP/1.1" 200 1 "-" "x=\"10.9.9.9\"""#
            .to_owned()
            + "\n",
    );
    record(&pen, "2001:db8::7", "127.0.1.1", "GET /b HTTP/1.1");
    web.send(line(PEN, "GET /b HTTP/1.1"));
    penlogd.expect(
        r#"192.0.2.7 - jane [21/Nov/2026:14:31:53 +0000] "GET /a HTTP/1.1" 200 1 "-" "x=\"10.9.9.9\"""#
            .to_owned()
            + "\n"
            + &line("2001:db8::7", "GET /b HTTP/1.1"),
    );
}

#[test]
fn a_record_counts_for_its_server_only() {
    let (penlogd, pen, web) = farm(&["-w 0"]);
    let other = penlogd.peer("127.0.1.2");
    record(&pen, "192.0.2.1", "127.0.1.1", "GET /");
    record(&pen, "192.0.2.2", "127.0.1.2", "GET /");
    other.send(line(PEN, "GET /"));
    web.send(line(PEN, "GET /"));
    penlogd.peer("127.0.1.3").send(line(PEN, "GET /"));
    penlogd.expect([line("192.0.2.2", "GET /"), line("192.0.2.1", "GET /"), line(PEN, "GET /")].concat());
}

#[test]
fn each_record_is_used_once_and_then_the_latest_again() {
    let (penlogd, pen, web) = farm(&["-w 0"]);
    record(&pen, "192.0.2.1", "127.0.1.1", "GET /");
    record(&pen, "192.0.2.2", "127.0.1.1", "GET /");
    for _ in 0..4 {
        web.send(line(PEN, "GET /"));
    }
    wait_until("all lines are there", || penlogd.lines().len() == 4);
    let log = String::from_utf8(penlogd.logged()).unwrap();
    let clients: Vec<&str> = log.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(clients.contains(&"192.0.2.1"), "{clients:?}");
    assert_eq!(clients[2..], ["192.0.2.2", "192.0.2.2"]);
}

#[test]
fn without_a_record_or_a_request_a_line_is_written_unchanged() {
    let (penlogd, pen, web) = farm(&["-w 0"]);
    record(&pen, "192.0.2.1", "127.0.1.1", "GET /a");
    let lines = [&*line(PEN, "GET /b"), "10.9.9.9 no request\n", "one\n", "\n", " \n", "\"\n"];
    for line in lines {
        web.send(line);
    }
    penlogd.expect(lines.concat());
}

#[test]
fn a_record_that_was_cut_matches_by_its_beginning() {
    let (penlogd, pen, web) = farm(&[]);
    let request = format!("GET /{} HTTP/1.1", "x".repeat(3000));
    let record = format!("+ 192.0.2.1 127.0.1.1 {request}");
    pen.send(format!("{}\n", &record[..1022]));
    web.send(line(PEN, &request));
    penlogd.expect(line("192.0.2.1", &request));
}

#[test]
fn a_line_may_come_before_its_record_and_holds_only_its_servers_later_ones() {
    let (penlogd, pen, web) = farm(&["-w 1000"]);
    let other = penlogd.peer("127.0.1.2");
    record(&pen, "192.0.2.2", "127.0.1.1", "GET /known");
    record(&pen, "192.0.2.3", "127.0.1.2", "GET /other");
    web.send(line(PEN, "GET /early"));
    web.send(line(PEN, "GET /known"));
    web.send("plain\n");
    other.send(line(PEN, "GET /other"));
    penlogd.expect(line("192.0.2.3", "GET /other"));
    record(&pen, "192.0.2.1", "127.0.1.1", "GET /early");
    penlogd.expect(
        [
            line("192.0.2.3", "GET /other"),
            line("192.0.2.1", "GET /early"),
            line("192.0.2.2", "GET /known"),
            "plain\n".to_owned(),
        ]
        .concat(),
    );
}

#[test]
fn a_line_whose_record_never_comes_is_written_after_a_while() {
    let (penlogd, pen, web) = farm(&["-w 20"]);
    web.send(line(PEN, "GET /never"));
    web.send(line(PEN, "GET /neither"));
    record(&pen, "192.0.2.1", "127.0.1.1", "GET /known");
    web.send(line(PEN, "GET /known"));
    penlogd.expect(
        [line(PEN, "GET /never"), line(PEN, "GET /neither"), line("192.0.2.1", "GET /known")].concat(),
    );
}

#[test]
fn a_servers_lines_keep_their_order_whatever_they_wait_for() {
    let (penlogd, pen, web) = farm(&["-w 100"]);
    let mut expected = String::new();
    for number in 0..200 {
        let request = format!("GET /{number}");
        let is_early = number % 3 == 0;
        if is_early {
            web.send(line(PEN, &request));
        }
        let is_known = number % 7 != 0;
        if is_known {
            record(&pen, "192.0.2.1", "127.0.1.1", &request);
        }
        if !is_early {
            web.send(line(PEN, &request));
        }
        expected += &line(if is_known { "192.0.2.1" } else { PEN }, &request);
    }
    penlogd.expect(expected);
}

#[test]
fn a_line_with_a_port_gets_the_client_of_that_connection() {
    let (penlogd, pen, web) = farm(&["-w 1000"]);
    let line = |peer: &str| line(peer, "GET /");
    let opened =
        |client: &str, port: u16| format!("= {client} 5555 10.9.9.9 {port} 127.0.1.1 80 1700000000.042\n");
    for (client, port) in [("192.0.2.1", 41001), ("2001:db8::2", 41002)] {
        pen.send(opened(client, port));
        record(&pen, client, "127.0.1.1", "GET /");
    }
    for port in [41002, 41001, 41002] {
        web.send(line(&format!("10.9.9.9:{port}")));
    }
    let first = [line("2001:db8::2"), line("192.0.2.1"), line("2001:db8::2")].concat();
    penlogd.expect(&first);
    // This one is faster than what pen tells of it.
    web.send(line("10.9.9.9:41003"));
    pen.send(opened("192.0.2.3", 41003));
    record(&pen, "192.0.2.3", "127.0.1.1", "GET /");
    penlogd.expect(first + &line("192.0.2.3"));
    penlogd.signal(nix::sys::signal::Signal::SIGUSR1);
    penlogd.expect_word("4 lines (client by connection 4,");
}

#[test]
fn a_line_that_an_old_penlog_cut_is_one_line_again() {
    let (penlogd, pen, web) = farm(&[]);
    let again = penlogd.peer("127.0.1.1");
    let request = format!("GET /{} HTTP/1.1", "x".repeat(2000));
    pen.send(format!("{}\n", &format!("+ 192.0.2.1 127.0.1.1 {request}")[..1022]));
    record(&pen, "192.0.2.2", "127.0.1.1", "GET /short");
    let long = line(PEN, "GET /short").replace('\n', &format!(" {}\n", "+ y".repeat(1000)));
    // Two programs on one host log at the same time.
    let (one, other) = (line(PEN, &request), long.clone());
    let (mut pieces, mut of_other) = (one.as_bytes().chunks(1023), other.as_bytes().chunks(1023));
    while pieces.len() + of_other.len() > 0 {
        pieces.next().into_iter().for_each(|piece| web.send(piece));
        of_other.next().into_iter().for_each(|piece| again.send(piece));
    }
    penlogd.expect(one.replace(PEN, "192.0.2.1") + &long.replace(PEN, "192.0.2.2"));
}

#[test]
fn what_has_no_newline_is_ended_by_a_new_line_or_after_a_second() {
    let (penlogd, _, web) = farm(&["-w 0"]);
    web.send("the beg");
    web.send("inning\n");
    web.send(line(PEN, "GET /without").trim_end());
    web.send(line(PEN, "GET /with"));
    web.send("{\"remote_addr\":\"10.9.9.9\"}");
    web.send("<190>Nov 21 14:31:53 web nginx: one");
    web.send("last");
    let lines = ["the beginning\n", &line(PEN, "GET /without"), &line(PEN, "GET /with")].concat();
    wait_until("all lines are there", || penlogd.logged().ends_with(b"last\n"));
    let log = String::from_utf8(penlogd.logged()).unwrap();
    assert!(log.starts_with(&lines), "{log}");
    assert_eq!(log.lines().count(), 6, "{log}");
}

#[test]
fn several_lines_in_a_datagram_are_several_lines() {
    let (penlogd, pen, web) = farm(&["-w 0"]);
    record(&pen, "192.0.2.1", "127.0.1.1", "GET /a");
    record(&pen, "192.0.2.2", "127.0.1.1", "GET /b");
    web.send([line(PEN, "GET /b"), "\n".into(), line(PEN, "GET /a"), "end".into()].concat());
    web.send(" of it\r\n");
    let ends = "end of it\r\n".into();
    penlogd.expect([line("192.0.2.2", "GET /b"), "\n".into(), line("192.0.2.1", "GET /a"), ends].concat());
}

#[test]
fn lines_may_be_long_and_of_any_bytes() {
    let (penlogd, pen, web) = farm(&["-w 0"]);
    let mut expected: Vec<u8> = Vec::new();
    for bytes in [vec![0; 100], (0..=255).filter(|byte| *byte != b'\n').collect(), b"\xff\r".to_vec()] {
        let bytes = [bytes, b"\n".to_vec()].concat();
        web.send(&bytes);
        expected.extend(&bytes);
    }
    record(&pen, "192.0.2.1", "127.0.1.1", "GET /");
    let end = format!(" {}\n", "x".repeat(65_000));
    web.send(line(PEN, "GET /").replace('\n', &end));
    expected.extend(line("192.0.2.1", "GET /").replace('\n', &end).as_bytes());
    penlogd.expect(expected);
}

#[test]
fn a_line_of_more_than_64_kib_is_written_in_pieces() {
    let (penlogd, _, web) = farm(&["-w 0"]);
    let long = "0123456789abcde\n".replace('\n', "f").repeat(10_000);
    for piece in long.as_bytes().chunks(1023) {
        web.send(piece);
    }
    web.send("\nnext\n");
    wait_until("all is there", || penlogd.logged().ends_with(b"next\n"));
    let log = String::from_utf8(penlogd.logged()).unwrap();
    let text = log.strip_suffix("next\n").unwrap();
    assert!(text.replace('\n', "") == long && text.lines().count() < 5);
    assert!(text.lines().all(|line| line.len() <= 64 * 1024));
}

#[test]
fn records_that_are_none_are_ignored_and_told() {
    let (penlogd, pen, web) = farm(&["-w 0"]);
    let bad = [
        "+ ",
        "+ x",
        "+ 192.0.2.1",
        "+ 192.0.2.1 127.0.1.1",
        "+ www 127.0.1.1 GET /\n",
        "+ 192.0.2.1;id 127.0.1.1 GET /\n",
        "= ",
        "= 192.0.2.1 1 10.9.9.9 99999 127.0.1.1 80 1.0\n",
        "= 192.0.2.1 1 10.9.9.9 1 127.0.1.1 80\n",
        "+ \u{1b}[31m 127.0.1.1 GET /\n",
    ];
    pen.send(bad[0]);
    penlogd.expect_word("from 127.0.0.1:");
    for record in &bad[1..] {
        pen.send(record);
    }
    web.send(line(PEN, "GET /"));
    penlogd.expect(line(PEN, "GET /"));
    let said = penlogd.stop().said;
    assert!(said.contains("ignored that are bad records, the last one from 127.0.0.1:"), "{said}");
    // At once, and at the end those since.
    let told = said.lines().filter_map(|line| line.split_once(" ignored that are bad records"));
    let counts = told.filter_map(|(count, _)| count.rsplit(' ').nth(1)?.parse::<usize>().ok());
    assert_eq!(counts.sum::<usize>(), bad.len(), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn datagrams_count_only_from_where_they_are_allowed() {
    let (penlogd, pen, web) = farm(&["-w 0", "-a 127.0.0.0/24", "-a 127.0.1.1", "-a ::1"]);
    let stranger = penlogd.peer("127.0.1.2");
    record(&stranger, "192.0.2.66", "127.0.1.1", "GET /");
    stranger.send("forged\n");
    record(&pen, "192.0.2.1", "127.0.1.1", "GET /");
    web.send(line(PEN, "GET /"));
    penlogd.expect(line("192.0.2.1", "GET /"));
    // At first one may have been there alone.
    penlogd.expect_word(" ignored that came from where -a does not allow");
    penlogd.signal(nix::sys::signal::Signal::SIGUSR1);
    penlogd.expect_word("2 from strangers");
}

#[test]
fn ipv6_servers_and_clients_are_as_good() {
    let penlogd = Penlogd::builder().option("-b").at_ipv6().start();
    let (pen, web) = (penlogd.peer("::1"), penlogd.peer("::1"));
    record(&pen, "2001:db8::7", "::1", "GET /a");
    web.send(line("fd00::1", "GET /a"));
    record(&pen, "192.0.2.7", "::1", "GET /b");
    web.send(line("fd00::1", "GET /b"));
    penlogd.expect([line("2001:db8::7", "GET /a"), line("192.0.2.7", "GET /b")].concat());
}

#[test]
fn the_cache_has_room_for_as_many_records_as_it_is_told() {
    let (penlogd, pen, web) = farm(&["-w 0", "-n 3"]);
    for number in 0..4 {
        record(&pen, &format!("192.0.2.{number}"), "127.0.1.1", &format!("GET /{number}"));
    }
    let mut expected = String::new();
    for number in 0..4 {
        web.send(line(PEN, &format!("GET /{number}")));
        let client = if number == 0 { PEN.to_owned() } else { format!("192.0.2.{number}") };
        let _ = write!(expected, "{}", line(&client, &format!("GET /{number}")));
    }
    penlogd.expect(expected);
}

#[test]
fn lines_of_other_daemons_are_read_by_a_pattern() {
    let (penlogd, pen, web) = farm(&["-w 1000", r"-e from (?<addr>\S+) port (?<port>\d+)"]);
    let line = |peer, port| format!("sshd[1]: Accepted publickey for jane from {peer} port {port} ssh2\n");
    pen.send("= 192.0.2.1 51515 10.9.9.9 41001 127.0.1.1 22 1700000000.042\n");
    web.send(line(PEN, 41001));
    web.send("nothing to see\n");
    penlogd.expect([line("192.0.2.1", 51515), "nothing to see\n".to_owned()].concat());
}
