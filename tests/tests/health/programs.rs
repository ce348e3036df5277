//! Programs as checks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use pen_tests::{Backend, Pen, PenBuilder, Process, settled, wait_until};

use super::log::{lines, wait_for_line, wait_until_down};

/// A pen whose server is checked by this script, which may use `$DIR`, a directory of the test's own.
fn checked_by(script: &str, pace: &str) -> Pen {
    checked_by_one_of(Pen::builder(), script, pace)
}

fn checked_by_one_of(builder: PenBuilder, script: &str, pace: &str) -> Pen {
    let directory = builder.directory().to_owned();
    let path = directory.join("check");
    fs::write(&path, format!("#!/bin/sh\nDIR={}\n{script}\n", directory.display())).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    builder
        .server("127.0.0.1:9")
        .command("server 0 name www1")
        .command(&format!("health exec \"{}\" {pace} rise 1 fall 1", path.display()))
        .start()
}

fn read(pen: &Pen, name: &str) -> String {
    fs::read_to_string(pen.directory().join(name)).unwrap_or_default()
}

/// The processes whose parent is pen.
fn children(pen: &Pen) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", pen.process().0)).expect("pen lives");
    let children = tasks.flatten().map(|task| fs::read_to_string(task.path().join("children")));
    children
        .map_while(Result::ok)
        .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// All that pen has ever read, in bytes.
fn bytes_read(pen: &Pen) -> u64 {
    let counts = fs::read_to_string(format!("/proc/{}/io", pen.process().0)).expect("pen lives");
    let count = counts.lines().find_map(|line| line.strip_prefix("rchar: "));
    count.and_then(|count| count.parse().ok()).expect("the kernel counts")
}

fn touch(path: &Path) {
    fs::write(path, "").unwrap();
}

#[test]
fn the_status_decides_and_the_first_line_says_why() {
    let pen = checked_by(
        "echo run >> $DIR/runs; [ ! -e $DIR/ill ] || { echo 'replication is behind' >&2; echo more; exit 3; }",
        "interval 1",
    );
    wait_until("it has run twice", || read(&pen, "runs").len() >= 8);
    assert_eq!(lines(&pen, " is down"), [""; 0]);
    touch(&pen.directory().join("ill"));
    wait_until_down(&pen, "exec check: replication is behind");
    fs::remove_file(pen.directory().join("ill")).unwrap();
    wait_for_line(&pen, "server 0 (127.0.0.1:9) is up again: exec check passed (1 check)");
    pen.stop();
}

#[test]
fn one_that_says_nothing_is_told_by_its_status_or_signal() {
    wait_until_down(&checked_by("exit 7", "interval 1"), "exec check: exit status 7");
    let pen = Pen::builder().server("127.0.0.1:9").command("health exec \"kill -9 $$\"").start();
    wait_until_down(&pen, "exec check: ended by signal 9");
    wait_until_down(&checked_by("no-such-program 2>/dev/null", "interval 1"), "exec check: exit status 127");
}

#[test]
fn what_it_says_is_cut_and_made_harmless() {
    let pen = checked_by("printf '\\033[31mred'; head -c 1000 /dev/zero | tr '\\0' x; exit 1", "interval 1");
    wait_for_line(&pen, " is down: exec check: \\u{1b}[31mredxxx");
    let said = lines(&pen, " is down").remove(0);
    assert_eq!(said.matches('x').count() - "exec".matches('x').count(), 200 - 8, "{said}");
    pen.stop();
}

#[test]
fn it_is_told_of_the_server_and_of_nothing_else() {
    let pen = checked_by("env > $DIR/env; ls -l /proc/$$/fd > $DIR/fds; cat >> $DIR/stdin", "interval 1");
    wait_until("it has run", || Path::new(&pen.directory().join("stdin")).exists());
    let mut variables: Vec<String> = read(&pen, "env").lines().map(str::to_owned).collect();
    variables
        .retain(|line| !["PWD=", "PATH=", "_=", "SHLVL=", "OLDPWD="].iter().any(|own| line.starts_with(own)));
    variables.sort();
    assert_eq!(
        variables,
        ["PEN_ADDRESS=127.0.0.1", "PEN_NAME=www1", "PEN_PORT=9", "PEN_SERVER=0", "PEN_SERVICE=default"]
    );
    assert_eq!(read(&pen, "stdin"), "");
    // What pen has from whoever started it may be there, too.
    let descriptors = read(&pen, "fds");
    assert!(!descriptors.contains("socket:") && !descriptors.contains("anon_inode:"), "{descriptors}");
    pen.stop();
}

#[test]
fn its_signals_do_what_they_do_by_default() {
    // Of those that pen handles, ignores or waits for: CHLD, HUP, INT, PIPE, TERM, USR1, XFSZ.
    let pen = checked_by(
        "grep -E '^Sig(Blk|Ign)' /proc/self/status > $DIR/new; mv $DIR/new $DIR/masks",
        "interval 60",
    );
    wait_until("it has run", || !read(&pen, "masks").is_empty());
    let of_pen = [1, 2, 10, 13, 15, 17, 25].map(|signal| 1_u64 << (signal - 1)).iter().sum::<u64>();
    for line in read(&pen, "masks").lines() {
        let (_, mask) = line.split_once('\t').unwrap();
        assert_eq!(u64::from_str_radix(mask, 16).unwrap() & of_pen, 0, "{line}");
    }
    pen.stop();
}

