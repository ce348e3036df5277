//! Logs of web servers and of pen in a directory, and mergelogs, which merges them.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::child::{Ended, run_to_the_end};
use crate::program;

/// A directory of logs.
#[derive(Debug)]
pub struct Logs(TempDir);

/// A line of a web server; `22:13:20 +0000` is 1700000000.
pub fn line(time: &str, request: &str) -> String {
    format!("10.0.0.9 - - [14/Nov/2023:{time}] \"{request} HTTP/1.1\" 200 5\n")
}

impl Logs {
    /// One with these files, by name and text.
    pub fn with(files: &[(&str, &str)]) -> Logs {
        let logs = Logs(tempfile::tempdir().expect("a directory can be made"));
        for (name, text) in files {
            logs.write(name, text.as_bytes());
        }
        logs
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes a file, or another one of it.
    pub fn write(&self, name: &str, text: &[u8]) {
        fs::write(self.path(name), text).expect("the directory is ours");
    }

    /// Makes a file that gzip has packed.
    pub fn write_packed(&self, name: &str, text: &[u8]) {
        let mut gzip =
            Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        gzip.stdin.take().unwrap().write_all(text).unwrap();
        self.write(name, &gzip.wait_with_output().unwrap().stdout);
    }

    /// What is in a file.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).expect("the file is there")).into_owned()
    }

    /// mergelogs, to be run in the directory.
    pub fn mergelogs(&self, words: &str) -> Command {
        self.command(program::mergelogs(), words)
    }

    /// Any program, to be run in the directory.
    pub fn command(&self, program: PathBuf, words: &str) -> Command {
        let mut command = Command::new(program);
        command.args(words.split(' ')).current_dir(self.0.path()).env("TZ", "UTC");
        command
    }

    /// Runs mergelogs.
    #[track_caller]
    pub fn run(&self, words: &str) -> Ended {
        run_to_the_end(self.mergelogs(words))
    }

    /// The merged log, of which there is nothing to be said.
    #[track_caller]
    pub fn merged(&self, words: &str) -> String {
        let ended = self.run(words);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{words}");
        ended.stdout
    }
}

/// The first field of each line.
pub fn clients(merged: &str) -> Vec<&str> {
    merged.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect()
}

/// pen's log.
pub const PEN: &str = "\
192.0.2.1 1700000000 10.0.0.1 GET /a HTTP/1.1
192.0.2.2 1700000001 10.0.0.2 GET /a HTTP/1.1
192.0.2.3 1700000001 10.0.0.1 GET /b HTTP/1.1
192.0.2.4 1700000002 10.0.0.2 POST /form HTTP/1.1
2001:db8::7 1700000003 10.0.0.1 GET /c?x=%20 HTTP/1.1
";

/// One line, because the old program shows the second line of the log that begins with a wrong time.
pub const WWW1_BEGIN: &str = "\
10.0.0.9 - - [14/Nov/2023:22:13:20 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"curl/8\"
";
/// The rest of that log.
pub const WWW1_REST: &str = "\
10.0.0.9 - alice [14/Nov/2023:22:13:21 +0000] \"GET /b HTTP/1.1\" 304 -
10.0.0.9 - - [14/Nov/2023:22:13:23 +0000] \"GET /c?x=%20 HTTP/1.1\" 200 5
10.0.0.9 - - [14/Nov/2023:22:13:24 +0000] \"GET /unknown HTTP/1.1\" 404 5
";
/// The log of another server.
pub const WWW2: &str = "\
10.0.0.9 - - [14/Nov/2023:22:13:21 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"a\\\"b [c]\"
10.0.0.9 - - [14/Nov/2023:22:13:22 +0000] \"POST /form HTTP/1.1\" 500 99999
10.0.0.9 - - [14/Nov/2023:22:13:25 +0000] \"-\" 408 -
";
/// What they become.
pub const MERGED: &str = "\
192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"curl/8\"
192.0.2.3 - alice [14/Nov/2023:22:13:21 +0000] \"GET /b HTTP/1.1\" 304 -
192.0.2.2 - - [14/Nov/2023:22:13:21 +0000] \"GET /a HTTP/1.1\" 200 17 \"-\" \"a\\\"b [c]\"
192.0.2.4 - - [14/Nov/2023:22:13:22 +0000] \"POST /form HTTP/1.1\" 500 99999
2001:db8::7 - - [14/Nov/2023:22:13:23 +0000] \"GET /c?x=%20 HTTP/1.1\" 200 5
10.0.0.1 - - [14/Nov/2023:22:13:24 +0000] \"GET /unknown HTTP/1.1\" 404 5
10.0.0.2 - - [14/Nov/2023:22:13:25 +0000] \"-\" 408 -
";

/// A farm of two servers.
pub fn farm() -> Logs {
    Logs::with(&[("pen.log", PEN), ("www1.1", WWW1_BEGIN), ("www1", WWW1_REST), ("www2", WWW2)])
}

/// What is to be said to merge their logs.
pub const FARM: &str = "-p pen.log 10.0.0.1:www1.1 10.0.0.1:www1 10.0.0.2:www2";
