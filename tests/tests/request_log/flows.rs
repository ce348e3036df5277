//! Records of flows of datagrams: what began each, and from when to when a server had it.

use std::fs;
use std::net::SocketAddr;

use pen_tests::{Family, Pen, PenBuilder, Penlogd, UdpBackend, UdpClient, wait_until};
use tempfile::TempDir;

use super::connections::pair;
use super::log_host::LogHost;

fn logging(loghost: &LogHost, servers: &[&UdpBackend]) -> PenBuilder {
    Pen::builder().udp().servers(servers).command(&format!("log {} connections", loghost.address()))
}

fn of(client: &UdpClient) -> String {
    let address = client.address().ip();
    format!("{} {}", address.ip(), address.port())
}

fn at(server: &UdpBackend) -> String {
    server.address().ip().ip().to_string()
}

#[test]
fn a_file_has_a_line_for_each_flow_with_the_first_line_of_its_first_datagram() {
    let server = UdpBackend::echo();
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let pen = Pen::builder().udp().server(&server).command(&format!("log {}", log.display())).start();
    let clients = [2, 3].map(|host| pen.udp_client_from(host));
    for client in &clients {
        for datagram in ["<13>one\x01\r\nmore", "two"] {
            client.ask(datagram);
        }
    }
    wait_until("both flows are logged", || fs::read_to_string(&log).unwrap().lines().count() == 2);
    let text = fs::read_to_string(&log).unwrap();
    for (line, host) in text.lines().zip([2, 3]) {
        let words: Vec<&str> = line.split(' ').collect();
        let address = format!("127.0.0.{host}");
        assert_eq!((words[0], &words[2..]), (&*address, &[&*at(&server), "<13>one."][..]), "{line}");
        assert!(words[1].parse::<u64>().is_ok(), "{line}");
    }
    pen.stop();
    assert_eq!(fs::read_to_string(&log).unwrap(), text);
}

#[test]
fn a_flow_is_told_when_it_begins_and_when_it_ends() {
    let (loghost, server) = (LogHost::new(), UdpBackend::echo());
    let pen = logging(&loghost, &[&server]).command("udp_timeout 1").start();
    let client = pen.udp_client_from(2);
    client.ask("one");
    client.ask("two");
    let [request, opened, closed] = &loghost.take(3)[..] else { panic!("three were taken") };
    assert_eq!(*request, format!("+ 127.0.0.2 {} one\n", at(&server)));
    let told = pair(opened, closed);
    assert_eq!(told.client, of(&client));
    assert_eq!(told.pen, server.sources()[0].ip(), "as the server saw it");
    assert_eq!(told.server, server.address().ip());
    pen.stop();
    assert!(loghost.arrived().is_empty());
}

#[test]
fn pens_end_is_the_end_of_its_flows() {
    let (loghost, server) = (LogHost::new(), UdpBackend::echo());
    let pen = logging(&loghost, &[&server]).start();
    pen.udp_client().ask("one");
    let [_, opened] = &loghost.take(2)[..] else { panic!("two were taken") };
    pen.stop();
    pair(opened, &loghost.next());
    assert!(loghost.arrived().is_empty());
}

#[test]
fn addresses_of_ipv6_and_a_source_are_told_as_the_server_sees_them() {
    for (family, command) in [(Family::Tcp6, "debug 0"), (Family::Tcp4, "source 127.0.0.9")] {
        let (loghost, server) = (LogHost::new(), UdpBackend::serve_on(family, |bytes| vec![bytes.to_vec()]));
        let pen = logging(&loghost, &[&server]).command(command).start();
        pen.udp_client().ask("one");
        let [_, opened] = &loghost.take(2)[..] else { panic!("two were taken") };
        pen.stop();
        let told = pair(opened, &loghost.next());
        assert_eq!((told.pen, told.server), (server.sources()[0].ip(), server.address().ip()));
    }
}

#[test]
fn every_choice_of_a_server_is_told_where_datagrams_are_spread() {
    let (loghost, a, b) = (LogHost::new(), UdpBackend::echo(), UdpBackend::echo());
    let pen = logging(&loghost, &[&a, &b]).command("udp_requests 1").start();
    let client = pen.udp_client();
    client.ask("one");
    let first = loghost.take(2);
    client.ask("two");
    let second = loghost.take(3);
    assert_eq!([&*first[0], &*second[0]].map(|line| line.split(' ').nth(3).unwrap()), ["one\n", "two\n"]);
    let ended = pair(&first[1], &second[1]);
    assert_eq!((ended.server, ended.pen), (a.address().ip(), a.sources()[0].ip()));
    pen.stop();
    let ended = pair(&second[2], &loghost.next());
    assert_eq!((ended.server, ended.pen), (b.address().ip(), b.sources()[0].ip()));
}

