//! Merged logs when things go wrong: clients that behave badly, servers that die, files that are replaced, a penlogd that is
//! away for a while, and datagrams of strangers. What can be known must still be right, and nothing else may be lost.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use pen_tests::truth::{Formats, Load, LogTo, Manner, Mode, Servers, Verdict, judge, send};
use pen_tests::{Pen, Penlogd, Stream, alone, private_address, program, wait_until};

const SECONDS: u64 = 2;

fn servers(log: LogTo) -> Servers {
    let (service, least) = (Duration::from_millis(10), Duration::ZERO);
    Servers::start(Manner { formats: Formats::WithPorts, service, least, unlogged: 0.0, log }, 9)
}

fn pen(servers: &Servers, log: &str) -> Pen {
    let pen = Pen::builder().option("-r").option("-x 5000").command(&format!("log {log} connections"));
    pen.servers(servers.addresses()).start()
}

fn load(mode: Mode) -> Load {
    Load { mode, rate: 500.0, duration: Duration::from_secs(SECONDS), distinct: false, seed: 9 }
}

fn judged(lines: &[String]) -> Verdict {
    judge(lines.iter().map(String::as_str))
}

/// Every line of the servers, once, in order, with its client.
#[track_caller]
fn assert_perfect(verdict: &Verdict, logged: usize) {
    assert!(logged > 0);
    let Verdict { out, right, wrong_port, doubled, disordered, foreign, .. } = verdict;
    let counts = (*out, *right, *wrong_port, *doubled, *disordered, *foreign);
    assert_eq!(counts, (logged, logged, 0, 0, 0, 0), "{verdict:#?}");
}

/// Ends all of them in the order in which they talk: the lines that penlogd has written, and how many the servers have.
#[track_caller]
fn ends(pen: Pen, servers: Servers, penlogd: Penlogd) -> (Vec<String>, usize) {
    pen.stop();
    let logged = servers.stop();
    penlogd.wait_until_idle();
    assert_eq!(penlogd.dropped_by_the_kernel(), 0);
    (penlogd.stop().lines(), logged)
}

/// Runs `disturb` again and again while a load is sent.
fn disturbed(mode: Mode, pen: &Pen, disturb: impl Fn(usize) + Sync) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                disturb(number);
            }
        });
        send(&load(mode), pen.address().ip());
        done.store(true, Ordering::Relaxed);
    });
}

/// A client that keeps no rule.
fn misbehave(number: usize, pen: &Pen) {
    let source = Ipv4Addr::new(127, 2, 0, 1 + (number % 200) as u8);
    let client = Stream::connect_from(source.into(), pen.address()).expect("pen accepts");
    let name = client.local().expect("it is connected");
    match number % 6 {
        // Nobody answers these, and nobody logs them.
        0 => client.send("GET /page/0.html HTTP/1.1\r\nHos"),
        1 => client.send([0, 0xff, b'\n', b'"', 0x80, b'\r']),
        2 => {}
        3 => client.send("+ 192.0.2.66 127.0.1.1 GET /page/0.html HTTP/1.1\n".repeat(50)),
        // These are answered, and logged.
        4 => {
            let long = "x".repeat(3000);
            client.send(format!("GET /{long} HTTP/1.1\r\nUser-Agent: true={name}\r\n\r\n"));
            client.finish();
        }
        _ => client.send(format!("GET /page/0.html HTTP/1.1\r\nUser-Agent: true={name}\r\n\r\n")),
    }
    if number.is_multiple_of(2) {
        client.finish();
        client.patience(Duration::from_millis(5));
        client.drain();
    }
    if number.is_multiple_of(3) {
        client.reset();
    }
}

#[test]
fn clients_without_manners_confuse_nobodys_lines() {
    let _alone = alone();
    let penlogd = Penlogd::builder().option("-n 5000").start();
    let servers = servers(LogTo::Penlogd(penlogd.address()));
    let pen = pen(&servers, &penlogd.address().to_string());
    disturbed(Mode::Mixed, &pen, |number| misbehave(number, &pen));
    pen.wait_until_idle();
    let (lines, logged) = ends(pen, servers, penlogd);
    assert_perfect(&judged(&lines), logged);
}

#[test]
fn servers_that_die_take_no_line_with_them() {
    let _alone = alone();
    let penlogd = Penlogd::builder().option("-n 5000").start();
    let servers = servers(LogTo::Penlogd(penlogd.address()));
    let pen = pen(&servers, &penlogd.address().to_string());
    thread::scope(|scope| {
        scope.spawn(|| {
            for server in 0..3 {
                let before = servers.logged();
                wait_until("there is traffic", || servers.logged() > before + 100);
                servers.kill(server);
            }
        });
        send(&load(Mode::Mixed), pen.address().ip());
    });
    let (lines, logged) = ends(pen, servers, penlogd);
    assert_perfect(&judged(&lines), logged);
}

