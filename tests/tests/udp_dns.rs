//! pen in front of BIND and dnsmasq: the right answers from the right address, none lost, and name servers that die.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;

use pen_tests::dns::{BIG, HOSTS, NameServer, Tally, big_text, dig, dnsperf, host, who};
use pen_tests::{Pen, PenBuilder, in_own_network, wait_until};

const FRONT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

fn bind() -> NameServer {
    NameServer::bind("bind", Ipv4Addr::new(10, 53, 0, 1).into())
}

fn dnsmasq() -> NameServer {
    NameServer::dnsmasq("dnsmasq", Ipv4Addr::new(10, 53, 0, 2).into())
}

/// A pen for datagrams in a network of the test's own.
fn pen(listen: SocketAddr) -> PenBuilder {
    Pen::builder().listen_at(listen).option("-U")
}

/// The name of the one that answers, who must answer.
#[track_caller]
fn answering(address: SocketAddr) -> String {
    who(address).unwrap_or_else(|| panic!("nobody answers at {address}"))
}

#[test]
fn every_answer_is_the_one_to_its_question() {
    in_own_network(|| {
        let servers = [bind(), dnsmasq()];
        for responses in ["udp_responses 0", "udp_responses 1"] {
            let pen = pen(FRONT).servers(&servers).option("-r").command(responses).start();
            let mut questions = vec!["+short"];
            let names: Vec<_> = (0..HOSTS).map(|number| format!("host{number}.example.test")).collect();
            questions.extend(names.iter().map(String::as_str));
            let answers = dig(FRONT, &questions);
            let expected: Vec<_> = (0..HOSTS).map(|number| format!("{}\n", host(number))).collect();
            assert_eq!(answers.stdout, expected.concat(), "{}", answers.stderr);
            let shares: Vec<_> = pen.servers().iter().map(|row| row.rx).collect();
            assert!(shares.iter().all(|&bytes| bytes > 1000), "{shares:?}");
            pen.stop();
        }
    });
}

/// Asks as fast as answers come, then, for about two seconds, at half of that speed.
#[track_caller]
fn none_is_lost(pen: &Pen) {
    const CLIENTS: [&str; 4] = ["-c", "20", "-q", "100"];
    let fast = dnsperf(FRONT, 20, &CLIENTS);
    let half = fast.rate / 2;
    let rounds = (2 * half / HOSTS).clamp(10, 100);
    let slow = dnsperf(FRONT, rounds, &[&CLIENTS[..], &["-Q", &half.to_string()]].concat());
    eprintln!("{} answers a second, then {}", fast.rate, slow.rate);
    for (tally, rounds) in [(fast, 20), (slow, rounds)] {
        let all = rounds * HOSTS;
        let expected =
            Tally { sent: all, completed: all, lost: 0, good: all, unexpected: 0, rate: tally.rate };
        assert_eq!(tally, expected, "{}", pen.ask("status json"));
    }
}

#[test]
fn none_is_lost_at_half_of_capacity() {
    in_own_network(|| {
        let server = bind();
        let pen = pen(FRONT).server(&server).start();
        none_is_lost(&pen);
        // Each client of both runs is a flow until it has been silent for long.
        assert_eq!(pen.servers()[0].conn, 40);
        pen.stop();
    });
}

#[test]
fn none_is_lost_when_flows_end_with_their_answers_and_clients_have_several_questions_under_way() {
    in_own_network(|| {
        let server = bind();
        let pen = pen(FRONT).server(&server).command("udp_responses 1").start();
        none_is_lost(&pen);
        pen.wait_until_idle();
        pen.stop();
    });
}

#[test]
fn none_is_lost_between_two_kinds_of_name_servers() {
    in_own_network(|| {
        let servers = [bind(), dnsmasq()];
        let builder = pen(FRONT).servers(&servers).option("-r");
        let pen = builder.command("udp_responses 1").command("udp_requests 1").start();
        none_is_lost(&pen);
        pen.wait_until_idle();
        let shares: Vec<_> = pen.servers().iter().map(|row| row.sx).collect();
        assert!(shares[0].abs_diff(shares[1]) <= 200, "every other question: {shares:?}");
        pen.stop();
    });
}

#[test]
fn answers_come_from_the_address_that_was_asked() {
    in_own_network(|| {
        let server = bind();
        let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 5353));
        let all_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5353));
        for listen in [all_v4, all] {
            let pen = pen(listen).server(&server).start();
            for last in 1..6 {
                let asked = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 5353));
                assert_eq!(answering(asked), "bind");
            }
            if listen.is_ipv6() {
                assert_eq!(answering(SocketAddr::from((Ipv6Addr::LOCALHOST, 5353))), "bind");
            }
            pen.stop();
        }
    });
}

