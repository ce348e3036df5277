//! Names that change while pen runs: in a network and with an `/etc/hosts` of each test's own.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};

use nix::sys::signal::Signal;
use pen_tests::{Address, Backend, FullBacklog, LIMIT, Pen, wait_until, with_own_names};

const PORT: u16 = 8080;

/// A server at 127.0.0.`host` that says its name, and then sends back what it gets.
fn server(host: u8, name: &str) -> Backend {
    let name = format!("{name}\n");
    let address = Address::from(SocketAddr::from(([127, 0, 0, host], PORT)));
    Backend::serve_at(&address, move |client| {
        let _ = { client }.write_all(name.as_bytes());
        client.drain_with(|part| {
            let _ = { client }.write_all(part);
        });
        client.finish();
    })
}

/// Whom a new connection from 127.0.0.`host` gets to.
fn whom(pen: &Pen, host: u8) -> String {
    pen.hold_from(host).0
}

fn wait_until_at(pen: &Pen, slot: usize, address: &str) {
    wait_until("the server has moved", || pen.servers()[slot].addr == address);
}

#[test]
fn a_server_whose_name_gets_another_address_moves_and_keeps_what_it_has() {
    with_own_names(|names| {
        names.set(&[("www1", "127.0.0.11")]);
        let (_old, _new) = (server(11, "old"), server(12, "new"));
        let builder = Pen::builder().server(format!("www1:{PORT}")).command("resolve 1");
        let pen = builder.command("server 0 name web max 9").start();
        let (said, held) = pen.hold_from(2);
        assert_eq!(said, "old");
        held.send("before");
        wait_until("the bytes are counted", || pen.servers()[0].rx == 10);
        names.set(&[("www1", "127.0.0.12")]);
        wait_until_at(&pen, 0, "127.0.0.12");
        let row = pen.servers().remove(0);
        assert_eq!((row.conn, row.max, row.sx, row.rx), (1, 9, 6, 10));
        let json = pen.ask("status json");
        for part in [r#""name":"web""#, r#""host":"www1""#, r#""address":"127.0.0.12""#] {
            assert!(json.contains(part), "{part} in {json}");
        }
        assert_eq!(whom(&pen, 2), "new");
        // What is open goes on where it is.
        held.send("after");
        held.finish();
        assert_eq!(held.drain().text(), "beforeafter");
        pen.wait_until_idle();
        assert_eq!(pen.servers()[0].sx, 11);
        let said = pen.stop().stderr;
        assert_eq!(said.matches("server 0 of default: www1 is now at 127.0.0.12").count(), 1, "{said}");
    });
}

#[test]
fn clients_stay_with_their_server_wherever_it_is() {
    with_own_names(|names| {
        names.set(&[("www1", "127.0.0.11"), ("www2", "127.0.0.12")]);
        let _servers = [server(11, "first"), server(12, "second"), server(13, "third")];
        let pen = Pen::builder()
            .servers([format!("www1:{PORT}"), format!("www2:{PORT}")])
            .command("resolve 1")
            .start();
        assert_eq!((whom(&pen, 2), whom(&pen, 3)), ("first".to_owned(), "second".to_owned()));
        names.set(&[("www1", "127.0.0.11"), ("www2", "127.0.0.13")]);
        wait_until_at(&pen, 1, "127.0.0.13");
        for _ in 0..5 {
            assert_eq!((whom(&pen, 2), whom(&pen, 3)), ("first".to_owned(), "third".to_owned()));
        }
        pen.stop();
    });
}

#[test]
fn a_name_that_vanishes_leaves_its_server_where_it_is_and_is_told_of_once() {
    with_own_names(|names| {
        names.set(&[("www1", "127.0.0.11"), ("www2", "127.0.0.12")]);
        let _server = server(11, "first");
        let pen = Pen::builder()
            .servers([format!("www1:{PORT}"), format!("www2:{PORT}")])
            .command("resolve 1")
            .start();
        // The other server's moves show that round follows round.
        for host in 13..16 {
            names.set(&[("www2", &format!("127.0.0.{host}"))]);
            wait_until_at(&pen, 1, &format!("127.0.0.{host}"));
        }
        assert_eq!(pen.servers()[0].addr, "127.0.0.11");
        assert_eq!(whom(&pen, 2), "first");
        names.set(&[("www1", "127.0.0.11"), ("www2", "127.0.0.16")]);
        wait_until_at(&pen, 1, "127.0.0.16");
        let said = pen.stop().stderr;
        let failed = said.lines().filter(|line| {
            line.contains("unknown host 'www1': ") && line.ends_with("; what has this name stays where it is")
        });
        assert_eq!(failed.count(), 1, "{said}");
        assert_eq!(said.matches("'www1' can be looked up again").count(), 1, "{said}");
    });
}