#[test]
fn its_end_is_learned_even_where_whoever_started_pen_ignores_that_of_children() {
    let builder = Pen::builder().under(["env", "--ignore-signal=CHLD"]);
    let pen = checked_by_one_of(builder, "echo run >> $DIR/runs; [ ! -e $DIR/ill ] || exit 3", "interval 1");
    wait_until("it has run twice", || read(&pen, "runs").len() >= 8);
    assert_eq!(lines(&pen, " is down"), [""; 0]);
    touch(&pen.directory().join("ill"));
    wait_until_down(&pen, "exec check: exit status 3");
    pen.stop();
}

#[test]
fn what_it_leaves_to_the_first_process_of_a_container_is_reaped() {
    // The orphans of a subreaper's children fall to it as those of a container do to its first process.
    let become_subreaper =
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1); os.execvp(sys.argv[1], sys.argv[1:])";
    let builder = Pen::builder().under(["python3", "-c", become_subreaper]);
    let pen = checked_by_one_of(builder, "sleep 1000 & sleep 1000 & echo run >> $DIR/runs", "interval 1");
    wait_until("it has run five times", || read(&pen, "runs").len() >= 20);
    // Those of the latest run may be left, and those of one under way.
    wait_until("they were reaped", || children(&pen).len() <= 5);
    pen.tell("no health");
    wait_until("all were reaped", || children(&pen).len() <= 2);
    pen.stop();
}

#[test]
fn one_that_hangs_is_killed_with_all_that_it_has_started() {
    let pen = checked_by(
        "sleep 1000 & echo $! > $DIR/child; echo $$ > $DIR/self; sleep 1000",
        "interval 60 timeout 1",
    );
    wait_until_down(&pen, "exec check: the program took too long");
    for name in ["child", "self"] {
        let process = Process(read(&pen, name).trim().parse().unwrap());
        wait_until("it was killed", || !process.is_alive());
    }
    wait_until("it was reaped", || children(&pen).is_empty());
    pen.stop();
}

#[test]
fn what_it_leaves_behind_ends_with_it() {
    let pen = checked_by("sleep 1000 & echo $! > $DIR/child", "interval 60");
    wait_until("it has run", || read(&pen, "child").ends_with('\n'));
    let process = Process(read(&pen, "child").trim().parse().unwrap());
    wait_until("it was killed", || !process.is_alive());
    wait_until("it was reaped", || children(&pen).is_empty());
    assert_eq!(lines(&pen, " is down"), [""; 0]);
    pen.stop();
}

#[test]
fn one_that_writes_without_end_is_killed_in_time_and_costs_little() {
    let pen = checked_by("echo begun > $DIR/begun; exec yes", "interval 60 timeout 2");
    let before = pen.process().allocated();
    wait_until_down(&pen, "exec check: the program took too long");
    let more = pen.process().allocated().saturating_sub(before);
    assert!(more < 4096, "{more} KiB");
    // It is heard a hundred times a second, 64 KiB each time.
    let heard = bytes_read(&pen);
    assert!(heard < 64 << 20, "{heard} bytes");
    pen.stop();
}

#[test]
fn one_that_writes_a_lot_and_is_well_passes() {
    let pen = checked_by("head -c 10000000 /dev/zero && echo done >> $DIR/runs", "interval 1 timeout 20");
    wait_until("it has run twice", || read(&pen, "runs").len() >= 10);
    assert_eq!(lines(&pen, " is down"), [""; 0]);
    pen.stop();
}

#[test]
fn nothing_is_left_when_it_is_not_wanted_any_more() {
    let pen = checked_by("echo $$ >> $DIR/runs; sleep 1000", "interval 60 timeout 60");
    pen.tell("no health");
    let threads = settled(Duration::from_millis(500), || pen.process().threads());
    let descriptors = pen.process().descriptors_at_rest();
    let path = pen.directory().join("check").display().to_string();
    for round in 1..=5 {
        pen.tell(&format!("health exec {path} interval 60 timeout 60"));
        wait_until("it runs", || read(&pen, "runs").lines().count() >= round);
        pen.tell("no health");
        pen.process().expect_descriptors(descriptors);
        wait_until("the thread has ended", || pen.process().threads() == threads);
        assert!(children(&pen).is_empty());
    }
    // Killed they are by now, but a process takes its time to die.
    for pid in read(&pen, "runs").lines() {
        let process = Process(pid.parse().unwrap());
        wait_until("it is dead", || !process.is_alive());
    }
    pen.stop();
}

#[test]
fn none_outlives_pen() {
    let pen = checked_by("echo $$ > $DIR/run; sleep 1000", "interval 60 timeout 60");
    wait_until("it runs", || read(&pen, "run").ends_with('\n'));
    let process = Process(read(&pen, "run").trim().parse().unwrap());
    pen.stop();
    wait_until("it was killed", || !process.is_alive());
}

#[test]
fn sixteen_at_once_are_the_most() {
    let servers: Vec<Backend> = (0..1).map(|_| Backend::silent()).collect();
    let builder = Pen::builder();
    let directory = builder.directory().display().to_string();
    let mut builder = builder.servers(&servers);
    for slot in 1..40 {
        builder = builder.command(&format!("server {slot} address 127.0.0.{slot} port 9"));
    }
    let pen = builder
        .command(&format!(
            "health exec \"echo $PEN_SERVER >> {directory}/runs; sleep 1\" interval 3600 timeout 60"
        ))
        .start();
    let mut most = 0;
    wait_until("all have run", || {
        most = most.max(children(&pen).len());
        read(&pen, "runs").lines().count() == 40
    });
    assert!((2..=16).contains(&most), "{most}");
    pen.stop();
}
