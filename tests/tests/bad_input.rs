//! Bad input: every wrong option, server, command and line of a file, and the exact text that says so.
//!
//! The tables are files in `bad_input/`: what is wrong on a line, and indented below it what pen says. Those of the log
//! programs are tried where these are.

use std::fmt::Display;
use std::fs;
use std::sync::Mutex;

use pen_tests::{Pen, in_parallel, is_root, private_address, rows};

/// Command lines that say something wrong. `LISTEN` stands for a free address, `SERVER` for a server.
const USAGE: &str = include_str!("bad_input/usage.txt");
/// Command lines that are well said, but do not fit the world as it is.
const WORLD: &str = include_str!("bad_input/world.txt");
/// Commands that say something wrong, with the error as it follows `-O 'COMMAND': ` or `FILE:LINE: ` or `error: `.
const COMMANDS: &str = include_str!("bad_input/commands.txt");
/// Commands that do not fit the world.
const UNFIT: &str = include_str!("bad_input/unfit.txt");
/// Commands that do not exist, and the words to name them by.
const UNKNOWN: [(&str, &str); 4] =
    [("nonsense", "nonsense"), ("Blacklist 5", "Blacklist"), ("no", "no"), ("no nonsense", "no nonsense")];

/// Commands that are wrong for a running pen with one server.
const RUNNING: [(&str, &str); 20] = [
    ("listen 192.0.2.1:80", "cannot listen on 192.0.2.1:80: this machine does not have that address"),
    ("listen /nonexistent/x", "cannot listen on /nonexistent/x: No such file or directory"),
    ("include /nonexistent", "cannot read /nonexistent: No such file or directory"),
    ("log /nonexistent/x", "cannot open the request log /nonexistent/x: No such file or directory"),
    ("write", "no file to write to: pen was started without -F, so 'write FILE' has to name one"),
    ("write /nonexistent/x", "cannot write /nonexistent/x: No such file or directory"),
    ("no server 7", "there is no server 7: the slots are 0 to 0; usage: no server N"),
    ("drain 7", "there is no server 7: 'servers' lists those that there are"),
    ("no drain 7", "there is no server 7: 'servers' lists those that there are"),
    ("maint 7", "there is no server 7: 'servers' lists those that there are"),
    ("no maint 7", "there is no server 7: 'servers' lists those that there are"),
    ("server 3 port 5", "slot 3 is empty: 'server 3 address ADDRESS' fills it"),
    (
        "service web servers",
        "there is no service 'web': there are default, 'service web' adds it; usage: service NAME [COMMAND]",
    ),
    ("no service web", "there is no service 'web': there are default; usage: no service NAME"),
    ("no service default", "the service 'default' is always there: empty its slots with 'no server N'"),
    ("web 192.0.2.1:80", "web: cannot listen on 192.0.2.1:80: this machine does not have that address"),
    ("tls_cert /nonexistent", "tls_cert /nonexistent: No such file or directory"),
    ("require_client_cert", "require_client_cert needs tls_cert: without it clients speak no TLS"),
    ("ssl_sni_path /etc", "ssl_sni_path needs tls_cert: without it clients speak no TLS"),
    ("threads 3", "threads can only be set at start: restart pen with it in the -F file"),
];

/// What is not as expected, collected over a table.
#[derive(Default)]
struct Complaints(Mutex<Vec<String>>);

impl Complaints {
    fn compare<T: PartialEq + std::fmt::Debug>(&self, input: impl Display, expected: &T, got: &T) {
        if expected != got {
            self.0.lock().unwrap().push(format!("{input}\n  expected {expected:?}\n  got      {got:?}"));
        }
    }

    #[track_caller]
    fn assert_none(self) {
        let complaints = self.0.into_inner().unwrap();
        assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    }
}

/// Starts pen with every command line of the table, which it must refuse.
#[track_caller]
fn refuses_command_lines(table: &'static str, status: i32) {
    let (mut rows, complaints) = (rows(table), Complaints::default());
    // To anybody else these are refused for another reason.
    rows.retain(|(words, _)| is_root() || !(words.contains("-u root") || words.contains("-j ")));
    in_parallel(rows.len(), 4, |number| {
        let (words, said) = rows[number];
        let listen = private_address().to_string();
        let in_place = |text: &str| text.replace("LISTEN", &listen).replace("SERVER", "127.0.0.1:1");
        let words = in_place(words);
        let ended = Pen::run(["-f"].into_iter().chain(words.split(' ')));
        let expected = (Some(status), format!("{}\n", said.replace("LISTEN", &listen)));
        complaints.compare(&words, &expected, &(ended.code, ended.stderr));
    });
    complaints.assert_none();
}

#[test]
fn command_lines_that_say_something_wrong_are_refused_with_status_2() {
    refuses_command_lines(USAGE, 2);
}

#[test]
fn command_lines_that_do_not_fit_the_world_are_refused_with_status_1() {
    refuses_command_lines(WORLD, 1);
}

