use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::AtomicBool;
use std::thread;

use common::command::Command;
use mio::Waker;
use socket2::Socket;

use super::*;
use crate::control::orders::{Order, OrderQueue, orders};
use crate::net::testing::{Kind, await_event, pair};
use crate::settings::draft::{Draft, Stage};
use crate::settings::testing::{Names, environment, initial_settings, run};
use crate::settings::{ListenOn, Settings, Transport};
use crate::shared::testing::shared;

/// Sessions without a control port: peers come by socket pairs, and events when the test says so.
struct Rig {
    sessions: Sessions,
    steward: OrderQueue,
    replies: Replies,
}

impl Rig {
    fn new(settings: Settings) -> Rig {
        Rig::listening(settings, None)
    }

    fn listening(settings: Settings, listener: Option<ControlListener>) -> Rig {
        let poll = Poll::new().unwrap();
        let replies = Replies::new(Waker::new(poll.registry(), REPLIES).unwrap());
        let (orders, steward) = orders(Arc::new(AtomicBool::new(false)));
        let (shared, _) = shared(settings, 0);
        let signals = Signals::new().unwrap();
        let sessions = Sessions::new(poll, signals, listener, shared, orders, replies.clone()).unwrap();
        Rig { sessions, steward, replies }
    }

    /// A peer over the control socket.
    fn come(&mut self, now: Tick) -> (usize, Socket) {
        self.come_from(Kind::Unix, ClientAddr::Unix, now)
    }

    fn come_from(&mut self, kind: Kind, address: ClientAddr, now: Tick) -> (usize, Socket) {
        let (stream, peer) = pair(kind, None);
        let room = self.sessions.room(now);
        assert!(!matches!(room, Room::At(_)), "{room:?}");
        self.sessions.admit(stream, address, room, now);
        (self.sessions.next_id - 1, peer)
    }

    /// Has the peer send this, and the session take notice.
    fn say(&mut self, number: usize, mut peer: &Socket, text: &str, now: Tick) {
        peer.write_all(text.as_bytes()).unwrap();
        if let Some(session) = self.session(number) {
            await_event(&session.stream, mio::event::Event::is_readable);
        }
        self.sessions.progress(number, now);
    }

    fn session(&self, number: usize) -> Option<&Session> {
        self.sessions.open.iter().find(|session| session.id == SessionId(number))
    }

    /// Drops the sessions that are over.
    fn tidy(&mut self, now: Tick) {
        self.sessions.open.retain(|session| session.end() > now);
    }

    fn is_open(&mut self, number: usize, now: Tick) -> bool {
        self.tidy(now);
        self.session(number).is_some()
    }

    fn order(&self) -> Option<Order> {
        self.steward.next(Some(Duration::ZERO))
    }

    fn reply(&mut self, number: usize, answer: &str, now: Tick) {
        self.replies.send(SessionId(number), answer.to_owned());
        self.sessions.deliver_replies(now);
    }
}

fn seconds(seconds: u32) -> Tick {
    Tick(0).plus_seconds(seconds)
}

fn ip(text: &str) -> ClientAddr {
    ClientAddr::Ip(text.parse().unwrap())
}

fn read_to_end(mut peer: &Socket) -> String {
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    text
}

/// Everything that can be read without waiting.
fn read_what_is_there(mut peer: &Socket) -> Vec<u8> {
    let mut all = Vec::new();
    peer.set_nonblocking(true).unwrap();
    let error = peer.read_to_end(&mut all).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    peer.set_nonblocking(false).unwrap();
    all
}

fn settings(lines: &[&str]) -> Settings {
    let mut draft = Draft::new(initial_settings(), Stage::Start, environment(false));
    run(&mut draft, lines);
    draft.finish().unwrap().0
}

#[test]
fn a_command_goes_to_the_steward_and_its_answer_to_the_peer() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come(seconds(0));
    rig.say(number, &peer, "mo", seconds(1));
    assert!(rig.order().is_none());
    rig.say(number, &peer, "de\n", seconds(2));
    let order = rig.order();
    assert!(
        matches!(order, Some(Order::Command(SessionId(id), Origin::Unix, Command::Mode)) if id == number)
    );
    rig.reply(number, "no hash", seconds(3));
    assert_eq!(read_to_end(&peer), "no hash\n");
    drop(peer);
    rig.sessions.progress(number, seconds(3));
    assert!(!rig.is_open(number, seconds(3)));
}

