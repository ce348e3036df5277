//! `mergelogs`: what it makes of logs of web servers and the log of a pen.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use pen_tests::{Ended, program, run_to_the_end, run_with_input};
use tempfile::TempDir;

/// Command lines that say something wrong, and what is said of them.
const USAGE: &str = include_str!("bad_input/mergelogs.txt");

/// A directory of logs.
struct Logs(TempDir);

/// `22:13:20` on 14 November 2023 is 1700000000.
fn line(time: &str, request: &str) -> String {
    format!("10.0.0.9 - - [14/Nov/2023:{time}] \"{request} HTTP/1.1\" 200 5\n")
}

impl Logs {
    fn new() -> Logs {
        Logs(tempfile::tempdir().expect("a directory can be made"))
    }

    fn with(files: &[(&str, &str)]) -> Logs {
        let logs = Logs::new();
        for (name, text) in files {
            logs.write(name, text.as_bytes());
        }
        logs
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &[u8]) {
        fs::write(self.path(name), text).expect("the directory is ours");
    }

    fn write_packed(&self, name: &str, text: &[u8]) {
        let mut gzip =
            Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        gzip.stdin.take().unwrap().write_all(text).unwrap();
        self.write(name, &gzip.wait_with_output().unwrap().stdout);
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).expect("the file is there")).into_owned()
    }

    /// mergelogs, to be run in the directory.
    fn mergelogs(&self, words: &str) -> Command {
        self.command(program::mergelogs(), words)
    }

    fn command(&self, program: PathBuf, words: &str) -> Command {
        let mut command = Command::new(program);
        command.args(words.split(' ')).current_dir(self.0.path()).env("TZ", "UTC");
        command
    }

    #[track_caller]
    fn run(&self, words: &str) -> Ended {
        run_to_the_end(self.mergelogs(words))
    }

    /// The merged log, of which there is nothing to be said.
    #[track_caller]
    fn merged(&self, words: &str) -> String {
        let ended = self.run(words);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{words}");
        ended.stdout
    }
}

/// The first field of each line.
fn clients(merged: &str) -> Vec<&str> {
    merged.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect()
}

const PEN: &str = "\
192.0.2.1 1700000000 10.0.0.1 GET /a HTTP/1.1
192.0.2.2 1700000001 10.0.0.2 GET /a HTTP/1.1
192.0.2.3 1700000001 10.0.0.1 GET /b HTTP/1.1
192.0.2.4 1700000002 10.0.0.2 POST /form HTTP/1.1
2001:db8::7 1700000003 10.0.0.1 GET /c?x=%20 HTTP/1.1
";

/// One line, because the old program shows the second line of the log that begins with a wrong time.
const WWW1_BEGIN: &str = "\
10.0.0.9 - - [14/Nov/2023:22:13:20 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"curl/8\"
";
const WWW1_REST: &str = "\
10.0.0.9 - alice [14/Nov/2023:22:13:21 +0000] \"GET /b HTTP/1.1\" 304 -
10.0.0.9 - - [14/Nov/2023:22:13:23 +0000] \"GET /c?x=%20 HTTP/1.1\" 200 5
10.0.0.9 - - [14/Nov/2023:22:13:24 +0000] \"GET /unknown HTTP/1.1\" 404 5
";
const WWW2: &str = "\
10.0.0.9 - - [14/Nov/2023:22:13:21 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"a\\\"b [c]\"
10.0.0.9 - - [14/Nov/2023:22:13:22 +0000] \"POST /form HTTP/1.1\" 500 99999
10.0.0.9 - - [14/Nov/2023:22:13:25 +0000] \"-\" 408 -
";
const MERGED: &str = "\
192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"curl/8\"
192.0.2.3 - alice [14/Nov/2023:22:13:21 +0000] \"GET /b HTTP/1.1\" 304 -
192.0.2.2 - - [14/Nov/2023:22:13:21 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"a\\\"b [c]\"
192.0.2.4 - - [14/Nov/2023:22:13:22 +0000] \"POST /form HTTP/1.1\" 500 99999
2001:db8::7 - - [14/Nov/2023:22:13:23 +0000] \"GET /c?x=%20 HTTP/1.1\" 200 5
10.0.0.1 - - [14/Nov/2023:22:13:24 +0000] \"GET /unknown HTTP/1.1\" 404 5
10.0.0.2 - - [14/Nov/2023:22:13:25 +0000] \"-\" 408 -
";

fn farm() -> Logs {
    Logs::with(&[("pen.log", PEN), ("www1.1", WWW1_BEGIN), ("www1", WWW1_REST), ("www2", WWW2)])
}

const FARM: &str = "-p pen.log 10.0.0.1:www1.1 10.0.0.1:www1 10.0.0.2:www2";

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
fn lines_without_a_time_are_counted_and_kept_as_they_are_where_r_says() {
    let good = line("22:13:20 +0000", "GET /a");
    let www = format!(
        "what?\r\n{good}\n10.0.0.9 - - [32/Nov/2023:22:13:20 +0000] \"GET /\" 200 5\n{good}\u{7f}end"
    );
    let logs = Logs::with(&[("pen.log", PEN), ("www", &www), ("more", "x\n")]);
    let ended = logs.run("-p pen.log 10.0.0.1:www 10.0.0.2:more");
    assert_eq!(ended.code, Some(0));
    assert_eq!(clients(&ended.stdout), ["192.0.2.1", "192.0.2.1"]);
    assert_eq!(
        ended.complaints(),
        [
            "mergelogs: www: 4 lines without a time are left out: -r FILE would keep such lines",
            "mergelogs: more: 1 line without a time is left out: -r FILE would keep such lines",
        ]
    );
    logs.write("rejects", &b"old ".repeat(1000));
    let ended = logs.run("-p pen.log -r rejects 10.0.0.1:www 10.0.0.2:more");
    assert_eq!(
        ended.complaints(),
        [
            "mergelogs: www: 4 lines without a time are in rejects",
            "mergelogs: more: 1 line without a time is in rejects",
        ]
    );
    let mut rejects: Vec<_> = logs.read("rejects").split_inclusive('\n').map(str::to_owned).collect();
    rejects.sort();
    let bad_date = "10.0.0.9 - - [32/Nov/2023:22:13:20 +0000] \"GET /\" 200 5\n";
    assert_eq!(rejects, ["\n", bad_date, "what?\r\n", "x\n", "\u{7f}end\n"]);
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
        let merged = logs.merged(&format!("{options} -p pen.log 10.0.0.1:www"));
        clients(&merged).join(" ")
    };
    assert_eq!(found("-j 600"), "192.0.2.1 192.0.2.2");
    assert_eq!(found("-j 599.5"), "10.0.0.1 10.0.0.1");
    assert_eq!(found("-j 0"), "10.0.0.1 10.0.0.1");
    assert_eq!(found("-c -j 0"), "192.0.2.1 192.0.2.2");
    assert_eq!(found("--jitter 0 --whole-log"), "192.0.2.1 192.0.2.2");
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
    let found = |words: &str| clients(&logs.merged(&format!("-j 0 {words} 10.0.0.1:www")))[0].to_owned();
    assert_eq!(found("-p fast -t 7200"), "192.0.2.1");
    assert_eq!(found("-p fast"), "10.0.0.1");
    assert_eq!(found("-p slow -t -1"), "192.0.2.1");
    assert_eq!(found("-p slow -t -0.5"), "10.0.0.1");
}

