//! A soak: clients, floods and strangers, while servers die and come back, listeners move, and settings change at random. What is
//! answered is answered to whom it belongs, and at the end nothing is left.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use nix::sys::signal::Signal;
use pen_tests::udp::{LARGEST, ManySources};
use pen_tests::{Address, Pen, UdpBackend, UdpClient, private_address, wait_until};

const SEED: u64 = 20_261_121;
/// What happens to pen and its servers, one thing after the other.
const EVENTS: usize = 300;
/// What clients have said when the next thing happens, each time.
const EXCHANGES_AN_EVENT: usize = 30;
const CLIENTS: u64 = 4;
/// How often a client asks until it gives up: answers are lost when a flow ends between question and answer.
const TRIES: usize = 100;
const PATIENCE: Duration = Duration::from_millis(300);
/// Settings that change, each with values of which the last one is to stay.
const SETTINGS: [(&str, [&str; 3]); 4] = [
    ("udp_timeout", ["1", "600", "2"]),
    ("udp_requests", ["1", "7", "0"]),
    ("udp_responses", ["1", "3", "0"]),
    ("blacklist", ["0", "5", "1"]),
];

/// What those who act at the same time share.
struct Stage {
    pen: Pen,
    servers: [UdpBackend; 3],
    /// Where it listens now, of these two.
    listens: [Address; 2],
    now: Mutex<Address>,
    exchanges: AtomicUsize,
    ends: AtomicBool,
}

impl Stage {
    fn goes_on(&self) -> bool {
        !self.ends.load(Ordering::Relaxed)
    }

    fn address(&self) -> Address {
        self.now.lock().unwrap().clone()
    }
}

/// Ends everything, also when the test fails.
struct Ends<'a>(&'a Stage);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }
}

#[test]
fn nothing_is_left_of_a_random_life() {
    let servers = ["a", "b", "c"].map(|_| UdpBackend::echo());
    let listens = [(); 2].map(|()| Address::from(private_address()));
    let pen = Pen::builder()
        .udp()
        .listen_at(listens[0].clone())
        .servers(&servers)
        .option("-r")
        .option("-x 200")
        .option("-b 1")
        .command("threads 2")
        .command("udp_timeout 2")
        .config("# Nothing yet.\n")
        .start();
    let descriptors = pen.process().descriptors_at_rest();
    let now = Mutex::new(listens[0].clone());
    let stage =
        Stage { pen, servers, listens, now, exchanges: AtomicUsize::default(), ends: AtomicBool::new(false) };

    thread::scope(|scope| {
        let _ends = Ends(&stage);
        let stage = &stage;
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || talk(stage, number))).collect();
        scope.spawn(|| flood(stage));
        scope.spawn(|| meddle(stage));
        let mut random = Rng::with_seed(SEED);
        let mut away = [false; 3];
        for event in 0..EVENTS {
            act(stage, &mut random, &mut away, event);
            let enough = stage.exchanges.load(Ordering::Relaxed) + EXCHANGES_AN_EVENT;
            wait_until("clients have talked", || {
                clients.iter().any(thread::ScopedJoinHandle::is_finished)
                    || stage.exchanges.load(Ordering::Relaxed) >= enough
            });
        }
        for (server, away) in stage.servers.iter().zip(away) {
            if away {
                server.come_back();
            }
        }
    });

    let Stage { pen, servers, listens, .. } = stage;
    pen.ask(&format!("listen {}", listens[0]));
    for (setting, values) in SETTINGS {
        pen.ask(&format!("{setting} {}", values[2]));
    }
    expect_nothing_left(&pen, descriptors);
    for slot in 0..servers.len() {
        pen.tell(&format!("server {slot} blacklist 0"));
    }
    servers.iter().for_each(UdpBackend::forget);
    for number in 0..9 {
        let text = format!("last {number}");
        assert_eq!(UdpClient::of(&listens[0]).ask_for_text(&text), text);
    }
    assert_eq!(servers.each_ref().map(UdpBackend::count), [3, 3, 3]);
    pen.stop();
}

/// Waits until flows, ports, numbers, and what servers and clients have open is back to zero.
#[track_caller]
fn expect_nothing_left(pen: &Pen, descriptors: usize) {
    let service = || pen.status()["services"][0].clone();
    wait_until("no flow is left", || service()["connections"] == 0);
    wait_until("no server has a flow", || pen.servers().iter().all(|server| server.conn == 0));
    pen.process().expect_descriptors(descriptors);
    let clients = service()["clients"].clone();
    let open = clients.as_array().expect("clients are a list").iter().map(|client| client["open"].as_u64());
    assert_eq!(open.sum::<Option<u64>>(), Some(0), "{clients:#}");
    assert_eq!(pen.ask("connections"), "");
    let memory = pen.process().resident();
    assert!(memory < 100 * 1024, "{memory} KiB");
}

