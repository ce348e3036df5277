//! A thousand servers.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use mio::{Events, Interest, Poll, Token};
use pen_tests::{Load, Pen, alone, answering_512_bytes, raise_descriptor_limit, wait_until};

use super::log::{lines, wait_for_lines};

const SERVERS: usize = 1000;

/// Listeners at addresses of their own, and how often somebody has connected to each. Nobody gets an answer.
struct Crowd {
    listeners: Vec<mio::net::TcpListener>,
    addresses: Vec<SocketAddr>,
    counts: Vec<AtomicUsize>,
    ending: AtomicBool,
}

impl Crowd {
    fn new() -> Crowd {
        raise_descriptor_limit();
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|one| one.local_addr()).unwrap().port();
        let addresses: Vec<SocketAddr> = (0..SERVERS)
            .map(|number| SocketAddr::from(([127, 66, (number / 250) as u8, (number % 250 + 1) as u8], port)))
            .collect();
        let listeners =
            addresses.iter().map(|address| mio::net::TcpListener::bind(*address).unwrap()).collect();
        let counts = (0..SERVERS).map(|_| AtomicUsize::new(0)).collect();
        Crowd { listeners, addresses, counts, ending: AtomicBool::new(false) }
    }

    /// Accepts and closes until it is told to end.
    fn serve(&self, mut listeners: Vec<mio::net::TcpListener>) {
        let mut poll = Poll::new().unwrap();
        for (number, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener, Token(number), Interest::READABLE).unwrap();
        }
        let mut events = Events::with_capacity(1024);
        while !self.ending.load(Ordering::SeqCst) {
            poll.poll(&mut events, Some(std::time::Duration::from_millis(100))).unwrap();
            for event in &events {
                let number = event.token().0;
                while listeners[number].accept().is_ok() {
                    self.counts[number].fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    fn fewest(&self) -> usize {
        self.counts.iter().map(|count| count.load(Ordering::SeqCst)).min().unwrap()
    }
}

#[test]
fn a_thousand_servers_are_checked_every_second_while_clients_are_served() {
    let _alone = alone();
    let mut crowd = Crowd::new();
    let listeners = std::mem::take(&mut crowd.listeners);
    let good = answering_512_bytes();
    let mut commands = String::from("service crowd\n");
    for (slot, address) in crowd.addresses.iter().enumerate() {
        let (host, port) = (address.ip(), address.port());
        writeln!(commands, "server {slot} address {host} port {port}").expect("a string takes everything");
    }
    commands += "health tcp interval 1 timeout 5 rise 1 fall 1\n";
    let pen = Pen::builder().server(&good).config(&commands).start();
    let load = Load::default();
    thread::scope(|scope| {
        scope.spawn(|| crowd.serve(listeners));
        scope.spawn(|| load.keep_up(|| Some(pen.address().clone())));
        wait_until("each was checked ten times", || crowd.fewest() >= 10);
        assert_eq!(lines(&pen, " is down"), [""; 0]);
        crowd.ending.store(true, Ordering::SeqCst);
        load.stop();
    });
    assert_eq!(load.failed(), 0);
    assert!(load.done() > 0);
    // Nobody listens any more: connections are refused, and those that nobody had accepted yet were reset.
    wait_for_lines(&pen, SERVERS, " is down: tcp check: Connection re");
    pen.stop();
}