#[test]
fn strangers_cannot_put_words_into_the_log() {
    let _alone = alone();
    let penlogd =
        Penlogd::builder().option("-n 5000").option("-a 127.0.0.1").option("-a 127.0.1.0/24").start();
    let servers = servers(LogTo::Penlogd(penlogd.address()));
    let pen = pen(&servers, &penlogd.address().to_string());
    let stranger = UdpSocket::bind("127.0.2.1:0").unwrap();
    let ports = servers.addresses().iter().map(SocketAddr::port).collect::<Vec<_>>();
    disturbed(Mode::Mixed, &pen, |number| {
        let server = 1 + number % 4;
        let (port, to) = (32_768 + number % 28_000, ports[server - 1]);
        let page = number % 200;
        for text in [
            format!("+ 192.0.2.66 127.0.1.{server} GET /page/{page}.html HTTP/1.1\n"),
            format!("= 192.0.2.66 1 127.0.0.1 {port} 127.0.1.{server} {to} 1700000000.000\n"),
            "192.0.2.66 - - [] \"GET / HTTP/1.1\" 200 1\n".to_owned(),
        ] {
            stranger.send_to(text.as_bytes(), penlogd.address()).unwrap();
        }
        thread::yield_now();
        if number % 16 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    });
    let (lines, logged) = ends(pen, servers, penlogd);
    assert_perfect(&judged(&lines), logged);
}

#[test]
fn a_penlogd_that_was_away_has_missed_only_what_came_meanwhile() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("merged");
    let address = private_address();
    let first = Penlogd::builder().at(address).log(&output).option("-n 5000").start();
    let servers = servers(LogTo::Penlogd(address));
    let pen = pen(&servers, &address.to_string());
    let (mut away, mut second) = (0, None);
    thread::scope(|scope| {
        let load = load(Mode::Single);
        let pen = pen.address().ip();
        let sending = scope.spawn(move || send(&load, pen));
        wait_until("there is traffic", || servers.logged() > 200);
        let before = servers.logged();
        first.stop();
        wait_until("there are lines that nobody takes", || servers.logged() > before + 50);
        second = Some(Penlogd::builder().at(address).log(&output).option("-n 5000").start());
        away = servers.logged() - before;
        sending.join().unwrap();
    });
    pen.wait_until_idle();
    let (lines, logged) = ends(pen, servers, second.expect("it was started"));
    let verdict = judged(&lines);
    assert!(logged - verdict.out >= 50, "it was away: {verdict:#?}");
    assert!(logged - verdict.out <= away, "{away} were logged while it was away: {verdict:#?} of {logged}");
    assert_eq!((verdict.doubled, verdict.disordered, verdict.foreign), (0, 0, 0), "{verdict:#?}");
    // What came over a connection that was opened while it was away may be anybody's.
    assert!(verdict.out - verdict.right <= away, "{verdict:#?}");
}

#[test]
fn penlogd_opens_its_file_again_on_hup_and_loses_no_line() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let path = |number: usize| directory.path().join(format!("merged.{number}"));
    let output = directory.path().join("merged");
    let penlogd = Penlogd::builder().log(&output).option("-n 5000").start();
    let servers = servers(LogTo::Penlogd(penlogd.address()));
    let pen = pen(&servers, &penlogd.address().to_string());
    let mut turned = 0;
    thread::scope(|scope| {
        let sending = scope.spawn(|| send(&load(Mode::Mixed), pen.address().ip()));
        while !sending.is_finished() {
            wait_until("there is a file", || output.exists());
            fs::rename(&output, path(turned)).unwrap();
            turned += 1;
            penlogd.process().signal(Signal::SIGHUP);
            wait_until("the file is a new one", || output.exists());
        }
    });
    let (last, logged) = ends(pen, servers, penlogd);
    let files = (0..turned).map(|number| fs::read_to_string(path(number)).unwrap());
    let lines: Vec<String> =
        files.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).chain(last).collect();
    assert!(turned > 1);
    assert_perfect(&judged(&lines), logged);
}

#[test]
fn pens_log_that_is_replaced_during_traffic_tells_mergelogs_all() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let servers = servers(LogTo::Files(directory.path().to_owned()));
    let count = servers.addresses().len();
    let pen = pen(&servers, &at("pen.log").display().to_string());
    let mut turned = 0;
    thread::scope(|scope| {
        let sending = scope.spawn(|| send(&load(Mode::Mixed), pen.address().ip()));
        while !sending.is_finished() {
            wait_until("there is a file", || at("pen.log").exists());
            fs::rename(at("pen.log"), at(&format!("pen.log.{turned}"))).unwrap();
            turned += 1;
            pen.signal(Signal::SIGHUP);
            wait_until("the file is a new one", || at("pen.log").exists());
        }
    });
    pen.stop();
    let logged = servers.stop();
    let files = (0..turned).map(|number| at(&format!("pen.log.{number}"))).chain([at("pen.log")]);
    let whole: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    fs::write(at("whole"), whole).unwrap();
    let mut mergelogs = Command::new(program::mergelogs());
    mergelogs.arg("-p").arg(at("whole"));
    for server in 0..count {
        mergelogs.arg(format!("127.0.1.{}:{}", server + 1, at(&Servers::file(server)).display()));
    }
    let merged = mergelogs.output().unwrap();
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    assert!(turned > 1);
    assert_perfect(&judge(String::from_utf8_lossy(&merged.stdout).lines()), logged);
}