#[test]
fn the_same_server_chosen_again_is_asked_anew_and_not_opened_anew() {
    let (loghost, server) = (LogHost::new(), UdpBackend::echo());
    let pen = logging(&loghost, &[&server]).command("udp_requests 1").start();
    let client = pen.udp_client();
    for datagram in ["one", "two", "three"] {
        client.ask(datagram);
    }
    let records = loghost.take(4);
    let kinds: String = records.iter().map(|record| &record[..1]).collect();
    assert_eq!(kinds, "+=++", "{records:?}");
    pen.stop();
    pair(&records[1], &loghost.next());
    assert!(loghost.arrived().is_empty());
}

#[test]
fn a_flow_that_moves_is_told_as_closed_and_opened() {
    let (loghost, a, b) = (LogHost::new(), UdpBackend::echo(), UdpBackend::echo());
    let pen = logging(&loghost, &[&a, &b]).start();
    let client = pen.udp_client();
    client.ask("one");
    let first = loghost.take(2);
    pen.ask("server 0 blacklist 60");
    client.ask("two");
    let second = loghost.take(3);
    assert_eq!(pair(&first[1], &second[1]).server, a.address().ip());
    assert!(second[0].ends_with(" two\n"), "{second:?}");
    pen.stop();
    assert_eq!(pair(&second[2], &loghost.next()).server, b.address().ip());
}

#[test]
fn a_flow_that_its_server_refuses_is_told_as_moved() {
    let (loghost, dead, alive) = (LogHost::new(), UdpBackend::echo(), UdpBackend::echo());
    dead.leave();
    let pen = logging(&loghost, &[&dead, &alive]).start();
    pen.udp_client().ask("one");
    let records = loghost.take(5);
    let kinds: String = records.iter().map(|record| &record[..1]).collect();
    assert_eq!(kinds, "+=+==", "{records:?}");
    assert_eq!(pair(&records[1], &records[3]).server, dead.address().ip());
    pen.stop();
    assert_eq!(pair(&records[4], &loghost.next()).server, alive.address().ip());
}

#[test]
fn another_log_hears_of_what_is_chosen_from_then_on() {
    let (former, next, server) = (LogHost::new(), LogHost::new(), UdpBackend::echo());
    let pen = logging(&former, &[&server]).start();
    let client = pen.udp_client();
    client.ask("one");
    let records = former.take(2);
    pen.ask(&format!("log {} connections", next.address()));
    // Told as closed, so that nobody takes it for open for ever.
    pair(&records[1], &former.next());
    client.ask("two");
    pen.udp_client_from(2).ask("three");
    assert_eq!(next.next(), format!("+ 127.0.0.2 {} three\n", at(&server)));
    let opened = next.next();
    pen.ask("no log");
    pair(&opened, &next.next());
    pen.udp_client_from(3).ask("four");
    pen.stop();
    assert!(former.arrived().is_empty() && next.arrived().is_empty());
}

#[test]
fn penlogd_knows_the_client_of_a_servers_line() {
    let (penlogd, server) = (Penlogd::start(), UdpBackend::echo());
    let to: SocketAddr = penlogd.address();
    let pen = Pen::builder().udp().server(&server).command(&format!("log {to} connections")).start();
    let web = penlogd.peer(&at(&server));
    for host in [2, 3] {
        pen.udp_client_from(host).ask(format!("GET /{host} HTTP/1.0\r\n\r\n"));
        web.send(format!("192.0.2.1 - - [x] \"GET /{host} HTTP/1.0\" 200 5\n"));
    }
    penlogd
        .expect("127.0.0.2 - - [x] \"GET /2 HTTP/1.0\" 200 5\n127.0.0.3 - - [x] \"GET /3 HTTP/1.0\" 200 5\n");
    pen.stop();
}

#[test]
fn datagrams_of_both_directions_are_dumped() {
    let server = UdpBackend::serve(|_| vec![b"from the server\n".to_vec()]);
    let pen = Pen::builder().udp().server(&server).option("-ddda").start();
    pen.udp_client().ask("from the client");
    for dump in ["connection 0, from client: from the client", "connection 0, from server: from the server."]
    {
        wait_until("the dump is told", || pen.stderr().contains(dump));
    }
    pen.stop();
    let pen = Pen::builder().udp().server(&server).option("-ddd").start();
    pen.udp_client().ask([0, 255]);
    wait_until("the dump is told", || pen.stderr().contains("connection 0, from client: 00 ff"));
    pen.stop();
}
