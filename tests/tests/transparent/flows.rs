//! UDP.

use std::net::SocketAddr;

use pen_tests::udp::LARGEST;
use pen_tests::{Address, Pen, UdpBackend, UdpClient, wait_until};

use super::site::{BACK, FRONT, Site, at, client, with_site};

fn pen(site: &Site, family: usize, servers: &[UdpBackend], commands: &[&str]) -> Pen {
    let pen = Site::pen(family).udp().servers(servers);
    site.start(commands.iter().fold(pen, |pen, command| pen.command(command)))
}

fn source(family: usize, number: u16, port: u16) -> SocketAddr {
    SocketAddr::new(client(family, number), port)
}

#[test]
fn servers_see_the_client_s_address_and_port_and_their_answers_arrive() {
    with_site(|site| {
        for family in [0, 1] {
            let server = site.echo(family, 0);
            let pen = pen(site, family, &[], &[&format!("server 0 address {} port 80", BACK[0][family])]);
            // The last one has the port that pen listens on.
            let sources = [source(family, 1, 4001), source(family, 2, 4001), source(family, 3, 80)];
            let clients = sources.map(|source| site.udp_client(source, &pen));
            for round in 0..3 {
                for client in &clients {
                    assert_eq!(client.ask(format!("{round}")), format!("0{round}").into_bytes());
                }
            }
            let expected = sources.map(Address::from);
            assert_eq!(server.sources(), [&expected[..], &expected, &expected].concat());
            pen.stop();
        }
    });
}

#[test]
fn datagrams_of_any_size_go_both_ways() {
    with_site(|site| {
        for family in [0, 1] {
            let servers = [site
                .server
                .on(|| UdpBackend::serve_at(&at(BACK[0][family], 80), |bytes| vec![bytes.to_vec()]))];
            let pen = pen(site, family, &servers, &[]);
            let client = site.udp_client(source(family, 1, 4001), &pen);
            for length in [0, 1, 1400, 9000, LARGEST] {
                let datagram = vec![7; length];
                assert!(client.ask(&datagram) == datagram, "{length} bytes");
            }
            pen.stop();
        }
    });
}

#[test]
fn a_crowd_of_clients_is_told_apart_and_leaves_nothing_behind() {
    with_site(|site| {
        let servers = [site.echo(0, 0), site.echo(0, 1)];
        let pen = pen(site, 0, &servers, &["conn_max 1000"]);
        let descriptors = pen.process().descriptors_at_rest();
        let clients: Vec<UdpClient> =
            (1..400).map(|number| site.udp_client(source(0, number, 4001), &pen)).collect();
        // As many at once as every queue on the way has room for, also one that waits for a neighbour's address.
        for clients in clients.chunks(50) {
            for client in clients {
                client.send(client.address().to_string());
            }
            for client in clients {
                let answer = client.receive();
                assert_eq!(answer[1..], *client.address().to_string().as_bytes());
            }
        }
        for server in &servers {
            for (said, from) in server.datagrams().iter().zip(server.sources()) {
                assert_eq!(String::from_utf8_lossy(said), from.to_string());
            }
        }
        assert_eq!(pen.servers().iter().map(|server| server.conn).sum::<usize>(), 399);
        pen.tell("udp_timeout 1");
        pen.wait_until_idle();
        pen.process().expect_descriptors(descriptors);
        pen.stop();
    });
}

#[test]
fn the_next_server_takes_over_from_one_that_is_gone() {
    with_site(|site| {
        for family in [0, 1] {
            let servers = [site.echo(family, 0), site.echo(family, 1)];
            let pen = pen(site, family, &servers, &["blacklist 3600"]);
            let client = site.udp_client(source(family, 1, 4001), &pen);
            assert_eq!(client.ask("before"), b"0before");
            servers[0].leave();
            assert_eq!(client.ask("after"), b"1after");
            assert_eq!(servers[1].sources(), [Address::from(source(family, 1, 4001))]);
            assert_eq!(pen.stop().stderr.matches("server 0 (").count(), 1);
        }
    });
}

#[test]
fn that_a_server_is_gone_is_heard_where_answers_are_taken_in_by_port() {
    with_site(|site| {
        site.take_in_by_port();
        for family in [0, 1] {
            let second = site.echo(family, 1);
            let gone = at(BACK[0][family], 80);
            let pen = Site::pen(family).udp().servers([&gone, second.address()]).command("blacklist 3600");
            let pen = site.start(pen);
            let client = site.udp_client(source(family, 1, 4001), &pen);
            assert_eq!(client.ask("x"), b"1x");
            assert!(pen.stop().stderr.contains("server 0 ("));
        }
    });
}