#[test]
fn an_answer_ends_with_one_newline_and_an_empty_one_is_empty() {
    for (answer, said) in [("one", "one\n"), ("one\ntwo\n", "one\ntwo\n"), ("", "")] {
        let mut rig = Rig::new(initial_settings());
        let (number, peer) = rig.come(seconds(0));
        rig.say(number, &peer, "mode\n", seconds(0));
        rig.reply(number, answer, seconds(0));
        assert_eq!(read_to_end(&peer), said);
    }
}

#[test]
fn the_end_of_what_the_peer_sends_ends_its_line() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come(seconds(0));
    (&peer).write_all(b"pid").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    rig.sessions.progress(number, seconds(0));
    assert!(matches!(rig.order(), Some(Order::Command(.., Command::Pid))));
}

#[test]
fn peers_are_known_by_where_they_come_from() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come_from(Kind::Tcp, ip("127.0.0.1"), seconds(0));
    rig.say(number, &peer, "include /etc/passwd\n", seconds(0));
    assert!(matches!(rig.order(), Some(Order::Command(_, Origin::Tcp, Command::Include(_)))));
}

#[test]
fn a_browser_is_not_answered() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come(seconds(0));
    rig.say(number, &peer, "POST / HTTP/1.1\r\nHost: pen\r\n\r\nexit\n", seconds(0));
    assert!(!rig.is_open(number, seconds(0)));
    assert!(rig.order().is_none());
    let mut heard = Vec::new();
    // Closing a Unix socket with unread bytes is a reset.
    let _ = (&peer).read_to_end(&mut heard);
    assert_eq!(heard, b"");
}

#[test]
fn by_default_only_this_machine_may_command() {
    let table = [
        (ClientAddr::Unix, true),
        (ip("127.0.0.1"), true),
        (ip("127.9.9.9"), true),
        (ip("::1"), true),
        (ip("192.0.2.1"), false),
        (ip("2001:db8::1"), false),
    ];
    let rig = Rig::new(initial_settings());
    for (peer, may) in table {
        assert_eq!(rig.sessions.may_command(peer), may, "{peer}");
    }
    // Of another list than the one in use nothing counts.
    let rig = Rig::new(settings(&["acl 1 permit 192.0.2.1"]));
    assert!(!rig.sessions.may_command(ip("192.0.2.1")));
}

#[test]
fn a_control_acl_with_entries_decides_alone() {
    let rig = Rig::new(settings(&["acl 1 permit 192.0.2.1", "control_acl 1"]));
    let table = [
        (ClientAddr::Unix, true),
        (ip("192.0.2.1"), true),
        (ip("192.0.2.2"), false),
        (ip("127.0.0.1"), false),
    ];
    for (peer, may) in table {
        assert_eq!(rig.sessions.may_command(peer), may, "{peer}");
    }
}

#[test]
fn who_may_not_command_is_told_so() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come_from(Kind::Tcp, ip("192.0.2.1"), seconds(0));
    rig.say(number, &peer, "exit\n", seconds(0));
    assert!(rig.order().is_none());
    let refused =
        "error: you may not control this pen: 'acl N permit ADDRESS' and 'control_acl N' say who may\n";
    assert_eq!(read_to_end(&peer), refused);
}

#[test]
fn a_peer_has_ten_seconds_to_say_its_line() {
    let mut rig = Rig::new(initial_settings());
    let (silent, _peer) = rig.come(seconds(5));
    let (slow, slow_peer) = rig.come(seconds(5));
    for second in 6..15 {
        rig.say(slow, &slow_peer, "x", seconds(second));
    }
    assert!(rig.is_open(silent, Tick(14_999)) && rig.is_open(slow, Tick(14_999)));
    assert!(!rig.is_open(silent, Tick(15_000)));
    assert!(!rig.is_open(slow, Tick(15_000)));
}

