//! Clients who take all they can get, beside others in the same worker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pen_tests::udp::{LARGEST, ManySources};
use pen_tests::{Backend, Pen, Stream, UdpBackend, UdpClient, alone, private_address, wait_until};

use super::{flows, number, telling};

/// Ends what runs beside a test, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `other` again and again while `test` runs.
fn beside(other: impl Fn() + Sync, test: impl FnOnce()) {
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                other();
            }
        });
        let _ends = Ends(&ends);
        test();
    });
}

#[test]
fn an_endless_stream_starves_neither_connections_nor_the_control_port() {
    let _alone = alone();
    let (sink, web) = (UdpBackend::silent(), Backend::named("web"));
    let listen = private_address();
    let web_address = web.address().ip();
    let pen = Pen::builder()
        .udp()
        .server(&sink)
        .command("threads 1")
        .config(&format!(
            "service web\nlisten {listen}\nserver 0 address {} port {}\n",
            web_address.ip(),
            web_address.port()
        ))
        .start();
    let stream = pen.udp_client();
    beside(
        || stream.send([b's'; 100]),
        || {
            for _ in 0..100 {
                let answer = Stream::connect(&listen.into()).expect("the service accepts").drain().text();
                assert_eq!(answer, "web");
                assert!(!pen.ask("pid").is_empty());
            }
        },
    );
    assert!(number(&pen, "/udp/received") > 0);
    pen.stop();
}

#[test]
fn flows_without_end_leave_descriptors_to_connections() {
    let _alone = alone();
    let (server, web) = (telling("a"), Backend::named("web"));
    let (listen, web_address) = (private_address(), web.address().ip());
    let pen = Pen::builder()
        .udp()
        .under(["prlimit", "--nofile=200:200"])
        .server(&server)
        .command("udp_timeout 600")
        .config(&format!(
            "service web\nlisten {listen}\nserver 0 address {} port {}\n",
            web_address.ip(),
            web_address.port()
        ))
        .start();
    let flood = ManySources::of(pen.address());
    for round in 0..20 {
        (0..20).for_each(|number| flood.send(round * 20 + number, b"flood"));
        assert_eq!(pen.udp_client().ask_for_text("?"), "a:?");
        let answer = Stream::connect(&listen.into()).expect("the service accepts").drain().text();
        assert_eq!(answer, "web");
    }
    assert!(flows(&pen)[0] > 10, "{:?}", flows(&pen));
    pen.stop();
}

#[test]
fn a_client_of_the_largest_datagrams_costs_its_neighbour_none() {
    let _alone = alone();
    let echo = UdpBackend::echo();
    let pen = Pen::builder().udp().server(&echo).command("threads 1").start();
    let large = pen.udp_client();
    let bytes = vec![b'l'; LARGEST];
    let small = pen.udp_client();
    beside(
        || {
            // Several at once, but no more than the queues on the way hold.
            (0..2).for_each(|_| large.send(&bytes));
            (0..2).for_each(|_| assert_eq!(large.receive().len(), LARGEST));
        },
        || {
            for number in 0..2_000 {
                let text = format!("question {number}");
                assert_eq!(small.ask_for_text(&text), text);
            }
        },
    );
    assert_eq!(number(&pen, "/udp/dropped"), 0);
    pen.stop();
}

#[test]
fn a_server_that_floods_a_port_harms_only_its_own_client() {
    let _alone = alone();
    let server = telling("a");
    let pen = Pen::builder().udp().server(&server).command("threads 1").start();
    let flooded = pen.udp_client();
    flooded.ask("?");
    let port = server.sources()[0].clone();
    let client = pen.udp_client();
    beside(
        || server.send([b'f'; 1000], &port),
        || {
            for number in 0..500 {
                let text = number.to_string();
                assert_eq!(client.ask_for_text(&text), format!("a:{text}"));
                assert!(!pen.ask("pid").is_empty());
            }
        },
    );
    pen.stop();
}

#[test]
fn empty_datagrams_are_datagrams() {
    let _alone = alone();
    let echo = UdpBackend::echo();
    let pen = Pen::builder().udp().server(&echo).start();
    let client = pen.udp_client();
    (0..100).for_each(|_| client.send(""));
    (0..100).for_each(|_| assert_eq!(client.receive(), b""));
    assert_eq!(echo.datagrams(), vec![b""; 100]);
    pen.stop();
}

#[test]
fn clients_that_have_gone_when_their_answers_come_disturb_nobody() {
    let _alone = alone();
    let server = telling("a");
    let pen = Pen::builder().udp().server(&server).command("threads 1").option("-x 4000").start();
    let client = pen.udp_client();
    for round in 0..100 {
        for _ in 0..20 {
            UdpClient::of(pen.address()).send("gone");
        }
        let text = round.to_string();
        assert_eq!(client.ask_for_text(&text), format!("a:{text}"));
    }
    wait_until("all were answered", || server.count() == 100 * 21);
    assert_eq!((number(&pen, "/servers/0/failures"), number(&pen, "/shortages")), (0, 0));
    pen.stop();
}