/// A client that has ever new sockets, and asks until it is answered; each answer must be one to itself.
fn talk(stage: &Stage, number: u64) {
    let mut random = Rng::with_seed(SEED + 1 + number);
    let mut round = 0;
    while stage.goes_on() {
        let address = stage.address();
        let client = UdpClient::of(&address);
        for _ in 0..random.usize(1..20) {
            round += 1;
            let mut text = format!("client {number}, round {round}").into_bytes();
            if random.u8(..) < 10 {
                text.resize(random.usize(1_000..LARGEST / 2), b'.');
            }
            let answered = (0..TRIES).any(|_| {
                client.send(&text);
                std::iter::from_fn(|| client.receive_within(PATIENCE)).take(TRIES).any(|(answer, from)| {
                    if !stage.listens.contains(&from) {
                        // A server's, to a port of pen's that has closed and is ours now.
                        return false;
                    }
                    assert_eq!(from, address, "the answer's address");
                    let own = format!("client {number}, round ");
                    assert!(answer.starts_with(own.as_bytes()), "{:?}", String::from_utf8_lossy(&answer));
                    answer == text
                }) || stage.address() != address
                    || !stage.goes_on()
            });
            assert!(answered, "round {round} of client {number}");
            stage.exchanges.fetch_add(1, Ordering::Relaxed);
            if stage.address() != address {
                break;
            }
        }
    }
}

/// Ever new sources, some of which send nothing, and strangers at pen's ports.
fn flood(stage: &Stage) {
    let mut random = Rng::with_seed(SEED + 100);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    while stage.goes_on() {
        let sources = ManySources::of(&stage.address());
        for _ in 0..random.u32(1..200) {
            let bytes: &[u8] = if random.bool() { b"flood" } else { b"" };
            sources.send(random.u32(..4_000_000), bytes);
        }
        for port in stage.servers[0].sources().iter().rev().take(5) {
            let _ = stranger.send_to(b"junk", port.ip());
        }
        sources.receive_all();
        stage.servers.iter().for_each(UdpBackend::forget);
        // Not so fast that the clients of this host find no time.
        thread::sleep(Duration::from_millis(5));
    }
}

/// Commands at random.
fn meddle(stage: &Stage) {
    let mut random = Rng::with_seed(SEED + 200);
    while stage.goes_on() {
        let slot = random.usize(..3);
        let command = match random.u8(..7) {
            0 => "connections".to_owned(),
            1 => format!("close {}", random.u8(..)),
            2 => "status json".to_owned(),
            3 => format!("server {slot} max {}", random.u8(..) / 128 * 100),
            // Server 0 always lives, so that clients are answered.
            4 => format!("server {} blacklist {}", slot.max(1), random.u8(..3)),
            5 => "recent".to_owned(),
            _ => {
                let (setting, values) = SETTINGS[random.usize(..SETTINGS.len())];
                format!("{setting} {}", values[random.usize(..3)])
            }
        };
        stage.pen.ask(&command);
        thread::sleep(Duration::from_millis(10));
    }
}

/// What happens to pen and its servers.
fn act(stage: &Stage, random: &mut Rng, away: &mut [bool; 3], event: usize) {
    match random.u8(..8) {
        // Server 0 always lives.
        0..=2 => {
            let slot = random.usize(1..3);
            if away[slot] {
                stage.servers[slot].come_back();
            } else {
                stage.servers[slot].leave();
            }
            away[slot] = !away[slot];
        }
        3 => stage.pen.signal(Signal::SIGHUP),
        4 => {
            let file = stage.pen.directory().join("pen.cfg");
            fs::write(file, format!("# Written before event {event}.\ntimeout {}\n", random.u8(1..9)))
                .unwrap();
            stage.pen.signal(Signal::SIGHUP);
        }
        5 => {
            let next = stage.listens[random.usize(..2)].clone();
            assert_eq!(stage.pen.ask(&format!("listen {next}")), format!("{next}\n"));
            *stage.now.lock().unwrap() = next;
        }
        6 => {
            let slot = random.usize(1..3);
            let SocketAddr::V4(address) = stage.servers[slot].address().ip() else { return };
            stage.pen.tell(&format!("no server {slot}"));
            let command = format!("server {slot} address {} port {}", address.ip(), address.port());
            stage.pen.tell(&command);
        }
        _ => {
            // The same client all the time, without waiting for anything.
            let client = UdpClient::of(&stage.address());
            (0..100).for_each(|_| client.send("burst"));
        }
    }
}
