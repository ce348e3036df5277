use std::fs;
use std::net::UdpSocket;
use std::path::Path;

use super::testing::request;
use super::*;

/// Far more than any test needs, so that only a hang reaches it.
const LIMIT: Duration = Duration::from_mins(1);

fn open(path: &Path) -> RequestLog {
    RequestLog::open(&Destination::File(path.to_owned())).unwrap()
}

fn requests(path: &Path) -> Vec<String> {
    let prefix = "::1 5 10.0.0.1 ";
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| line.strip_prefix(prefix).unwrap().to_owned())
        .collect()
}

#[test]
fn records_are_appended_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, "::1 5 10.0.0.1 earlier\n").unwrap();
    let log = open(&path);
    log.record(request("one"));
    log.clone().record(request("two"));
    assert!(log.drain(LIMIT));
    assert_eq!(requests(&path), ["earlier", "one", "two"]);
    assert_eq!(log.lost(), 0);
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Destination::File(dir.path().join("no/such/dir"));
    assert_eq!(RequestLog::open(&missing).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(RequestLog::open(&Destination::File(dir.path().to_owned())).is_err());
}

#[test]
fn a_reopened_log_goes_on_in_a_new_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rotated) = (dir.path().join("log"), dir.path().join("log.1"));
    let log = open(&path);
    log.record(request("before"));
    assert!(log.drain(LIMIT));
    fs::rename(&path, &rotated).unwrap();
    log.record(request("meanwhile"));
    assert!(log.drain(LIMIT));
    log.reopen();
    log.record(request("after"));
    assert!(log.drain(LIMIT));
    assert_eq!(requests(&rotated), ["before", "meanwhile"]);
    assert_eq!(requests(&path), ["after"]);
}

#[test]
fn a_reopen_that_fails_keeps_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, rotated) = (dir.path().join("log"), dir.path().join("log.1"));
    let log = open(&path);
    fs::rename(&path, &rotated).unwrap();
    fs::create_dir(&path).unwrap();
    log.reopen();
    log.record(request("after"));
    assert!(log.drain(LIMIT));
    assert_eq!(requests(&rotated), ["after"]);
}

#[test]
fn a_disk_that_takes_nothing_costs_the_records_and_they_are_counted() {
    let log = open(Path::new("/dev/full"));
    for _ in 0..10 {
        log.record(request("gone"));
    }
    assert!(log.drain(LIMIT));
    assert_eq!(log.lost(), 10);
}

#[test]
fn a_stuck_reader_blocks_nobody_and_every_record_is_written_or_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let open_reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let log = open(&path);
    let sent = 4 * QUEUE;
    for number in 0..sent {
        log.record(request(&number.to_string()));
    }
    // A pipe holds 64 KiB, the writer's buffer and the queue the rest: never all of it.
    assert!(!log.drain(Duration::from_millis(1)));
    assert!(log.lost() > 0);
    let reader = thread::spawn(move || count_lines_until_quiet(open_reader));
    assert!(log.drain(LIMIT));
    log.record(request("end"));
    assert_eq!(reader.join().unwrap() as u64 + log.lost(), sent as u64);
}

fn count_lines_until_quiet(fifo: fs::File) -> usize {
    let lines = io::BufRead::lines(io::BufReader::new(fifo));
    lines.map_while(Result::ok).take_while(|line| !line.ends_with(" end")).count()
}

#[test]
fn what_is_queued_when_the_last_handle_goes_is_still_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = open(&path);
    let shared = Arc::clone(&log.shared);
    for number in 0..100 {
        log.record(request(&number.to_string()));
    }
    drop(log);
    let mut done = shared.done.lock();
    while *done < 100 {
        assert!(!shared.progress.wait_for(&mut done, LIMIT).timed_out());
    }
    assert_eq!(requests(&path).len(), 100);
}

#[test]
fn a_penlogd_gets_what_is_queued_and_from_then_on_where_it_is() {
    let penlogd = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    };
    let received = |socket: &UdpSocket| {
        let mut datagram = [0; 100];
        let length = socket.recv(&mut datagram).unwrap();
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    };
    let (first, address) = penlogd();
    let log = RequestLog::open(&Destination::Penlogd { name: "loghost:1".to_owned(), address }).unwrap();
    log.record(request("one"));
    assert!(log.drain(LIMIT));
    assert_eq!(received(&first), "+ ::1 10.0.0.1 one\n");
    let (second, address) = penlogd();
    log.move_to(address);
    log.record(request("two"));
    assert_eq!(received(&second), "+ ::1 10.0.0.1 two\n");
    log.reopen();
    log.record(request("three"));
    assert_eq!(received(&second), "+ ::1 10.0.0.1 three\n");
    assert_eq!(log.lost(), 0);
}

#[test]
fn destinations_are_called_what_the_user_calls_them() {
    let address = "127.0.0.1:10000".parse().unwrap();
    for (name, told) in
        [("loghost:10000", "loghost:10000 (127.0.0.1:10000)"), ("127.0.0.1:10000", "127.0.0.1:10000")]
    {
        assert_eq!(Destination::Penlogd { name: name.to_owned(), address }.to_string(), told);
    }
}