#[test]
fn one_client_port_hears_all_the_servers_that_it_is_spread_over() {
    with_site(|site| {
        let servers = [site.echo(0, 0), site.echo(0, 1)];
        let pen = pen(site, 0, &servers, &["udp_requests 1"]);
        let client = site.udp_client(source(0, 1, 4001), &pen);
        let answers: Vec<Vec<u8>> = (0..6).map(|_| client.ask("x")).collect();
        assert_eq!(answers, [b"0x", b"1x", b"0x", b"1x", b"0x", b"1x"]);
        for server in &servers {
            assert!(server.sources().iter().all(|from| *from == source(0, 1, 4001).into()));
        }
        pen.stop();
    });
}

#[test]
fn one_client_port_can_use_several_services() {
    with_site(|site| {
        let servers = [site.echo(0, 0), site.echo(0, 1)];
        let pen = pen(site, 0, &servers[..1], &[]);
        for command in ["listen 10.1.0.1:81", "udp", "transparent", "server 0 address 10.2.0.12 port 80"] {
            pen.ask(&format!("service other {command}"));
        }
        let own = source(0, 1, 4001);
        let clients = site.client.on(|| {
            let socket = std::net::UdpSocket::bind(own).unwrap();
            socket.set_read_timeout(Some(pen_tests::LIMIT)).unwrap();
            socket
        });
        let mut answer = [0; 9];
        for round in 0..6 {
            let port = 80 + round % 2;
            clients.send_to(b"x", (FRONT[0], port)).unwrap();
            let (length, from) = clients.recv_from(&mut answer).unwrap();
            assert_eq!((&answer[..length], from.port()), (format!("{}x", port - 80).as_bytes(), port));
        }
        pen.stop();
    });
}

#[test]
fn a_client_on_pen_s_own_host_has_its_address_already_and_no_server_is_to_blame() {
    with_site(|site| {
        let servers = [site.echo(0, 0)];
        let pen = pen(site, 0, &servers, &[]);
        let local =
            site.balancer.on(|| UdpClient::at(SocketAddr::from(([10, 1, 0, 1], 4001)), pen.address()));
        local.send("x");
        wait_until("the shortage is counted", || pen.ask("status json").contains(r#""shortages":1"#));
        assert!(pen.ask("status json").contains(r#""failures":0"#));
        let client = site.udp_client(source(0, 1, 4001), &pen);
        assert_eq!(client.ask("x"), b"0x");
        pen.stop();
    });
}

#[test]
fn a_client_whose_address_cannot_be_had_costs_nobody_else_a_flow() {
    with_site(|site| {
        let servers = [site.echo(0, 0)];
        let pen = pen(site, 0, &servers, &[]);
        let clients: Vec<_> = (1..=20).map(|number| site.udp_client(source(0, number, 4001), &pen)).collect();
        for client in &clients {
            assert_eq!(client.ask("x"), b"0x");
        }
        let local =
            site.balancer.on(|| UdpClient::at(SocketAddr::from(([10, 1, 0, 1], 4001)), pen.address()));
        local.send("x");
        wait_until("the shortage is counted", || pen.status()["services"][0]["shortages"] == 1);
        assert_eq!(pen.servers()[0].conn, 20);
        pen.stop();
    });
}

#[test]
fn clients_whom_the_server_could_not_answer_come_from_pen() {
    with_site(|site| {
        let servers = [site.echo(0, 0)];
        let pen = pen(site, 0, &servers, &[&format!("listen [{}]:80 10.2.0.1:80", FRONT[1])]);
        let of_the_other_family = site.client.on(|| UdpClient::at(source(1, 1, 4001), &at(FRONT[1], 80)));
        let itself = SocketAddr::new(BACK[0][0].parse().unwrap(), 4001);
        let itself = site.server.on(|| UdpClient::at(itself, &at("10.2.0.1", 80)));
        for client in [of_the_other_family, itself] {
            for _ in 0..3 {
                assert_eq!(client.ask("x"), b"0x");
            }
        }
        assert!(servers[0].sources().iter().all(|from| from.ip().ip().to_string() == "10.2.0.1"));
        pen.stop();
    });
}

#[test]
fn flows_go_on_as_they_began_when_it_is_turned_off() {
    with_site(|site| {
        let servers = [site.echo(0, 0)];
        let pen = pen(site, 0, &servers, &[]);
        let old = site.udp_client(source(0, 1, 4001), &pen);
        assert_eq!(old.ask("x"), b"0x");
        pen.tell("no transparent");
        let new = site.udp_client(source(0, 2, 4001), &pen);
        assert_eq!((old.ask("x"), new.ask("x")), (b"0x".to_vec(), b"0x".to_vec()));
        let sources = servers[0].sources();
        assert_eq!(sources[..2], [source(0, 1, 4001).into(), source(0, 1, 4001).into()]);
        assert_eq!(sources[2].ip().ip().to_string(), "10.2.0.1");
        pen.stop();
    });
}