#[test]
fn a_connection_names_the_client_and_its_port() {
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
        "192.0.2.7:51515 - - [14/Nov/2023:22:13:21 +0000] \"GET /a HTTP/1.1\" 200 5\n\
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
fn packed_files_and_standard_input_are_read() {
    let logs = farm();
    logs.write_packed("pen.log", PEN.as_bytes());
    logs.write_packed("www1", WWW1_REST.as_bytes());
    assert_eq!(logs.merged(FARM), MERGED);
    for (words, file) in [
        ("-p pen.log 10.0.0.1:- 10.0.0.1:www1 10.0.0.2:www2", "www1.1"),
        ("-p pen.log 10.0.0.1:www1.1 10.0.0.1:- 10.0.0.2:www2", "www1"),
        ("-p - 10.0.0.1:www1.1 10.0.0.1:www1 10.0.0.2:www2", "pen.log"),
    ] {
        let ended = run_with_input(logs.mergelogs(words), &fs::read(logs.path(file)).unwrap());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), MERGED), "{words}");
    }
}

#[test]
fn what_a_cut_packed_file_still_holds_is_merged() {
    let logs = farm();
    logs.write_packed("www2", WWW2.as_bytes());
    let whole = fs::read(logs.path("www2")).unwrap();
    logs.write("www2", &whole[..whole.len() - 4]);
    let ended = logs.run(FARM);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), MERGED));
    let [said] = ended.complaints()[..] else { panic!("{}", ended.stderr) };
    assert!(said.starts_with("mergelogs: cannot read www2 to its end: "), "{said}");
    assert!(said.ends_with("; what could be read is merged"), "{said}");
}

#[test]
fn lines_of_pens_log_that_are_no_records_are_counted() {
    let logs = farm();
    let pen = format!("# pen\n\n{}192.0.2.1 10.0.0.1 GET /\n", PEN.replace('\n', "\r\n"));
    logs.write("pen.log", pen.as_bytes());
    let ended = logs.run(FARM);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), MERGED));
    let said = "mergelogs: pen.log: 2 lines are no records, first line 1: a client's address is expected";
    assert_eq!(ended.complaints(), [said]);
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
        assert_eq!(clients(&logs.merged(&format!("-p pen.log {server}:www"))), [client], "{server}");
    }
}

