//! Servers that no network leads to.

use pen_tests::{Pen, UdpBackend, in_own_network, private_address, run, wait_until};

use super::seen::{flows, number, state};

#[test]
fn a_server_that_cannot_be_reached_is_left_alone_whatever_the_reason() {
    let reasons = ["unreachable", "prohibit", "blackhole", "throw"];
    for reason in reasons {
        in_own_network(|| {
            run("ip", &["route", "add", reason, "192.0.2.0/24"]);
            let a = UdpBackend::named("a");
            let pen = Pen::builder().udp().server("192.0.2.1:53").server(&a).option("-r").start();
            assert_eq!(pen.udp_client().ask_for_text("?"), "a", "{reason}");
            assert_eq!(
                (state(&pen, 0), number(&pen, "/servers/0/failures")),
                ("blacklisted".into(), 1),
                "{reason}"
            );
            pen.stop();
        });
    }
}

#[test]
fn a_server_whose_route_vanishes_loses_its_flows() {
    in_own_network(|| {
        run("ip", &["address", "add", "192.0.2.1/32", "dev", "lo"]);
        let far =
            UdpBackend::serve_at(&"192.0.2.1:5300".parse::<std::net::SocketAddr>().unwrap().into(), |_| {
                vec![b"far".to_vec()]
            });
        let near = UdpBackend::named("near");
        let pen = Pen::builder().udp().servers([&far, &near]).option("-r").start();
        let clients: Vec<_> = (0..20).map(|_| pen.udp_client()).collect();
        for client in &clients {
            client.ask("?");
        }
        assert_eq!(flows(&pen), [10, 10]);
        run("ip", &["address", "del", "192.0.2.1/32", "dev", "lo"]);
        run("ip", &["route", "add", "unreachable", "192.0.2.0/24"]);
        for client in &clients {
            assert_eq!(client.ask_for_text("?"), "near");
        }
        assert_eq!(flows(&pen), [0, 20]);
        pen.stop();
    });
}

#[test]
fn a_host_that_nobody_answers_for_is_left_when_the_kernel_says_so() {
    in_own_network(|| {
        run("ip", &["link", "add", "here", "type", "veth", "peer", "name", "there"]);
        run("ip", &["address", "add", "192.0.2.1/24", "dev", "here"]);
        run("ip", &["link", "set", "here", "up"]);
        run("ip", &["link", "set", "there", "up"]);
        let a = UdpBackend::named("a");
        let pen = Pen::builder().udp().server("192.0.2.9:53").server(&a).start();
        // Some seconds later nobody has said that the address is his, and the kernel gives up.
        assert_eq!(pen.udp_client().ask_for_text("?"), "a");
        assert_eq!(state(&pen, 0), "blacklisted");
        pen.stop();
    });
}

#[test]
fn a_server_that_a_network_swallows_keeps_its_flows() {
    in_own_network(|| {
        run("ip", &["link", "add", "here", "type", "veth", "peer", "name", "there"]);
        run("ip", &["address", "add", "192.0.2.1/24", "dev", "here"]);
        run("ip", &["link", "set", "here", "up"]);
        run("ip", &["link", "set", "there", "up"]);
        // Whatever leaves, nobody takes it at the other end.
        run("ip", &["neighbour", "add", "192.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "here"]);
        let pen = Pen::builder().udp().server("192.0.2.9:53").server(private_address()).start();
        let client = pen.udp_client();
        for _ in 0..20 {
            client.send("?");
        }
        wait_until("they were sent", || number(&pen, "/servers/0/sent") == 20);
        assert_eq!((state(&pen, 0), flows(&pen)), ("up".into(), vec![1, 0]));
        pen.stop();
    });
}
