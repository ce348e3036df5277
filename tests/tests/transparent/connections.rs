//! TCP.

use std::io::Write as _;
use std::net::IpAddr;
use std::{fs, thread};

use pen_tests::{Address, Backend, Content, End, Stream, wait_until};

use super::site::{BACK, FRONT, Site, at, client, with_site};

fn whom(stream: &Stream) -> String {
    stream.line()
}

fn seen(number: usize, client: IpAddr) -> String {
    format!("{number} {client}")
}

#[test]
fn servers_see_the_client_s_address_and_their_answers_arrive() {
    with_site(|site| {
        for family in [0, 1] {
            let server = site.web(family, 0);
            let pen = site.start(Site::pen(family).server(&server));
            for number in [1, 2, 300] {
                let stream = site.connect(client(family, number), &pen);
                assert_eq!(whom(&stream), seen(0, client(family, number)));
            }
            let stream = site.connect(client(family, 7), &pen);
            whom(&stream);
            let (content, length) = (Content::new(7), 3_000_000);
            thread::scope(|scope| {
                scope.spawn(|| {
                    content.write_to(&mut { &stream }, length).unwrap();
                    stream.finish();
                });
                assert_eq!(content.expect_from(&stream), (length, End::Eof));
            });
            pen.stop();
        }
    });
}

#[test]
fn a_crowd_of_clients_is_served_at_once() {
    with_site(|site| {
        let servers = [site.web(0, 0), site.web(0, 1)];
        let pen = site.start(Site::pen(0).servers(&servers).option("-x 1000").option("-c 1000"));
        let held: Vec<Stream> = (1..400).map(|number| site.connect(client(0, number), &pen)).collect();
        for (number, stream) in (1..400).zip(&held) {
            let line = whom(stream);
            assert!(line.ends_with(&format!(" {}", client(0, number))), "{line}");
        }
        drop(held);
        pen.wait_until_idle();
        pen.stop();
    });
}

#[test]
fn ports_are_counted_for_each_client_and_server() {
    with_site(|site| {
        site.balancer.set("net/ipv4/ip_local_port_range", "40000 40009");
        let servers = [site.web(0, 0), site.web(0, 1)];
        let pen = site.start(Site::pen(0).servers(&servers).option("-r"));
        let held: Vec<Stream> =
            (0..80).map(|number| site.connect(client(0, 1 + number / 16), &pen)).collect();
        for (number, stream) in (0..80).zip(&held) {
            assert!(whom(stream).ends_with(&format!(" {}", client(0, 1 + number / 16))));
        }
        assert_eq!(pen.servers().iter().map(|server| server.conn).collect::<Vec<_>>(), [40, 40]);
        pen.stop();
    });
}

#[test]
fn the_next_server_takes_over_from_one_that_refuses() {
    with_site(|site| {
        for family in [0, 1] {
            let second = site.web(family, 1);
            let servers = [at(BACK[0][family], 80), second.address().clone()];
            let pen = site.start(Site::pen(family).servers(servers).option("-b 3600"));
            for number in 1..10 {
                let stream = site.connect(client(family, number), &pen);
                assert_eq!(whom(&stream), seen(1, client(family, number)));
            }
            assert!(pen.ask("status text").contains("blacklisted"));
            assert_eq!(pen.stop().stderr.matches("server 0 (").count(), 1);
        }
    });
}