#[test]
fn nothing_is_written_when_a_file_is_missing() {
    let logs = farm();
    fs::create_dir(logs.path("dir")).unwrap();
    for (words, said) in [
        ("-p nope 10.0.0.1:www1", "cannot read nope: No such file or directory"),
        ("-p pen.log 10.0.0.1:www1 10.0.0.1:nope", "cannot read nope: No such file or directory"),
        ("-p pen.log 10.0.0.1:dir", "cannot read dir: Is a directory"),
        ("-p pen.log -r dir 10.0.0.1:www1", "cannot write the rejects to dir: Is a directory"),
        (
            "-p pen.log -r no/where 10.0.0.1:www1",
            "cannot write the rejects to no/where: No such file or directory",
        ),
    ] {
        let ended = logs.run(words);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{words}");
        assert_eq!(ended.stderr, format!("mergelogs: {said}\n"));
    }
    let ended = logs.run("-p pen.log nonexistent.invalid:www1");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(
        ended.stderr.starts_with("mergelogs: cannot find an address of the server 'nonexistent.invalid': ")
    );
}

#[test]
fn no_file_is_read_and_written() {
    let logs = farm();
    let ended = logs.run("-p pen.log -r ./www2 10.0.0.1:www1 10.0.0.2:www2");
    let said = "mergelogs: www2 is to be read, and also to be written with -r\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), said));
    let mut command = logs.mergelogs("-p pen.log 10.0.0.1:www1");
    let output = fs::OpenOptions::new().append(true).open(logs.path("www1")).unwrap();
    let output = command.stdout(output).output().unwrap();
    let said = "mergelogs: www1 is to be read, and also to be written as standard output\n";
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(1), said));
    assert_eq!((logs.read("www1"), logs.read("www2")), (WWW1_REST.to_owned(), WWW2.to_owned()));
}

#[test]
fn a_full_disk_is_an_error_and_a_reader_that_has_enough_is_none() {
    let logs = farm();
    logs.write("www1", line("22:13:20 +0000", "GET /a").repeat(20_000).as_bytes());
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let output = logs.mergelogs(FARM).stdout(full()).output().unwrap();
    assert_eq!(said(&output), "mergelogs: cannot write the merged log: No space left on device\n");
    assert_eq!(output.status.code(), Some(1));

    logs.write("bad", &b"no time\n".repeat(20_000));
    let output = logs.mergelogs("-p pen.log -r /dev/full 10.0.0.1:bad").output().unwrap();
    assert_eq!(said(&output), "mergelogs: cannot write the rejects to /dev/full: No space left on device\n");
    assert_eq!(output.status.code(), Some(1));

    let mut child = logs.mergelogs(FARM).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""));
}

#[test]
fn any_bytes_pass_as_they_are() {
    let logs = Logs::new();
    logs.write("pen.log", b"192.0.2.1 1700000000 10.0.0.1 GET /....\n\xff\0\n");
    let www = b"10.0.0.9 - - [14/Nov/2023:22:13:20 +0000] \"GET /\xff\\x01\x80\xfe\" 200 \0\xff\x1b\r\n";
    logs.write("www", &www[..www.len() - 1]);
    let output = logs.mergelogs("-p pen.log 10.0.0.1:www").output().unwrap();
    let expected = [b"192.0.2.1", &www[8..]].concat();
    assert_eq!(output.stdout, expected, "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn lines_of_64_kib_are_merged_and_longer_ones_are_rejects() {
    let logs = Logs::with(&[("pen.log", PEN)]);
    let line = line("22:13:20 +0000", "GET /a");
    let begin = line.trim_end().to_owned() + " ";
    let long = |length: usize| begin.clone() + &"x".repeat(length - begin.len()) + "\n";
    let (longest, too_long, monster) = (long(65536), long(65537), long(1_000_000));
    logs.write("www", [&longest, &too_long, &monster, &line].map(String::as_str).concat().as_bytes());
    let ended = logs.run("-p pen.log -r rejects 10.0.0.1:www");
    assert_eq!(ended.complaints(), ["mergelogs: www: 2 lines without a time are in rejects"]);
    assert_eq!(clients(&ended.stdout), ["192.0.2.1", "192.0.2.1"]);
    assert_eq!(ended.stdout.len(), longest.len() + line.len() + 2);
    assert_eq!(logs.read("rejects"), too_long + &monster);
}

#[test]
fn wrong_command_lines_are_refused_with_one_line_and_status_2() {
    let logs = farm();
    let mut rows = USAGE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    while let (Some(words), Some(said)) = (rows.next(), rows.next()) {
        let ended = logs.run(words);
        let expected = format!("mergelogs: {}\n", said.trim_start());
        assert_eq!((ended.code, ended.stderr, ended.stdout), (Some(2), expected, String::new()), "{words}");
        count += 1;
    }
    assert!(count > 10);
}

#[test]
fn help_version_and_usage_are_told() {
    let logs = Logs::new();
    let help = logs.merged("--help");
    assert!(help.starts_with("usage: mergelogs "), "{help}");
    assert!(help.contains(" -p, --pen-log PENLOG"), "{help}");
    assert_eq!(logs.merged("--version"), format!("mergelogs {}\n", env!("CARGO_PKG_VERSION")));
    assert!(logs.merged("--generate man").contains(".It Fl p Ar PENLOG"));
    let ended = run_to_the_end(Command::new(program::mergelogs()));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("usage: mergelogs "), "{}", ended.stderr);
}