/// All wrong commands: the exit status after `-O`, the command, and what is said of it.
fn wrong_commands() -> Vec<(i32, &'static str, String)> {
    let wrong = rows(COMMANDS).into_iter().map(|(command, said)| (2, command, said.to_owned()));
    let unfit = rows(UNFIT).into_iter().map(|(command, said)| (1, command, said.to_owned()));
    let unknown = UNKNOWN.into_iter().map(|(command, name)| {
        (2, command, format!("unknown command '{name}': penctl's 'help' lists the commands"))
    });
    wrong.chain(unfit).chain(unknown).collect()
}

#[test]
fn wrong_commands_of_options_are_refused_at_start() {
    let (commands, complaints) = (wrong_commands(), Complaints::default());
    in_parallel(commands.len(), 4, |number| {
        let (status, command, said) = &commands[number];
        let listen = private_address().to_string();
        let ended = Pen::run(["-f", "-O", command, &listen, "127.0.0.1:1"]);
        let expected = (Some(*status), format!("pen: -O '{command}': {said}\n"));
        complaints.compare(command, &expected, &(ended.code, ended.stderr));
    });
    complaints.assert_none();
}

#[test]
fn wrong_lines_of_a_file_are_refused_at_start_with_file_and_line() {
    let directory = tempfile::tempdir().unwrap();
    let (commands, complaints) = (wrong_commands(), Complaints::default());
    in_parallel(commands.len(), 4, |number| {
        let (_, command, said) = &commands[number];
        let file = directory.path().join(format!("file{number}"));
        fs::write(&file, format!("# a comment\n\nblacklist 7\n{command}\n")).unwrap();
        let (file, listen) = (file.display().to_string(), private_address().to_string());
        let ended = Pen::run(["-f", "-F", &file, &listen, "127.0.0.1:1"]);
        let expected = (Some(1), format!("pen: {file}:4: {said}\n"));
        complaints.compare(command, &expected, &(ended.code, ended.stderr));
    });
    complaints.assert_none();
}

#[test]
fn wrong_commands_on_the_wire_are_answered_with_the_error_and_change_nothing() {
    let pen = Pen::builder().servers(["127.0.0.1:1:2:3:4:5"]).start();
    let everything = || (pen.ask("servers"), pen.ask("mode"), pen.ask("blacklist"), pen.ask("listen"));
    let before = everything();
    let complaints = Complaints::default();
    for (_, command, said) in wrong_commands() {
        let expected = match UNKNOWN.iter().find(|(unknown, _)| *unknown == command) {
            Some((_, name)) => format!("do_cmd: ignoring command starting with '{name}'\n"),
            None => format!("error: {said}\n"),
        };
        complaints.compare(command, &expected, &pen.ask(command));
        complaints.compare(command, &before, &everything());
    }
    for (command, said) in RUNNING {
        complaints.compare(command, &format!("error: {said}\n"), &pen.ask(command));
    }
    complaints.compare("all of them", &before, &everything());
    complaints.assert_none();
    pen.stop();
}

#[test]
fn files_that_are_no_text_of_commands_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let file = path("file");
    let itself = format!("include {file}\n");
    let cases: [(&[u8], String); 5] = [
        (
            b"blacklist 7\nblack\0list 8\n",
            ":2: control character 0x00 at byte 6 of the line: a command is plain text".into(),
        ),
        (b"blacklist 7\n\xff\xfe\n", ": not UTF-8 text after byte 12".into()),
        (
            b"blacklist 7\r\nblacklist x\r\n",
            ":2: bad blacklist 'x': a number from 0 to 31536000 is expected; usage: blacklist [T]".into(),
        ),
        (
            b"blacklist x",
            ":1: bad blacklist 'x': a number from 0 to 31536000 is expected; usage: blacklist [T]".into(),
        ),
        (
            itself.as_bytes(),
            format!(":1: {}files include each other more than 8 deep", format!("{file}:1: ").repeat(7)),
        ),
    ];
    let complaints = Complaints::default();
    for (text, said) in &cases {
        fs::write(&file, text).unwrap();
        let ended = Pen::run(["-f", "-F", &file, "127.0.0.1:0", "127.0.0.1:1"]);
        // Without a line, it is the file as a whole that cannot be read.
        let tried = if said.starts_with(": ") { "cannot read " } else { "" };
        complaints.compare(
            String::from_utf8_lossy(text),
            &format!("pen: {tried}{file}{said}\n"),
            &ended.stderr,
        );
    }
    let directory_itself = directory.path().display().to_string();
    let ended = Pen::run(["-f", "-F", &directory_itself, "127.0.0.1:0", "127.0.0.1:1"]);
    complaints.compare(
        "a directory",
        &format!("pen: cannot read {directory_itself}: not a regular file\n"),
        &ended.stderr,
    );
    complaints.assert_none();
}
