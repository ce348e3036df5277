//! `mergelogs`: what it makes of logs of web servers and the log of a pen. Files and errors are another suite's.

use pen_tests::web_logs::{FARM, Logs, MERGED, PEN, clients, farm, line};
use pen_tests::{program, run_to_the_end};

#[test]
fn lines_are_merged_by_time_with_the_client_or_else_the_server() {
    assert_eq!(farm().merged(FARM), MERGED);
}

#[test]
fn the_output_is_that_of_0_34_1_where_that_is_right() {
    let logs = farm();
    let old = run_to_the_end(logs.command(program::old_mergelogs(), FARM));
    assert_eq!((old.stdout.as_str(), old.stderr.as_str()), (MERGED, ""));
    assert_eq!(logs.merged(FARM), old.stdout);
}

#[test]
fn the_time_zone_of_whoever_merges_changes_nothing() {
    let logs = farm();
    for zone in ["Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", ":/nonexistent"] {
        let mut command = logs.mergelogs(FARM);
        command.env("TZ", zone);
        assert_eq!(run_to_the_end(command).stdout, MERGED, "{zone}");
    }
}

#[test]
fn lines_of_all_zones_are_merged_by_their_moments_and_shown_in_utc() {
    let logs = Logs::with(&[
        ("pen.log", "192.0.2.1 1700000000 10.0.0.1 GET /a\n192.0.2.2 1700000001 10.0.0.1 GET /b\n"),
        ("berlin", "10.0.0.9 - - [14/Nov/2023:23:13:21 +0100] \"GET /b\" 200 5\n"),
        ("utc", "10.0.0.9 - - [14/Nov/2023:22:13:20 +0000] \"GET /a\" 200 5\n"),
        ("nome", "10.0.0.9 - - [14/Nov/2023:13:13:22 -0900] \"GET /c\" 200 5\n"),
        ("kolkata", "10.0.0.9 - - [15/Nov/2023:03:43:19 +0530] \"GET /d\" 200 5\n"),
    ]);
    let merged = logs.merged("-p pen.log 10.0.0.1:berlin 10.0.0.1:utc 10.0.0.1:nome 10.0.0.1:kolkata");
    assert_eq!(
        merged,
        "10.0.0.1 - - [14/Nov/2023:22:13:19 +0000] \"GET /d\" 200 5\n\
         192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] \"GET /a\" 200 5\n\
         192.0.2.2 - - [14/Nov/2023:22:13:21 +0000] \"GET /b\" 200 5\n\
         10.0.0.1 - - [14/Nov/2023:22:13:22 +0000] \"GET /c\" 200 5\n"
    );
}