#[test]
fn the_steward_may_take_its_time() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come(seconds(0));
    rig.say(number, &peer, "mode\n", seconds(9));
    assert!(rig.is_open(number, seconds(100_000)));
    rig.reply(number, "at last", seconds(100_000));
    assert_eq!(read_to_end(&peer), "at last\n");
}

#[test]
fn a_pen_that_ends_leaves_no_command_without_an_answer_and_no_answer_half_said() {
    let mut rig = Rig::new(initial_settings());
    let (answered, one) = rig.come(seconds(0));
    let (waiting, other) = rig.come(seconds(0));
    let (slow, third) = rig.come_from(Kind::Tcp, ip("127.0.0.1"), seconds(0));
    for (number, peer) in [(answered, &one), (waiting, &other), (slow, &third)] {
        rig.say(number, peer, "blacklist 60\n", seconds(0));
    }
    rig.reply(slow, &"x".repeat(64 << 20), seconds(0));
    rig.replies.send(SessionId(answered), "60".to_owned());
    rig.sessions.end(seconds(1));
    assert_eq!(read_to_end(&one), "60\n");
    assert_eq!(read_to_end(&other), "error: pen is stopping\n");
    assert!((&third).read_to_end(&mut Vec::new()).is_err(), "the part looks like the whole");
}

#[test]
fn a_peer_that_takes_nothing_of_its_answer_has_ten_seconds() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come(seconds(0));
    rig.say(number, &peer, "mode\n", seconds(0));
    let answer = "x".repeat(4 << 20);
    rig.reply(number, &answer, seconds(20));
    let mut received = Vec::new();
    for second in [29, 38, 47] {
        received.extend(read_what_is_there(&peer));
        rig.sessions.progress(number, seconds(second));
        assert!(rig.is_open(number, seconds(second)));
    }
    assert!(received.len() < answer.len());
    assert!(rig.is_open(number, Tick(56_999)));
    rig.sessions.progress(number, Tick(56_999));
    assert!(!rig.is_open(number, seconds(57)));
}

#[test]
fn a_slow_reader_gets_the_whole_answer() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come(seconds(0));
    rig.say(number, &peer, "mode\n", seconds(0));
    let answer = "0123456789".repeat(200_000);
    rig.reply(number, &answer, seconds(0));
    let mut received = Vec::new();
    while matches!(rig.session(number).unwrap().phase, Phase::Answering { .. }) {
        received.extend(read_what_is_there(&peer));
        rig.sessions.progress(number, seconds(1));
    }
    received.extend(read_to_end(&peer).into_bytes());
    assert!(received == format!("{answer}\n").into_bytes());
}

#[test]
fn a_peer_that_goes_while_the_steward_works_is_forgotten() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come(seconds(0));
    rig.say(number, &peer, "mode\n", seconds(0));
    drop(peer);
    rig.reply(number, "too late", seconds(0));
    assert!(!rig.is_open(number, seconds(0)));
    rig.reply(number, "much too late", seconds(0));
    assert!(rig.sessions.open.is_empty());
}

#[test]
fn a_peer_that_has_said_all_before_its_answer_is_not_waited_for() {
    let mut rig = Rig::new(initial_settings());
    let (number, peer) = rig.come(seconds(0));
    (&peer).write_all(b"mode\n").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    rig.sessions.progress(number, seconds(0));
    rig.reply(number, "done", seconds(0));
    assert!(!rig.is_open(number, seconds(0)));
    assert_eq!(read_to_end(&peer), "done\n");
}

#[test]
fn of_too_many_sessions_the_one_goes_that_is_idle_for_longest() {
    let mut rig = Rig::new(initial_settings());
    let (speaker, speaking) = rig.come(seconds(0));
    rig.say(speaker, &speaking, "mode\n", seconds(0));
    let silent: Vec<_> = (1..SESSION_LIMIT).map(|_| rig.come(seconds(1))).collect();
    assert_eq!(rig.sessions.open.len(), SESSION_LIMIT);
    let (newest, _peer) = rig.come(seconds(2));
    assert_eq!(rig.sessions.open.len(), SESSION_LIMIT);
    assert_eq!(read_to_end(&silent[0].1), "");
    assert!(rig.session(silent[0].0).is_none());
    for kept in [speaker, silent[1].0, newest] {
        assert!(rig.session(kept).is_some());
    }
    rig.reply(speaker, "still here", seconds(2));
    assert_eq!(read_to_end(&speaking), "still here\n");
}

