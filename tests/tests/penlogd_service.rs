//! penlogd as a service: its command line, its start, its rights, its files and signals.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use pen_tests::{Peer, Penlogd, is_root, private_address, program, rows, wait_until};

/// Command lines that say something wrong.
const USAGE: &str = include_str!("bad_input/penlogd.txt");
/// Command lines that are well said, but do not fit the world as it is.
const WORLD: &str = include_str!("bad_input/penlogd_world.txt");

#[test]
fn wrong_command_lines_are_refused_with_one_line() {
    for (table, status) in [(USAGE, 2), (WORLD, 1)] {
        for (words, said) in rows(table) {
            let ended = Penlogd::run(words.split(' '));
            assert_eq!((ended.code, ended.stderr), (Some(status), format!("penlogd: {said}\n")), "{words}");
        }
    }
}

#[test]
fn a_port_that_is_taken_is_told_in_the_background_too() {
    let first = Penlogd::builder().start();
    let second = Penlogd::builder().at(first.address()).start_in_background().unwrap_err();
    let said = format!("penlogd: cannot receive at {}: another program has that port\n", first.address());
    assert_eq!((second.code, second.stderr), (Some(1), said));
}

#[test]
fn help_version_and_manual_are_printed() {
    for words in ["", "-h", "--help"] {
        let ended = Penlogd::run(words.split_terminator(' '));
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.starts_with("usage: penlogd [-bdf] "), "{}", ended.stdout);
        assert!(ended.stdout.contains("  -w, --wait MS "), "{}", ended.stdout);
    }
    let version = Penlogd::run(["--version"]);
    assert_eq!(version.stdout, format!("penlogd {}\n", env!("CARGO_PKG_VERSION")));
    let manual = Penlogd::run(["--generate", "man"]);
    assert!(manual.stdout.contains(".It Fl n Ar N , Fl Fl cache Ar N\n"), "{}", manual.stdout);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(program::penlogd()).arg("--help").stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*said), (Some(1), "penlogd: cannot write: No space left on device\n"));
}

#[test]
fn in_the_background_it_is_up_when_the_parent_ends_and_ends_with_term() {
    let address = private_address();
    let builder = Penlogd::builder().at(address);
    let (process, directory) = builder.start_in_background().unwrap();
    let (log, pid_file) = (directory.path().join("log"), directory.path().join("pid"));
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), process.0.to_string());
    Peer::to(address, "127.0.1.1").send("hello\n");
    wait_until("the line is there", || fs::read(&log).is_ok_and(|log| log == b"hello\n"));
    process.end();
    assert!(!pid_file.exists());
}

#[test]
fn without_a_file_lines_go_to_standard_output() {
    let address = private_address();
    let mut child = Command::new(program::penlogd())
        .args(["-f", &address.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 40];
    child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    Peer::to(address, "127.0.1.1").send("hello\n");
    let mut line = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(&line, b"hello\n");
}

#[test]
fn term_writes_what_waits_and_ends_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let builder = Penlogd::builder().option("-w 1000").option("-p pid");
        let pid_file = builder.directory().join("pid");
        let penlogd = builder.start();
        assert!(pid_file.exists());
        let web = penlogd.peer("127.0.1.1");
        let waiting = "10.9.9.9 - - [21/Nov/2026:14:31:53 +0000] \"GET /\" 200 1\n";
        web.send(waiting);
        web.send("behind it\n");
        web.send("without an end");
        penlogd.signal(signal);
        let stopped = penlogd.stop();
        let logged = String::from_utf8(stopped.logged).unwrap();
        assert_eq!(logged, format!("{waiting}behind it\nwithout an end\n"));
        assert!(!pid_file.exists());
    }
}

#[test]
fn hup_opens_the_file_again_and_no_line_is_lost() {
    let penlogd = Penlogd::start();
    let web = penlogd.peer("127.0.1.1");
    web.send("one\n");
    penlogd.expect("one\n");
    let (log, old) = (penlogd.directory().join("log"), penlogd.directory().join("log.1"));
    fs::rename(&log, &old).unwrap();
    web.send("two\n");
    penlogd.signal(Signal::SIGHUP);
    wait_until("the file is there", || log.exists());
    web.send("three\n");
    wait_until("all lines are there", || {
        let (old, new) = (fs::read_to_string(&old).unwrap(), fs::read_to_string(&log).unwrap());
        old + &new == "one\ntwo\nthree\n" && new.ends_with("three\n")
    });
}

#[test]
fn a_file_that_cannot_be_opened_again_leaves_the_old_one_in_use() {
    let builder = Penlogd::builder();
    fs::create_dir(builder.directory().join("logs")).unwrap();
    let penlogd = builder.log("logs/log").start();
    let (logs, moved) = (penlogd.directory().join("logs"), penlogd.directory().join("moved"));
    fs::rename(&logs, &moved).unwrap();
    penlogd.signal(Signal::SIGHUP);
    let name = logs.join("log");
    penlogd.expect_word(&format!(
        "cannot open the log {} again: No such file or directory; the file that was open stays in use",
        name.display()
    ));
    penlogd.peer("127.0.1.1").send("still here\n");
    wait_until("the line is there", || fs::read(moved.join("log")).unwrap() == b"still here\n");
}

