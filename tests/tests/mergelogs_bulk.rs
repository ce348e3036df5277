//! `mergelogs` with millions of lines: all of them come out, right, in order, and in little memory.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use pen_tests::{LIMIT, program, within};

const SERVERS: u64 = 4;
/// Requests a second.
const RATE: u64 = 400;
/// `prlimit --as`, in bytes.
const MEMORY: u64 = 300_000_000;

/// As many as it takes when the program was built for speed, which a named one is.
fn lines() -> u64 {
    if std::env::var_os("MERGELOGS_BIN").is_some() { 5_000_000 } else { 100_000 }
}

/// A request, made from its number alone, so that whoever writes a log or looks at the merged one knows all of them.
struct Request {
    number: u64,
}

impl Request {
    fn client(&self) -> Ipv4Addr {
        // Neighbours in time differ, and the text of the requests does not tell.
        Ipv4Addr::from_bits(0x0a00_0000 + (self.number.wrapping_mul(2_654_435_761) % 50_000) as u32)
    }

    fn server(&self) -> u64 {
        self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62
    }

    fn second(&self) -> u64 {
        1_700_000_000 + self.number / RATE
    }

    /// Every other one shows the connection; the others are told apart by what they ask for.
    fn connection(&self) -> Option<u64> {
        self.number.is_multiple_of(2).then_some(20_000 + self.number / 2 % 40_000)
    }

    fn text(&self) -> String {
        match self.connection() {
            Some(_) => "GET /index.html HTTP/1.1".to_owned(),
            None => format!("GET /page/{} HTTP/1.1", self.number),
        }
    }

    fn write_record(&self, out: &mut String) {
        let Request { number, .. } = self;
        let (client, second, server) = (self.client(), self.second(), self.server());
        if let Some(port) = self.connection() {
            let milliseconds = number % RATE * 1000 / RATE;
            _ = writeln!(
                out,
                "= {client} 1024 10.9.9.9 {port} 127.0.1.{server} 80 {second}.{milliseconds:03}"
            );
        }
        _ = writeln!(out, "{client} {second} 127.0.1.{server} {}", self.text());
    }

    fn write_line(&self, out: &mut String) {
        let second = self.second() - 1_700_000_000 + 22 * 3600 + 13 * 60 + 20;
        let (day, hour, minute, second) =
            (14 + second / 86400, second / 3600 % 24, second / 60 % 60, second % 60);
        let port = self.connection().map_or(String::new(), |port| format!(":{port}"));
        let (text, number, client) = (self.text(), self.number, self.client());
        _ = writeln!(
            out,
            "10.9.9.9{port} - - [{day}/Nov/2023:{hour:02}:{minute:02}:{second:02} +0000] \
             \"{text}\" 200 {number} \"-\" \"{client}\"",
        );
    }
}

/// Writes a log into a pipe while it is read.
fn feed(path: &Path, write: impl Fn(&Request, &mut String) + Send + 'static) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo can be run");
    assert!(made.success());
    let path = path.to_owned();
    thread::spawn(move || {
        let pipe = OpenOptions::new().write(true).open(path).expect("it is ours");
        let (mut pipe, mut text) = (BufWriter::with_capacity(64 * 1024, pipe), String::new());
        for number in 0..lines() {
            text.clear();
            write(&Request { number }, &mut text);
            // The test sees it when the reader is gone.
            if pipe.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    });
}

/// Reads the merged log: how many lines it has, how many name another client than theirs, and how many are earlier than the
/// one before them.
fn judge(merged: impl std::io::Read) -> (u64, u64, u64) {
    let (mut count, mut wrong, mut early, mut latest) = (0, 0, 0, String::new());
    let (mut merged, mut line) = (BufReader::with_capacity(256 * 1024, merged), String::new());
    while merged.read_line(&mut line).expect("it is ASCII") > 0 {
        count += 1;
        let shown = line.split([' ', ':']).next().unwrap_or_default();
        let meant = line.trim_end().rsplit('"').nth(1).unwrap_or_default();
        wrong += u64::from(shown != meant);
        // Within one month the text of a time is in order as the time is.
        let time = line.split(['[', ']']).nth(1).unwrap_or_default();
        early += u64::from(time < latest.as_str());
        latest.clear();
        latest.push_str(time);
        line.clear();
    }
    (count, wrong, early)
}

#[test]
fn millions_of_lines_find_their_clients_in_little_memory() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = |name: &str| directory.path().join(name);
    feed(&path("pen.log"), Request::write_record);
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={MEMORY}")).arg(program::mergelogs()).arg("-p").arg(path("pen.log"));
    for server in 0..SERVERS {
        let log = path(&format!("www{server}"));
        feed(&log, move |request, out| {
            if request.server() == server {
                request.write_line(out);
            }
        });
        command.arg(format!("127.0.1.{server}:{}", log.display()));
    }
    let errors = File::create(path("errors")).expect("the directory is ours");
    let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("prlimit can be run");
    let merged = child.stdout.take().expect("it is piped");
    let judging = thread::spawn(move || judge(merged));
    let status = end(&mut child);
    let said = std::fs::read_to_string(path("errors")).expect("it is ours");
    assert_eq!((status, said.as_str()), (Some(0), ""));
    assert_eq!(judging.join().expect("judging does not panic"), (lines(), 0, 0));
}

/// Waits for the end, which is far away only if something hangs.
fn end(child: &mut Child) -> Option<i32> {
    let ended = within(10 * LIMIT, || child.try_wait().expect("it is our child").is_some());
    if !ended {
        _ = child.kill();
    }
    child.wait().expect("it is our child").code()
}