#[test]
fn a_session_that_does_not_take_its_answer_is_idle() {
    let mut rig = Rig::new(initial_settings());
    let sessions: Vec<_> = (0..SESSION_LIMIT).map(|_| rig.come(seconds(0))).collect();
    for (number, peer) in &sessions {
        rig.say(*number, peer, "mode\n", seconds(0));
    }
    let deaf = sessions[7].0;
    rig.reply(deaf, &"x".repeat(4 << 20), seconds(0));
    let (newest, _peer) = rig.come(seconds(1));
    assert!(rig.session(deaf).is_none());
    assert!(rig.session(newest).is_some() && rig.session(sessions[0].0).is_some());
}

#[test]
fn nobody_is_let_in_while_all_answers_are_in_the_making() {
    let mut rig = Rig::new(initial_settings());
    let sessions: Vec<_> = (0..SESSION_LIMIT).map(|_| rig.come(seconds(0))).collect();
    for (number, peer) in &sessions {
        rig.say(*number, peer, "mode\n", seconds(0));
    }
    assert_eq!(rig.sessions.room(seconds(9999)), Room::At(Tick(u64::MAX)));
    rig.reply(sessions[7].0, "done", seconds(60));
    assert_eq!(rig.sessions.room(seconds(60)), Room::At(Tick(60_020)));
}

#[test]
fn a_silent_session_has_a_moment_before_it_goes_for_another() {
    let mut rig = Rig::new(initial_settings());
    let (first, _peer) = rig.come(Tick(100));
    let _others: Vec<_> = (1..SESSION_LIMIT).map(|_| rig.come(Tick(110))).collect();
    assert_eq!(rig.sessions.room(Tick(119)), Room::At(Tick(120)));
    assert_eq!(rig.sessions.room(Tick(120)), Room::InsteadOf(0));
    let (newest, _peer) = rig.come(Tick(120));
    assert!(rig.session(first).is_none() && rig.session(newest).is_some());
    assert_eq!(rig.sessions.room(Tick(120)), Room::At(Tick(130)));
}

#[test]
fn a_line_that_is_there_when_its_peer_is_let_in_is_heard_at_once() {
    let mut rig = Rig::new(initial_settings());
    let (stream, mut peer) = pair(Kind::Unix, None);
    peer.write_all(b"pid\n").unwrap();
    rig.sessions.admit(stream, ClientAddr::Unix, Room::Free, seconds(0));
    assert!(matches!(rig.order(), Some(Order::Command(.., Command::Pid))));
}

#[test]
fn answers_arrive_whole_however_much_the_peer_goes_on_to_send() {
    let address = ListenOn::resolve(&"127.0.0.1:0".parse().unwrap(), Transport::Stream, &Names).unwrap();
    let listener = ControlListener::open(&address, None).unwrap();
    let address = listener.text.clone();
    let Rig { sessions, steward, replies } = Rig::listening(initial_settings(), Some(listener));
    let main = thread::spawn(move || sessions.run());
    let answer = "0123456789".repeat(100_000);
    for _ in 0..5 {
        let mut peer = TcpStream::connect(&address).unwrap();
        peer.write_all(b"mode\n").unwrap();
        peer.write_all("superfluous line\n".repeat(500).as_bytes()).unwrap();
        let session = loop {
            // Other tests raise signals.
            if let Some(Order::Command(session, _, command)) = steward.next(None) {
                assert_eq!(command, Command::Mode);
                break session;
            }
        };
        replies.send(session, answer.clone());
        let mut heard = String::new();
        peer.read_to_string(&mut heard).unwrap();
        assert!(heard.strip_suffix('\n') == Some(&answer));
    }
    replies.finish();
    main.join().unwrap();
    assert!(steward.next(Some(Duration::ZERO)).is_none_or(|order| !matches!(order, Order::Command(..))));
}