#[test]
fn a_log_that_was_removed_or_replaced_is_opened_again_without_a_signal() {
    let replace = |log: &Path| fs::rename(log.with_extension("new"), log).unwrap();
    let remove = |log: &Path| fs::remove_file(log).unwrap();
    for change in [&replace as &dyn Fn(&Path), &remove] {
        let penlogd = Penlogd::start();
        let (web, log) = (penlogd.peer("127.0.1.1"), penlogd.directory().join("log"));
        fs::write(log.with_extension("new"), "").unwrap();
        change(&log);
        wait_until("lines go to the new file", || {
            web.send("here\n");
            fs::read(&log).is_ok_and(|log| log.ends_with(b"here\n"))
        });
        penlogd.expect_word("was removed or replaced, and is opened again");
    }
}

#[test]
fn a_removed_log_that_cannot_be_opened_anew_gets_no_line_that_would_be_lost() {
    let builder = Penlogd::builder();
    let logs = builder.directory().join("logs");
    fs::create_dir(&logs).unwrap();
    let penlogd = builder.log("logs/log").start();
    let web = penlogd.peer("127.0.1.1");
    fs::remove_dir_all(&logs).unwrap();
    let mut sent = 0;
    wait_until("it is told", || {
        web.send(format!("{sent}\n"));
        sent += 1;
        penlogd.stderr().contains("lines are kept, and it is tried again")
    });
    // From now on all of them, also after a signal.
    penlogd.signal(Signal::SIGHUP);
    penlogd.expect_word("the file that was open stays in use");
    let kept = "kept\n".repeat(100);
    web.send(&kept);
    fs::create_dir(&logs).unwrap();
    wait_until("they are there", || penlogd.logged().ends_with(kept.as_bytes()));
}

#[test]
fn usr1_tells_what_was_counted() {
    let penlogd = Penlogd::builder().option("-b").option("-w 0").start();
    let web = penlogd.peer("127.0.1.1");
    web.send("one\ntwo\n");
    web.send("+ 192.0.2.1 127.0.1.1 GET /\n");
    web.send("three\n");
    penlogd.expect("one\ntwo\nthree\n");
    penlogd.signal(Signal::SIGUSR1);
    penlogd.expect_word("3 lines (");
    penlogd.expect_word("records: 1 of requests, 0 of connections, 0 bad");
}

#[test]
fn the_user_and_the_root_directory_are_those_that_are_asked_for() {
    if !is_root() {
        eprintln!("skipped: other users need root");
        return;
    }
    let builder = Penlogd::builder().log("/log").option("-u nobody").option("-p /pid");
    let root = builder.directory().to_owned();
    let penlogd = builder.option(&format!("-j {}", root.display())).option("-b").start();
    penlogd.peer("127.0.1.1").send("hello\n");
    wait_until("the line is there", || fs::read(root.join("log")).is_ok_and(|log| log == b"hello\n"));
    let process = penlogd.process();
    let uid = fs::metadata(root.join("log")).unwrap().uid();
    assert_ne!(uid, 0);
    assert_eq!(process.status("Uid"), format!("{uid}\t{uid}\t{uid}\t{uid}"));
    assert_eq!(process.status("CapPrm"), "0000000000000000");
    assert_eq!(process.link("root"), root.canonicalize().unwrap());
    assert_eq!(fs::metadata(root.join("pid")).unwrap().uid(), uid);
    penlogd.stop();
    assert!(!root.join("pid").exists());
}

#[test]
fn a_file_of_another_user_is_left_alone() {
    if !is_root() {
        eprintln!("skipped: other users need root");
        return;
    }
    let builder = Penlogd::builder().option("-u nobody");
    let log = builder.directory().join("log");
    fs::write(&log, "precious\n").unwrap();
    fs::set_permissions(&log, fs::Permissions::from_mode(0o666)).unwrap();
    let ended = builder.start_in_background().unwrap_err();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("the file belongs to uid 0"), "{}", ended.stderr);
}

#[test]
fn a_port_alone_is_one_of_all_addresses_of_both_kinds() {
    let penlogd = Penlogd::builder().on_all_addresses().option("-b").option("-w 0").start();
    let port = penlogd.address().port();
    let mut expected = String::new();
    for host in ["127.0.0.1", "127.9.9.9", "::1"] {
        let to = (host.parse::<std::net::IpAddr>().unwrap(), port).into();
        let line = format!("{host}\n");
        Peer::to(to, host).send(&line);
        expected += &line;
        penlogd.expect(&expected);
    }
}