#[test]
fn a_log_keeps_its_order_and_of_two_logs_the_first_is_first_in_a_second() {
    let logs = Logs::with(&[
        ("pen.log", ""),
        // Apache shows when a request began, and writes when it ended.
        (
            "a",
            &[
                line("22:13:21 +0000", "GET /a1"),
                line("22:13:20 +0000", "GET /a2"),
                line("22:13:22 +0000", "GET /a3"),
            ]
            .concat(),
        ),
        (
            "b",
            &[
                line("22:13:20 +0000", "GET /b1"),
                line("22:13:21 +0000", "GET /b2"),
                line("22:13:22 +0000", "GET /b3"),
            ]
            .concat(),
        ),
    ]);
    let order = |words| {
        let merged = logs.merged(words);
        let names = merged.lines().map(|line| line.split(['/', ' ']).nth(9).unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order("-p pen.log 10.0.0.1:a 10.0.0.2:b"), "b1 a1 a2 b2 a3 b3");
    assert_eq!(order("-p pen.log 10.0.0.2:b 10.0.0.1:a"), "b1 b2 a1 a2 b3 a3");
}

#[test]
fn a_line_that_has_nothing_but_a_time_keeps_its_place() {
    let strange = "10.0.0.9 - - [14/Nov/2023:22:13:22 +0000] - 408 -\n";
    let logs = farm();
    logs.write("strange", strange.as_bytes());
    let mut expected: Vec<&str> = MERGED.split_inclusive('\n').collect();
    expected.insert(4, strange);
    assert_eq!(logs.merged(&format!("{FARM} 10.0.0.1:strange")), expected.concat());
}

#[test]
fn a_record_is_looked_for_within_the_jitter_or_everywhere() {
    let logs = Logs::with(&[
        (
            "pen.log",
            "192.0.2.1 1700000000 10.0.0.1 GET /early HTTP/1.1\n192.0.2.2 1700001200 10.0.0.1 GET /late HTTP/1.1\n",
        ),
        ("www", &[line("22:23:20 +0000", "GET /early"), line("22:23:20 +0000", "GET /late")].concat()),
    ]);
    let found = |options: &str| {
        let merged = logs.run(&format!("{options} -p pen.log 10.0.0.1:www")).stdout;
        clients(&merged).join(" ")
    };
    assert_eq!(found("-j 600"), "192.0.2.1 192.0.2.2");
    assert_eq!(found("-j 599.5"), "10.0.0.1 10.0.0.1");
    assert_eq!(found("-j 0"), "10.0.0.1 10.0.0.1");
    assert_eq!(found("-c -j 0"), "192.0.2.1 192.0.2.2");
    assert_eq!(found("--jitter 0 --whole-log"), "192.0.2.1 192.0.2.2");
}

#[test]
fn times_without_a_zone_are_of_the_zone_here_in_summer_and_in_winter() {
    let logs = Logs::with(&[
        // 10:00 and 11:00 UTC.
        ("pen.log", "192.0.2.1 1689328800 10.0.0.1 GET /\n192.0.2.2 1699959600 10.0.0.1 GET /\n"),
        (
            "www",
            "{\"time\":\"2023-07-14T12:00:00\",\"remote_addr\":\"10.0.0.9\",\"request\":\"GET /\"}\n\
             {\"time\":\"2023-11-14T12:00:00\",\"remote_addr\":\"10.0.0.9\",\"request\":\"GET /\"}\n",
        ),
    ]);
    let mut command = logs.mergelogs("-j 60 -p pen.log 10.0.0.1:www");
    command.env("TZ", "Europe/Berlin");
    let merged = run_to_the_end(command).stdout;
    let clients: Vec<_> = merged.lines().map(|line| line.split('"').nth(7).unwrap()).collect();
    assert_eq!(clients, ["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn an_old_pens_records_have_bytes_that_do_not_print() {
    let logs = Logs::with(&[
        ("pen.log", "192.0.2.1 1700000000 10.0.0.1 GET /\u{e4}\u{1} HTTP/1.1\n"),
        ("www", &line("22:13:20 +0000", "GET /\\xc3\\xa4\\x01")),
    ]);
    assert_eq!(logs.merged("-p pen.log 10.0.0.1:www").split(' ').next(), Some("192.0.2.1"));
}

#[test]
fn a_jitter_of_nothing_is_the_same_second() {
    assert_eq!(farm().merged(&format!("-j 0 {FARM}")), MERGED);
}

#[test]
fn pens_clock_may_be_wrong_by_what_t_says() {
    let logs = Logs::with(&[
        ("fast", "192.0.2.1 1700007200 10.0.0.1 GET /a HTTP/1.1\n"),
        ("slow", "192.0.2.1 1699999999 10.0.0.1 GET /a HTTP/1.1\n"),
        ("www", &line("22:13:20 +0000", "GET /a")),
    ]);
    let found = |words: &str| clients(&logs.run(&format!("-j 0 {words} 10.0.0.1:www")).stdout)[0].to_owned();
    assert_eq!(found("-p fast -t 7200"), "192.0.2.1");
    assert_eq!(found("-p fast"), "10.0.0.1");
    assert_eq!(found("-p slow -t -1"), "192.0.2.1");
    assert_eq!(found("-p slow -t -0.5"), "10.0.0.1");
}

#[test]
fn a_connection_names_the_client_and_its_port_where_a_line_has_a_place_for_it() {
    let pen = "\
= 192.0.2.7 51515 10.0.0.9 41234 10.0.0.1 80 1700000000.042
192.0.2.8 1700000001 10.0.0.1 GET /a HTTP/1.1
192.0.2.9 1700000001 10.0.0.1 GET /b HTTP/1.1
= 192.0.2.7 51515 10.0.0.9 41234 10.0.0.1 80 1700000000.042 1700000003.000
";
    let logs = Logs::with(&[
        ("pen.log", pen),
        ("www", "10.0.0.9:41234 - - [14/Nov/2023:22:13:21 +0000] \"GET /a HTTP/1.1\" 200 5\n"),
        (
            "json",
            "{\"time\":\"2023-11-14T22:13:22+00:00\",\"remote_addr\":\"10.0.0.9\",\"remote_port\":\"41234\",\"request\":\"GET /a HTTP/1.1\"}\n",
        ),
        (
            "sshd",
            "2023-11-14T22:13:22.500+00:00 www sshd[7]: Accepted publickey for x from 10.0.0.9 port 41234 ssh2\n",
        ),
    ]);
    assert_eq!(
        logs.merged("-p pen.log 10.0.0.1:www 10.0.0.1:json"),
        "192.0.2.7 - - [14/Nov/2023:22:13:21 +0000] \"GET /a HTTP/1.1\" 200 5\n\
         {\"time\":\"2023-11-14T22:13:22+00:00\",\"remote_addr\":\"192.0.2.7\",\"remote_port\":\"51515\",\"request\":\"GET /a HTTP/1.1\"}\n"
    );
    let mut command = logs.mergelogs("-p pen.log 10.0.0.1:sshd -e");
    command.arg(r"^(?<time>\S+) .* from (?<addr>\S+) port (?<port>\d+)");
    assert_eq!(
        run_to_the_end(command).stdout,
        "2023-11-14T22:13:22.500+00:00 www sshd[7]: Accepted publickey for x from 192.0.2.7 port 51515 ssh2\n"
    );
}

#[test]
fn syslogs_times_are_of_the_last_twelve_months_and_of_the_zone_here() {
    // Both on one day, which has been within a year at most once.
    let late = "Jul  1 12:00:01 www sshd[7]: b from 10.0.0.9 port 1\n";
    let early = "Jul  1 12:00:00 www sshd[7]: a from 10.0.0.9 port 1\n";
    let logs = Logs::with(&[("pen.log", ""), ("late", late), ("early", early)]);
    let mut command = logs.mergelogs("-p pen.log 10.0.0.1:late 10.0.0.2:early -e");
    command.arg(r"^(?<time>\S+ +\S+ \S+) .* from (?<addr>\S+) port (?<port>\d+)");
    let merged = run_to_the_end(command).stdout;
    assert_eq!(merged, [early.replace(".9", ".2"), late.replace(".9", ".1")].concat());
}

#[test]
fn d_tells_how_lines_found_their_clients() {
    let logs = farm();
    let ended = logs.run(&format!("-d {FARM}"));
    assert_eq!(ended.stdout, MERGED);
    assert_eq!(
        ended.complaints(),
        [
            "mergelogs: www1.1 of 10.0.0.1: 0 exact, 1 likely, 0 unknown, 0 rejected",
            "mergelogs: www1 of 10.0.0.1: 0 exact, 2 likely, 1 unknown, 0 rejected",
            "mergelogs: www2 of 10.0.0.2: 0 exact, 2 likely, 1 unknown, 0 rejected",
        ]
    );
}

#[test]
fn records_that_are_not_quite_in_order_are_found() {
    let logs = farm();
    let mut records: Vec<&str> = PEN.lines().collect();
    records.swap(1, 3);
    records.swap(0, 4);
    logs.write("pen.log", (records.join("\n") + "\n").as_bytes());
    assert_eq!(logs.merged(FARM), MERGED);
}

#[test]
fn servers_may_be_names_and_have_ipv6_addresses() {
    let logs = Logs::with(&[
        (
            "pen.log",
            "192.0.2.1 1700000000 2001:db8::1 GET /a HTTP/1.1\n192.0.2.2 1700000000 127.0.0.1 GET /a HTTP/1.1\n",
        ),
        ("www", &line("22:13:20 +0000", "GET /a")),
    ]);
    for (server, client) in [
        ("[2001:db8::1]", "192.0.2.1"),
        ("2001:db8::1", "192.0.2.1"),
        ("2001:db8::2", "2001:db8::2"),
        ("127.0.0.1", "192.0.2.2"),
        ("localhost", "192.0.2.2"),
    ] {
        assert_eq!(clients(&logs.run(&format!("-p pen.log {server}:www")).stdout), [client], "{server}");
    }
}