#[test]
fn hup_looks_up_again_without_an_interval() {
    with_own_names(|names| {
        names.set(&[("www1", "127.0.0.11"), ("www2", "127.0.0.11")]);
        let config = format!("server 0 address www1 port {PORT} max 7\n");
        let pen = Pen::builder().config(&config).command(&format!("emergency www2:{PORT}")).start();
        let (_old, _new) = (server(11, "old"), server(12, "new"));
        assert_eq!(whom(&pen, 2), "old");
        let received = pen.servers()[0].rx;
        names.set(&[("www1", "127.0.0.12"), ("www2", "127.0.0.13")]);
        assert_eq!(pen.ask("resolve"), "0\n");
        assert_eq!(pen.servers()[0].addr, "127.0.0.11");
        pen.signal(Signal::SIGHUP);
        wait_until_at(&pen, 0, "127.0.0.12");
        let row = pen.servers().remove(0);
        assert_eq!((row.max, row.rx), (7, received));
        assert_eq!(whom(&pen, 2), "new");
        let said = pen.stop().stderr;
        assert!(said.contains("the emergency server of default: www2 is now at 127.0.0.13"), "{said}");
    });
}

#[test]
fn a_server_that_failed_is_tried_at_once_where_it_is_now() {
    with_own_names(|names| {
        names.set(&[("www1", "127.0.0.11")]);
        let _new = server(12, "new");
        let builder = Pen::builder().server(format!("www1:{PORT}")).option("-b 3600");
        let pen = builder.command("resolve 1").start();
        assert_eq!(pen.get(), "");
        assert!(pen.ask("status text").contains("blacklisted"));
        names.set(&[("www1", "127.0.0.12")]);
        wait_until_at(&pen, 0, "127.0.0.12");
        wait_until("it is tried", || whom_or_nobody(&pen) == "new");
        pen.stop();
    });
}

#[test]
fn a_connect_under_way_to_the_old_address_says_nothing_about_the_new_one() {
    with_own_names(|names| {
        names.set(&[("www1", "127.0.0.1")]);
        let full = FullBacklog::new();
        let port = full.address().port();
        let address = Address::from(SocketAddr::from(([127, 0, 0, 12], port)));
        let _new = Backend::serve_at(&address, |client| {
            let _ = { client }.write_all(b"new");
            client.finish();
            client.drain();
        });
        let builder = Pen::builder().server(format!("www1:{port}")).option("-b 3600").option("-t 2");
        let pen = builder.start();
        let client = pen.connect();
        wait_until("the connect is under way", || pen.servers()[0].conn == 1);
        names.set(&[("www1", "127.0.0.12")]);
        pen.signal(Signal::SIGHUP);
        wait_until_at(&pen, 0, "127.0.0.12");
        assert_eq!(client.drain().text(), "");
        assert!(pen.ask("status json").contains(r#""failures":1"#));
        assert_eq!(pen.get(), "new");
        pen.stop();
    });
}

/// As `whom`, but nobody is an answer too.
fn whom_or_nobody(pen: &Pen) -> String {
    let client = pen.connect();
    client.finish();
    client.drain().text().trim_end().to_owned()
}

#[test]
fn a_dead_name_server_delays_neither_clients_nor_commands_nor_hup() {
    with_own_names(|names| {
        names.set(&[("www1", "127.0.0.11")]);
        let silent = UdpSocket::bind(("127.0.0.9", 53)).unwrap();
        silent.set_read_timeout(Some(LIMIT)).unwrap();
        let _server = server(11, "first");
        let config = format!("server 0 address www1 port {PORT}\nblacklist 9\n");
        let pen = Pen::builder().config(&config).command("resolve 1").start();
        names.set(&[]);
        names.ask_name_server("127.0.0.9");
        silent.recv(&mut [0; 512]).expect("a round asks the name server");
        for number in 501..506 {
            assert_eq!(pen.ask(&format!("conn_max {number}")), format!("{number}\n"));
            assert_eq!(whom(&pen, 2), "first");
        }
        pen.signal(Signal::SIGHUP);
        wait_until("the file was read", || pen.stderr().contains("was read again"));
        assert_eq!(pen.servers()[0].addr, "127.0.0.11");
        // All of this while the name server was being waited for.
        let said = pen.stderr();
        assert!(!said.contains("unknown host"), "{said}");
        pen.stop();
    });
}
