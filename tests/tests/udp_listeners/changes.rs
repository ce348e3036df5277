//! Listeners that change while clients speak: who stays loses nothing.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;

use nix::sys::signal::Signal;
use pen_tests::{Address, Backend, Pen, Stream, UdpBackend, UdpClient, private_address, wait_until};

/// A server of connections at the same address as one of datagrams.
fn named_at(name: &'static str, address: &Address) -> Backend {
    Backend::serve_at(address, move |client| {
        client.send(name);
        client.finish();
        client.drain();
    })
}

#[test]
fn a_service_goes_over_from_connections_to_datagrams_and_back() {
    let udp = UdpBackend::named("udp");
    let tcp = named_at("tcp", udp.address());
    let pen = Pen::builder().server(&tcp).start();
    for _ in 0..3 {
        assert_eq!(pen.get(), "tcp");
        pen.tell("udp");
        wait_until("connections are refused", || Stream::connect(pen.address()).is_err());
        assert_eq!(pen.udp_client().ask_for_text("?"), "udp");
        pen.tell("no udp");
        assert_eq!(pen.get(), "tcp");
        let client = pen.udp_client();
        let came = udp.count();
        client.send("is anybody there?");
        assert_eq!(pen.get(), "tcp");
        assert_eq!(udp.count(), came, "nobody listens for datagrams");
    }
    pen.stop();
}

#[test]
fn a_kept_listener_keeps_its_flows_whatever_is_opened_and_closed_beside_it() {
    let (server, other) = (UdpBackend::echo(), UdpBackend::echo());
    let pen = Pen::builder().udp().server(&server).command("threads 3").config("no acl 1\n").start();
    let port = pen.address().port();
    let clients: Vec<UdpClient> = (0..40).map(|_| pen.udp_client()).collect();
    let mut seen: HashMap<Vec<u8>, Address> = HashMap::new();
    let mut ask_all = |round: usize| {
        for (number, client) in clients.iter().enumerate() {
            let question = format!("client {number}");
            assert_eq!(client.ask_for_text(&question), question, "in round {round}");
        }
        for (question, source) in server.datagrams().into_iter().zip(server.sources()) {
            let first = seen.entry(question).or_insert_with(|| source.clone());
            assert_eq!(*first, source, "the flow is the same in round {round}");
        }
    };
    ask_all(0);
    pen.tell("service other");
    pen.tell("service other udp");
    let (host, port) = (other.address().ip().ip(), (other.address().port(), port));
    pen.tell(&format!("service other server 0 address {host} port {}", port.0));
    for round in 1..8 {
        let beside = private_address();
        pen.ask(&format!("listen {} {beside}", pen.address()));
        pen.ask(&format!("service other listen 127.0.0.{round}:{}", port.1));
        ask_all(round);
        let question = format!("beside in round {round}");
        assert_eq!(UdpClient::of(&beside.into()).ask_for_text(&question), question);
        pen.ask(&format!("listen {} 192.0.2.1:1", pen.address()));
        pen.ask(&format!("service other listen {} 192.0.2.1:1", pen.address()));
        pen.signal(Signal::SIGHUP);
        pen.ask(&format!("listen {}", pen.address()));
        ask_all(round);
    }
    pen.stop();
}

#[test]
fn services_of_datagrams_come_and_go_with_the_file() {
    let (web, mail) = (UdpBackend::named("web"), UdpBackend::named("mail"));
    let [one, other] = [private_address(), private_address()];
    let service = |name: &str, at: SocketAddr, server: &UdpBackend| {
        let server = server.address().ip();
        format!("service {name}\nudp\nlisten {at}\nserver 0 address {} port {}\n", server.ip(), server.port())
    };
    let pen = Pen::builder().without_address().config(&service("web", one, &web)).start();
    let ask = |at: SocketAddr| UdpClient::of(&at.into()).ask_for_text("?");
    let client = UdpClient::of(&one.into());
    client.ask("?");
    let file = pen.directory().join("pen.cfg");
    fs::write(&file, service("mail", other, &mail)).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("mail is there", || pen.ask("services").contains("mail"));
    client.ask("?");
    assert_eq!((ask(one), ask(other)), ("web".into(), "mail".into()));
    assert_eq!(web.sources()[0], web.sources()[1], "the flow goes on");
    fs::write(&file, service("mail", other, &mail) + "udp_timeout 1\nno service web\n").unwrap();
    pen.tell("service web udp_timeout 1");
    pen.signal(Signal::SIGHUP);
    wait_until("web is gone", || !pen.ask("services").contains("web"));
    assert_eq!(ask(other), "mail");
    pen.stop();
}

#[test]
fn services_of_datagrams_change_places() {
    let (a, b) = (UdpBackend::named("a"), UdpBackend::named("b"));
    let [one, other] = [private_address(), private_address()];
    let service = |name: &str, at: SocketAddr, server: &UdpBackend| {
        let server = server.address().ip();
        format!("service {name}\nudp\nlisten {at}\nserver 0 address {} port {}\n", server.ip(), server.port())
    };
    let file = service("a", one, &a) + &service("b", other, &b);
    let pen = Pen::builder().without_address().config(&file).command("threads 2").start();
    let clients = |at: SocketAddr| (0..20).map(|_| UdpClient::of(&at.into())).collect::<Vec<_>>();
    let (at_one, at_other) = (clients(one), clients(other));
    let expect = |clients: &[UdpClient], who: &str| {
        for client in clients {
            assert_eq!(client.ask_for_text("?"), who);
        }
    };
    let swapped = pen.directory().join("swapped");
    let mut places = [("a", "b"), ("b", "a")].into_iter().cycle();
    for (at_one_is, at_other_is) in places.by_ref().take(6) {
        fs::write(
            &swapped,
            if at_one_is == "a" {
                format!("service a\nlisten {one}\nservice b\nlisten {other}\n")
            } else {
                format!("service a\nlisten {other}\nservice b\nlisten {one}\n")
            },
        )
        .unwrap();
        pen.tell(&format!("include {}", swapped.display()));
        for _ in 0..2 {
            expect(&at_one, at_one_is);
            expect(&at_other, at_other_is);
        }
    }
    pen.stop();
}