#[test]
fn it_can_be_turned_on_and_off() {
    with_site(|site| {
        let server = site.web(0, 0);
        let pen = site.start(Site::pen(0).server(&server));
        let see =
            |expected: &str| assert_eq!(whom(&site.connect(client(0, 5), &pen)), format!("0 {expected}"));
        see("10.9.0.5");
        assert!(pen.ask("status json").contains(r#""transparent":true"#));
        assert!(pen.ask("status text").contains("tracking, round robin, transparent"));
        pen.tell("no transparent");
        see("10.2.0.1");
        assert!(pen.ask("status json").contains(r#""transparent":false"#));
        pen.tell("source 10.1.0.1");
        see("10.1.0.1");
        pen.tell("transparent");
        see("10.9.0.5");
        pen.stop();
    });
}

#[test]
fn clients_whom_the_server_could_not_answer_come_from_pen() {
    with_site(|site| {
        let server = site.web(0, 0);
        let own = [at("10.1.0.1", 81), at("10.2.0.1", 82), at(FRONT[1], 83), at("127.0.0.1", 84)];
        let directory = tempfile::tempdir().unwrap();
        let unix = Address::Unix(directory.path().join("socket"));
        let listen = own.iter().chain([&unix]).map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let pen = site.start(Site::pen(0).server(&server).command(&format!("listen {listen}")));
        let see = |stream: std::io::Result<Stream>| whom(&stream.unwrap());
        let of_the_other_family = site.client.on(|| Stream::connect_from(client(1, 1), &own[2]));
        assert_eq!(see(of_the_other_family), "0 10.2.0.1");
        assert_eq!(see(Stream::connect(&unix)), "0 10.2.0.1");
        assert_eq!(see(site.balancer.on(|| Stream::connect(&own[3]))), "0 10.2.0.1");
        let itself: IpAddr = BACK[0][0].parse().unwrap();
        assert_eq!(see(site.server.on(|| Stream::connect_from(itself, &own[1]))), "0 10.2.0.1");
        pen.tell("source 10.1.0.1");
        assert_eq!(see(Stream::connect(&unix)), "0 10.1.0.1");
        assert_eq!(see(site.client.on(|| Stream::connect_from(client(0, 1), &own[0]))), "0 10.9.0.1");
        assert!(pen.ask("status json").contains(r#""failures":0"#));
        pen.stop();
    });
}

#[test]
fn a_client_whom_a_proxy_header_names_is_whom_the_server_sees() {
    with_site(|site| {
        let server = site.web(0, 0);
        let pen = Site::pen(0).server(&server).command("acl 1 permit 10.9.0.0/16");
        let pen = site.start(pen.command("proxy_protocol accept 1"));
        let named = |header: &str| {
            let stream = site.connect(client(0, 1), &pen);
            stream.send(header);
            whom(&stream)
        };
        assert_eq!(named("PROXY TCP4 10.9.7.7 10.1.0.1 1000 80\r\n"), "0 10.9.7.7");
        assert_eq!(named("PROXY UNKNOWN\r\n"), "0 10.9.0.1");
        // No host can have these.
        for impossible in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1"] {
            let header = format!("PROXY TCP4 {impossible} 10.1.0.1 1000 80\r\n");
            assert_eq!(named(&header), "0 10.2.0.1", "{impossible}");
        }
        assert!(pen.ask("status json").contains(r#""failures":0"#));
        pen.stop();
    });
}

#[test]
fn a_record_of_a_connection_tells_the_port_that_the_server_sees() {
    with_site(|site| {
        let server = site.web(0, 0);
        let pen = site.start(Site::pen(0).server(&server).command("log requests connections"));
        let stream = site.connect(client(0, 3), &pen);
        assert_eq!(whom(&stream), "0 10.9.0.3");
        let port = stream.local().unwrap().port();
        stream.finish();
        assert_eq!(stream.drain().text(), "");
        let log = pen.directory().join("requests");
        let records = || fs::read_to_string(&log).unwrap_or_default();
        wait_until("the records are written", || records().lines().count() == 2);
        assert!(records().starts_with(&format!("= 10.9.0.3 {port} 10.9.0.3 ")), "{}", records());
        pen.stop();
    });
}

#[test]
fn servers_have_other_ways_through_pen_s_host_where_answers_are_taken_in_by_port() {
    with_site(|site| {
        site.take_in_by_port();
        for (family, outside) in ["10.1.0.2", "2001:db8:1::2"].into_iter().enumerate() {
            let servers = [site.web(family, 0), site.web(family, 1)];
            let pen = site.start(Site::pen(family).servers(&servers).option("-r"));
            for number in [0, 1, 0] {
                let stream = site.connect(client(family, 1), &pen);
                assert_eq!(whom(&stream), seen(number, client(family, 1)));
            }
            let other = site.client.on(|| {
                Backend::serve_at(&at(outside, 7000), |client| {
                    let seen = client.peer().unwrap().ip();
                    let _ = writeln!({ client }, "{seen}");
                })
            });
            let own: IpAddr = BACK[1][family].parse().unwrap();
            let direct = site.server.on(|| Stream::connect_from(own, other.address())).unwrap();
            assert_eq!(direct.line(), BACK[1][family]);
            pen.stop();
        }
    });
}
