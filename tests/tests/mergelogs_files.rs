//! `mergelogs`: the files that it reads and writes, good and bad, and its command line.

use std::fs;
use std::process::{Command, Output, Stdio};

use pen_tests::web_logs::{FARM, Logs, MERGED, PEN, WWW1_REST, WWW2, clients, farm, line};
use pen_tests::{program, rows, run_to_the_end, run_with_input};

/// Command lines that say something wrong, and what is said of them.
const USAGE: &str = include_str!("bad_input/mergelogs.txt");

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
    let said = "mergelogs: pen.log: 2 lines are no records, first line 1: a Unix time is missing";
    assert_eq!(ended.complaints(), [said]);
}

#[test]
fn it_is_told_when_no_line_has_a_client() {
    let logs = farm();
    let said = "mergelogs: no line has a client: are these servers those of pen.log, and clocks within the \
                jitter (-j, -t)?";
    for words in ["-p pen.log 10.0.0.7:www1", "-p pen.log -t 7200 10.0.0.1:www1"] {
        let ended = logs.run(words);
        assert_eq!((ended.code, ended.complaints()), (Some(0), vec![said]), "{words}");
        assert_eq!(ended.stdout.lines().count(), 3);
    }
    logs.write("empty", b"");
    assert_eq!(logs.merged("-p pen.log 10.0.0.1:empty"), "");
    assert_eq!(logs.merged("-p empty 10.0.0.1:www1").lines().count(), 3);
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
    let logs = Logs::with(&[]);
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
    for (words, said) in rows(USAGE) {
        let ended = logs.run(words);
        let expected = format!("mergelogs: {said}\n");
        assert_eq!((ended.code, ended.stderr, ended.stdout), (Some(2), expected, String::new()), "{words}");
    }
}

#[test]
fn help_version_and_usage_are_told() {
    let logs = Logs::with(&[]);
    let help = logs.merged("--help");
    assert!(help.starts_with("usage: mergelogs "), "{help}");
    assert!(help.contains(" -p, --pen-log PENLOG"), "{help}");
    assert_eq!(logs.merged("-h"), help);
    assert_eq!(logs.merged("--version"), format!("mergelogs {}\n", env!("CARGO_PKG_VERSION")));
    assert!(logs.merged("--generate man").contains(".It Fl p Ar PENLOG"));
    let ended = run_to_the_end(Command::new(program::mergelogs()));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("usage: mergelogs "), "{}", ended.stderr);
}
