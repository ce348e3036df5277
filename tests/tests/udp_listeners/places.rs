//! Where datagrams are listened for.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use pen_tests::{
    Address, Backend, Pen, Stream, UdpBackend, UdpClient, in_own_network, private_address, wait_until,
};

/// What the server at this address says.
#[track_caller]
fn ask(address: SocketAddr) -> String {
    UdpClient::of(&address.into()).ask_for_text("?")
}

fn service(name: &str, listen: &str, server: &UdpBackend) -> String {
    let server = server.address().ip();
    format!("service {name}\nudp\nlisten {listen}\nserver 0 address {} port {}\n", server.ip(), server.port())
}

#[test]
fn services_of_connections_and_of_datagrams_share_a_port_number() {
    let (tcp, udp, other) = (Backend::named("tcp"), UdpBackend::named("udp"), UdpBackend::named("other"));
    let address = private_address();
    let elsewhere = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 9).into(), address.port());
    let file = service("dns", &address.to_string(), &udp) + &service("other", &elsewhere.to_string(), &other);
    let pen = Pen::builder().listen_at(address).server(&tcp).config(&file).start();
    assert_eq!((pen.get(), ask(address), ask(elsewhere)), ("tcp".into(), "udp".into(), "other".into()));
    assert!(Stream::connect(&elsewhere.into()).is_err());
    pen.stop();
}

#[test]
fn two_services_of_datagrams_cannot_have_one_address() {
    let one = UdpBackend::named("one");
    let pen = Pen::builder().udp().server(&one).start();
    let at = pen.address();
    let refusal = format!("error: cannot listen on {at}: another service listens there\n");
    pen.tell("service web");
    pen.tell("service web udp");
    assert_eq!(pen.ask(&format!("service web listen {at}")), refusal);
    assert_eq!(pen.udp_client().ask_for_text("?"), "one");
    pen.stop();
}

#[test]
fn a_free_port_is_told() {
    let server = UdpBackend::named("here");
    let pen =
        Pen::builder().udp().listen_at("127.0.0.1:0".parse::<SocketAddr>().unwrap()).server(&server).start();
    let told: SocketAddr = pen.ask("listen").trim_end().parse().unwrap();
    assert_ne!(told.port(), 0);
    assert_eq!(ask(told), "here");
    pen.ask("listen 127.0.0.1:0");
    let again: SocketAddr = pen.ask("listen").trim_end().parse().unwrap();
    assert_eq!((again, ask(again)), (told, "here".into()), "it is the same listener");
    pen.stop();
}

#[test]
fn one_address_of_a_port_belongs_to_one_service_and_all_others_to_another() {
    in_own_network(|| {
        let [all, one, v6] = ["all", "one", "v6"].map(UdpBackend::named);
        let file = service("all", "0.0.0.0:5300", &all)
            + &service("one", "127.0.0.2:5300", &one)
            + &service("v6", "[::]:5300", &v6);
        let pen = Pen::builder().without_address().config(&file).start();
        let asked = ["127.0.0.1:5300", "127.0.0.2:5300", "127.0.0.3:5300", "[::1]:5300"];
        assert_eq!(asked.map(|at| ask(at.parse().unwrap())), ["all", "one", "all", "v6"]);
        pen.tell("no service one");
        let at = Address::Ip("127.0.0.2:5300".parse().unwrap());
        wait_until("the others have it", || {
            let client = UdpClient::of(&at);
            client.send("?");
            client.receive_within(Duration::from_millis(20)).is_some_and(|(answer, _)| answer == b"all")
        });
        pen.stop();
    });
}

#[test]
fn a_wildcard_of_ipv6_serves_both_families() {
    in_own_network(|| {
        let server = UdpBackend::named("both");
        let pen = Pen::builder()
            .udp()
            .listen_at("[::]:5300".parse::<SocketAddr>().unwrap())
            .server(&server)
            .start();
        for at in ["127.0.0.1:5300", "127.0.0.2:5300", "[::1]:5300"] {
            assert_eq!(ask(at.parse().unwrap()), "both");
        }
        // From now on it leaves IPv4 to the other one.
        pen.ask("listen 0.0.0.0:5300 [::]:5300");
        for at in ["127.0.0.1:5300", "127.0.0.2:5300", "[::1]:5300"] {
            assert_eq!(ask(at.parse().unwrap()), "both");
        }
        pen.ask("listen [::]:5300");
        for at in ["127.0.0.1:5300", "127.0.0.2:5300", "[::1]:5300"] {
            assert_eq!(ask(at.parse().unwrap()), "both");
        }
        pen.stop();
    });
}

#[test]
fn an_address_that_another_process_has_is_an_error_and_nothing_changes() {
    let (server, taken) = (UdpBackend::named("here"), private_address());
    let _holder = UdpSocket::bind(taken).unwrap();
    let ended = Pen::run(["-f", "-U", &taken.to_string(), &server.to_string()]);
    let expected = format!("pen: cannot listen on {taken}: another process listens there\n");
    assert_eq!((ended.stderr, ended.code), (expected, Some(1)));
    let pen = Pen::builder().udp().server(&server).start();
    let told = pen.ask(&format!("listen {} {taken}", private_address()));
    assert_eq!(told, format!("error: cannot listen on {taken}: another process listens there\n"));
    assert_eq!(pen.ask("listen"), format!("{}\n", pen.address()));
    assert_eq!(pen.udp_client().ask_for_text("?"), "here");
    // Another pen, too, however much it would like to share.
    let ended = Pen::run(["-f", "-U", &pen.address().to_string(), &server.to_string()]);
    let expected = format!("pen: cannot listen on {}: another process listens there\n", pen.address());
    assert_eq!((ended.stderr, ended.code), (expected, Some(1)));
    pen.stop();
}

#[test]
fn a_low_port_of_datagrams_can_be_left_and_had_again_by_pens_user() {
    in_own_network(|| {
        let server = UdpBackend::named("here");
        let low = "127.0.0.1:53".parse::<SocketAddr>().unwrap();
        let pen = Pen::builder().udp().server(&server).user("nobody").listen_at(low).start();
        assert_eq!(ask(low), "here");
        for listen in ["listen 127.0.0.1:54", "listen 127.0.0.1:53 0.0.0.0:54", "listen 127.0.0.1:53"] {
            pen.ask(listen);
        }
        assert_eq!(ask(low), "here");
        pen.stop();
        let pen = Pen::builder().udp().server(&server).user("nobody").start();
        let refusal = "error: cannot listen on 127.0.0.1:53: pen's user is not permitted to (ports below 1024 need root)\n";
        assert_eq!(pen.ask("listen 127.0.0.1:53"), refusal);
        assert_eq!(pen.udp_client().ask_for_text("?"), "here");
        pen.stop();
    });
}