#[test]
fn clients_and_name_servers_of_different_families_understand_each_other() {
    in_own_network(|| {
        let four = bind();
        let six = NameServer::bind("six", "fd00::53".parse().unwrap());
        let front6 = SocketAddr::from((Ipv6Addr::LOCALHOST, 53));
        for (listen, server) in [(FRONT, &six), (front6, &four), (front6, &six)] {
            let pen = pen(listen).server(server).start();
            assert_eq!(answering(listen), server.name());
            pen.stop();
        }
    });
}

#[test]
fn answers_larger_than_a_frame_arrive_whole() {
    in_own_network(|| {
        let server = bind();
        let pen = pen(FRONT).server(&server).start();
        let options = ["+notcp", "+ignore", "+bufsize=4096", "+tries=1", "+short", "big.example.test", "TXT"];
        let answer = dig(FRONT, &options);
        assert_eq!(answer.stdout.trim_end(), big_text("\" \""), "{}", answer.stderr);
        assert!(pen.servers()[0].rx > BIG as u64);
        pen.stop();
    });
}

#[test]
fn one_port_number_serves_datagrams_and_connections() {
    in_own_network(|| {
        let server = bind();
        let at = format!("listen {FRONT}\nserver 0 address {} port 53\n", server.address().ip());
        let file = format!("service dns-udp\nudp\nudp_responses 1\n{at}service dns-tcp\n{at}");
        let pen = Pen::builder().without_address().config(&file).start();
        let whole = big_text("\" \"");
        // Cut off, and said to be.
        let cut = dig(FRONT, &["+bufsize=512", "+ignore", "big.example.test", "TXT"]);
        assert!(cut.stdout.contains("flags: qr aa tc"), "{}", cut.stdout);
        // So dig asks again by TCP.
        let again = dig(FRONT, &["+bufsize=512", "+short", "big.example.test", "TXT"]);
        assert_eq!(again.stdout.lines().last(), Some(whole.as_str()));
        let by_tcp = dig(FRONT, &["+tcp", "+short", "server.example.test", "TXT"]);
        assert_eq!(by_tcp.stdout, "\"bind\"\n");
        wait_until("all are served", || !pen.ask("services").contains("conn 1"));
        let received = |service: &str| {
            pen.ask(&format!("service {service} servers")).lines().next().map(ToOwned::to_owned).unwrap()
        };
        assert!(!received("dns-udp").ends_with(" rx 0") && !received("dns-tcp").ends_with(" rx 0"));
        pen.stop();
    });
}

#[test]
fn a_name_server_that_is_killed_costs_little_and_comes_back() {
    /// Questions that dnsperf has under way at most.
    const UNDER_WAY: usize = 50;
    in_own_network(|| {
        let mut servers = [bind(), NameServer::bind("other", Ipv4Addr::new(10, 53, 0, 3).into())];
        let builder = pen(FRONT).servers(&servers).option("-r").option("-b 1");
        let pen = builder.command("udp_responses 1").start();
        let (tally, before) = thread::scope(|scope| {
            let run =
                scope.spawn(|| dnsperf(FRONT, 24, &["-c", "10", "-q", &UNDER_WAY.to_string(), "-Q", "4000"]));
            wait_until("both have work", || pen.servers().iter().all(|row| row.rx > 20_000));
            let before = pen.servers()[1].rx;
            servers[0].kill();
            (run.join().expect("dnsperf has counted"), before)
        });
        eprintln!("{} of {} lost, {} answered twice", tally.lost, tally.sent, tally.unexpected);
        assert_eq!((tally.sent, tally.sent - tally.lost), (24 * HOSTS, tally.good));
        assert!(pen.servers()[1].rx > before + 100_000, "{:?} {before}", pen.servers());
        // While it dies it answers nothing, and still takes questions until all that can be under way are lost; later it may cost
        // a few when it is tried again. What had its answer in the moment of the death is asked once more.
        assert!(tally.lost <= 2 * UNDER_WAY && tally.unexpected <= UNDER_WAY, "{tally:?}");
        assert_eq!(answering(FRONT), "other");
        servers[0].start_again();
        wait_until("it is taken back", || who(FRONT).as_deref() == Some("bind"));
        pen.stop();
    });
}
