use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::sink::Syslog;
use super::*;

/// A terminal that takes a line only when the test lets it, and hands it to the test.
struct Gate {
    permits: Receiver<()>,
    lines: Sender<String>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.permits.recv().map_err(io::Error::other)?;
        self.lines.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gated() -> (Diagnostics, Sender<()>, Receiver<String>) {
    let (permit, permits) = channel();
    let (line, lines) = channel();
    (Diagnostics::new(Sink::Lines(Box::new(Gate { permits, lines: line }))), permit, lines)
}

fn message(text: &str) -> Message {
    Message { level: Level::Info, time: SystemTime::now(), text: text.to_owned() }
}

fn text_of(line: &str) -> &str {
    assert_eq!(&line[4..5], "-", "{line}");
    assert_eq!(&line[19..21], ": ", "{line}");
    line[21..].strip_suffix('\n').unwrap()
}

#[test]
fn before_the_writer_starts_a_message_is_written_at_once() {
    let (diagnostics, permit, lines) = gated();
    permit.send(()).unwrap();
    diagnostics.say(message("started"));
    assert_eq!(text_of(&lines.try_recv().unwrap()), "started");
    assert!(diagnostics.flush(Duration::ZERO));
}

#[test]
fn a_stuck_terminal_blocks_nobody_and_the_lost_messages_are_counted() {
    let (diagnostics, permit, lines) = gated();
    diagnostics.start_writer().unwrap();
    // The queue, the one in the writer's hands perhaps, and ten too many for either.
    for number in 0..QUEUE + 11 {
        diagnostics.say(message(&number.to_string()));
    }
    assert!(!diagnostics.flush(Duration::from_millis(1)));
    drop(std::iter::repeat_n((), QUEUE + 20).map(|()| permit.send(())).collect::<Vec<_>>());
    assert!(diagnostics.flush(Duration::from_mins(1)));
    let lines: Vec<String> = lines.try_iter().map(|line| text_of(&line).to_owned()).collect();
    let lost: usize = lines
        .iter()
        .filter_map(|line| line.strip_suffix(" messages lost").or_else(|| line.strip_suffix(" message lost")))
        .map(|n| n.parse::<usize>().unwrap())
        .sum();
    assert!((10..=11).contains(&lost), "{lost}");
    let written: Vec<usize> = lines.iter().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(written.len() + lost, QUEUE + 11);
    assert!(written.is_sorted());
}

#[test]
fn syslog_gets_priority_name_and_pid() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let syslogd = UnixDatagram::bind(&path).unwrap();
    let diagnostics = away_from_the_terminal(Sink::Syslog(Syslog::new(&path, "pen")));
    diagnostics.say(Message { level: Level::Error, ..message("disk on fire") });
    let packet = receive(&syslogd);
    assert!(packet.starts_with("<27>"), "{packet}");
    assert_eq!(packet[4..].len(), "Nov 20 11:02:05 ".len() + said("disk on fire").len(), "{packet}");
    assert!(packet.ends_with(&said("disk on fire")), "{packet}");
}

#[test]
fn a_restart_of_syslogd_is_survived_and_what_was_lost_meanwhile_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let diagnostics = away_from_the_terminal(Sink::Syslog(Syslog::new(&path, "pen")));
    diagnostics.say(message("nobody is there yet"));
    let first = UnixDatagram::bind(&path).unwrap();
    diagnostics.say(message("one"));
    assert!(receive(&first).ends_with(&said("1 message lost")));
    assert!(receive(&first).ends_with(&said("one")));

    drop(first);
    std::fs::remove_file(&path).unwrap();
    diagnostics.say(message("two"));
    diagnostics.say(message("three"));
    let second = UnixDatagram::bind(&path).unwrap();
    diagnostics.say(message("four"));
    assert!(receive(&second).ends_with(&said("2 messages lost")));
    assert!(receive(&second).ends_with(&said("four")));
}

#[test]
fn only_pens_own_messages_are_for_its_operators() {
    let (diagnostics, ..) = gated();
    let enabled = |target| diagnostics.enabled(&Metadata::builder().target(target).build());
    assert!(
        enabled("pen")
            && enabled("pen::net::worker")
            && enabled("common::wire")
            && enabled("system::pid_file")
    );
    assert!(!enabled("mio::poll") && !enabled("pencil") && !enabled(""));
}

fn receive(syslogd: &UnixDatagram) -> String {
    let mut buffer = [0; 2048];
    let length = syslogd.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

fn said(text: &str) -> String {
    format!("pen[{}]: {text}", std::process::id())
}

fn away_from_the_terminal(mut sink: Sink) -> Diagnostics {
    sink.leave_terminal();
    Diagnostics::new(sink)
}
