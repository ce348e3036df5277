//! Several services in one process: each with listeners, servers, clients, modes and limits of its own, added, changed and
//! removed while the others go on.

use std::fs;
use std::net::SocketAddr;
use std::thread;

use nix::sys::signal::Signal;
use pen_tests::{Address, Backend, Load, Pen, Stream, answering_512_bytes, private_address, wait_until};

/// Commands for a file that make a service with these servers.
fn service(name: &str, address: SocketAddr, servers: &[&Backend]) -> String {
    let servers: String =
        (0..).zip(servers).map(|(slot, server)| server_line(slot, server.address())).collect();
    format!("service {name}\nlisten {address}\n{servers}")
}

fn server_line(slot: usize, address: &Address) -> String {
    match address {
        Address::Ip(address) => format!("server {slot} address {} port {}\n", address.ip(), address.port()),
        Address::Unix(path) => format!("server {slot} address {}\n", path.display()),
    }
}

fn get(address: SocketAddr) -> String {
    Stream::connect(&address.into()).expect("the service accepts").drain().text()
}

fn refuses(address: SocketAddr) -> bool {
    Stream::connect(&address.into()).is_err()
}

fn names(pen: &Pen) -> Vec<String> {
    pen.ask("services").lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

/// Stops a load at the end of the scope, also when the test fails in it.
struct StopsLoad<'a>(&'a Load);

impl Drop for StopsLoad<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[test]
fn one_file_makes_services_with_settings_of_their_own() {
    let [front, web, mail] = ["front", "web", "mail"].map(Backend::named);
    let [web_at, mail_at] = [private_address(), private_address()];
    let file = format!(
        "roundrobin\n{}blacklist 7\nconn_max 9\n{}stubborn\nservice default\nprio\n",
        service("web", web_at, &[&web]),
        service("mail", mail_at, &[&mail])
    );
    let pen = Pen::builder().server(&front).config(&file).start();
    assert_eq!((pen.get(), get(web_at), get(mail_at)), ("front".into(), "web".into(), "mail".into()));
    assert_eq!(pen.ask("mode"), "no hash roundrobin no stubborn no weight prio\n");
    assert_eq!(pen.ask("service web mode"), "no hash no roundrobin no stubborn no weight no prio\n");
    assert_eq!(pen.ask("service mail mode"), "no hash no roundrobin stubborn no weight no prio\n");
    assert_eq!((pen.ask("blacklist"), pen.ask("service web blacklist")), ("30\n".into(), "7\n".into()));
    assert_eq!(pen.ask("service web listen"), format!("{web_at}\n"));
    wait_until("all connections have ended", || !pen.ask("services").contains("conn 1"));
    assert_eq!(
        pen.ask("services"),
        format!(
            "default state up servers 1 usable 1 conn 0 max 500 listen {}\n\
             web state up servers 1 usable 1 conn 0 max 9 listen {web_at}\n\
             mail state up servers 1 usable 1 conn 0 max 500 listen {mail_at}\n",
            pen.address()
        )
    );
    pen.stop();
}

#[test]
fn a_file_alone_may_define_services_without_the_default_one() {
    let web = Backend::named("web");
    let at = private_address();
    let pen = Pen::builder().config(&service("web", at, &[&web])).without_address().start();
    assert_eq!(get(at), "web");
    assert_eq!(names(&pen), ["web"]);
    let told = format!("balances {at} to 1 server of web");
    wait_until("pen tells", || pen.stderr().contains(&told));
    pen.stop();
}

#[test]
fn servers_of_a_service_that_listens_nowhere_are_told_at_start() {
    let web = Backend::named("web");
    let config = server_line(0, web.address()) + &service("web", private_address(), &[&web]);
    let pen = Pen::builder().config(&config).without_address().start();
    let told = "does not listen for 1 server yet: 'listen ADDR' is missing";
    wait_until("pen tells", || pen.stderr().contains(told));
    pen.stop();
}

#[test]
fn clients_and_servers_of_a_service_are_its_own() {
    let [a, b] = ["a", "b"].map(Backend::holding);
    let at = private_address();
    let pen = Pen::builder().server(&a).config(&service("web", at, &[&b])).start();
    let (_, _first) = pen.hold_from(1);
    let second = Stream::connect_from([127, 0, 0, 2].into(), &at.into()).unwrap();
    assert_eq!(second.line(), "b");
    let recent = |command: &str| pen.ask(command).split(' ').next().unwrap_or_default().to_owned();
    assert_eq!((recent("recent"), recent("service web recent")), ("127.0.0.1".into(), "127.0.0.2".into()));
    assert!(pen.ask("connections").starts_with("0 client 127.0.0.1 index 0 "));
    assert!(
        pen.ask("service web connections").starts_with("1 client 127.0.0.2 index 1 "),
        "numbers of connections and clients are process-wide"
    );
    assert!(pen.ask("service web servers").contains(&format!("port {} conn 1 ", b.address().port())));
    pen.tell("service web server 0 max 5");
    assert!(pen.ask("service web servers").contains(" max 5 ") && !pen.ask("servers").contains(" max 5 "));
    pen.stop();
}

#[test]
fn a_full_service_leaves_the_others_alone() {
    let [a, b] = ["a", "b"].map(Backend::holding);
    let at = private_address();
    let pen = Pen::builder().server(&a).config(&format!("{}conn_max 1\n", service("web", at, &[&b]))).start();
    let first = Stream::connect(&at.into()).unwrap();
    assert_eq!(first.line(), "b");
    let waiting = Stream::connect(&at.into()).unwrap();
    let held: Vec<_> = (1..=20).map(|host| pen.hold_from(host)).collect();
    assert_eq!((held.len(), b.total()), (20, 1));
    drop(first);
    assert_eq!(waiting.line(), "b");
    pen.stop();
}

#[test]
fn a_service_is_added_and_removed_while_others_serve() {
    let [front, late] = ["front", "late"].map(Backend::holding);
    let pen = Pen::builder().server(&front).start();
    let (_, held) = pen.hold_from(1);
    let answer = pen.ask("service web listen 127.0.0.1:0");
    let at: SocketAddr = answer.trim().parse().unwrap_or_else(|_| panic!("{answer}"));
    pen.tell(&format!("service web {}", server_line(0, late.address()).trim()));
    let client = Stream::connect(&at.into()).unwrap();
    assert_eq!(client.line(), "late");

    pen.tell("no service web");
    wait_until("new clients are refused", || refuses(at));
    assert!(pen.ask("services").contains("web state draining servers 1 usable 1 conn 1 max 500 listen\n"));
    assert!(pen.ask("service web servers").starts_with("error: there is no service 'web': "));
    assert!(pen.ask("status text").contains("Service web (removed, "));
    // Its name is free for another while the last connection of the first is awaited.
    let answer = pen.ask("service web listen 127.0.0.1:0");
    assert!(answer.starts_with("127.0.0.1:"), "{answer}");
    assert_eq!(names(&pen), ["default", "web", "web"]);
    assert_eq!(pen.ask("service web connections"), "");

    client.send("still here");
    client.finish();
    client.drain();
    wait_until("the removed service is gone", || names(&pen) == ["default", "web"]);
    wait_until("pen tells", || pen.stderr().contains("the service 'web' has ended"));
    held.finish();
    held.drain();
    pen.stop();
}

#[test]
fn many_services_come_and_go_beside_a_load_that_never_fails() {
    let backend = answering_512_bytes();
    let pen = Pen::builder().server(&backend).command("threads 2").start();
    let before = (pen.process().descriptors_at_rest(), pen.process().threads());
    let load = Load::default();
    thread::scope(|scope| {
        scope.spawn(|| load.keep_up(|| Some(pen.address().clone())));
        let _stops = StopsLoad(&load);
        for round in 0..30 {
            let name = format!("s{}", round % 3);
            let answer = pen.ask(&format!("service {name} listen 127.0.0.1:0"));
            let at: SocketAddr = answer.trim().parse().unwrap_or_else(|_| panic!("{answer}"));
            pen.tell(&format!("service {name} {}", server_line(0, backend.address()).trim()));
            load.one(|| Some(at.into()));
            pen.tell(&format!("no service {name}"));
        }
    });
    assert_eq!(load.failed(), 0);
    assert!(load.done() > 30);
    wait_until("all removed services are gone", || names(&pen) == ["default"]);
    pen.process().expect_descriptors(before.0);
    assert_eq!(pen.process().threads(), before.1);
    pen.stop();
}

#[test]
fn an_address_belongs_to_one_service_and_can_move_to_another() {
    let [a, b] = ["a", "b"].map(Backend::named);
    let [one, other] = [private_address(), private_address()];
    let file = service("web", one, &[&a]) + &service("mail", other, &[&b]);
    let pen = Pen::builder().config(&file).start();
    let refusal = format!("error: cannot listen on {one}: another service listens there\n");
    assert_eq!(pen.ask(&format!("service mail listen {one}")), refusal);
    assert_eq!(pen.ask(&format!("service new listen {one}")), refusal);
    assert_eq!(names(&pen), ["default", "web", "mail"], "a refused command adds nothing");
    assert_eq!((get(one), get(other)), ("a".into(), "b".into()));
    let swapped = pen.directory().join("swapped");
    fs::write(&swapped, format!("service web\nlisten {other}\nservice mail\nlisten {one}\n")).unwrap();
    pen.tell(&format!("include {}", swapped.display()));
    wait_until("the services have changed places", || (get(one), get(other)) == ("b".into(), "a".into()));
    pen.stop();
}

#[test]
fn a_reload_adds_services_and_keeps_those_that_the_file_no_longer_names() {
    let [a, b] = ["a", "b"].map(Backend::named);
    let [one, other] = [private_address(), private_address()];
    let pen = Pen::builder().config(&service("web", one, &[&a])).start();
    let file = pen.directory().join("pen.cfg");
    assert_eq!(fs::read_to_string(&file).unwrap(), service("web", one, &[&a]));
    fs::write(&file, service("mail", other, &[&b])).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("mail is there", || names(&pen) == ["default", "web", "mail"]);
    assert_eq!((get(one), get(other)), ("a".into(), "b".into()));
    fs::write(&file, service("mail", other, &[&b]) + "no service web\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("web is gone", || names(&pen) == ["default", "mail"]);
    pen.stop();
}

#[test]
fn a_file_speaks_of_the_default_service_until_it_names_another_and_so_does_each_included_one() {
    let pen = Pen::builder().start();
    let directory = pen.directory();
    let [outer, inner] = ["outer", "inner"].map(|name| directory.join(name));
    let [web, mail] = [private_address(), private_address()];
    fs::write(&inner, format!("timeout 11\nservice mail\nlisten {mail}\ntimeout 12\n")).unwrap();
    fs::write(&outer, format!("service web\nlisten {web}\ninclude {}\ntimeout 13\n", inner.display()))
        .unwrap();
    pen.tell(&format!("include {}", outer.display()));
    assert_eq!(
        ["timeout", "service mail timeout", "service web timeout"].map(|command| pen.ask(command)),
        ["11\n", "12\n", "13\n"]
    );
    // On the wire every command stands alone.
    pen.tell("service web");
    assert_eq!(pen.ask("timeout"), "11\n");
    pen.stop();
}

#[test]
fn an_option_that_names_a_service_speaks_of_it_alone() {
    let at = private_address();
    let pen = Pen::builder()
        .command(&format!("service web listen {at}"))
        .command("service web timeout 9")
        .command("service web")
        .command("timeout 8")
        .option("-b 7")
        .start();
    assert_eq!((pen.ask("timeout"), pen.ask("blacklist")), ("8\n".into(), "7\n".into()));
    assert_eq!(pen.ask("service web timeout"), "9\n");
    pen.stop();
}

#[test]
fn a_service_that_drains_ends_with_pen() {
    let backend = Backend::holding("a");
    let at = private_address();
    let pen = Pen::builder().config(&service("web", at, &[&backend])).start();
    let client = Stream::connect(&at.into()).unwrap();
    assert_eq!(client.line(), "a");
    pen.tell("no service web");
    pen.stop();
    assert_eq!(client.drain().text(), "");
}

#[test]
fn a_service_that_the_descriptors_do_not_suffice_for_is_told_of() {
    let pen = Pen::builder().under(["prlimit", "--nofile=300:300"]).option("-x 20").start();
    assert!(!pen.stderr().contains("cannot be reached"), "{}", pen.stderr());
    pen.ask("service web listen 127.0.0.1:0");
    wait_until("pen warns", || pen.stderr().contains("conn_max 520 cannot be reached"));
    pen.stop();
}

#[test]
fn two_services_on_one_address_are_found_by_the_check() {
    let server = Backend::named("a");
    let (at, file) = (private_address(), tempfile::NamedTempFile::new().unwrap());
    fs::write(&file, service("web", at, &[&server]) + &service("mail", at, &[&server])).unwrap();
    let ended = Pen::run(["--check".as_ref(), "-F".as_ref(), file.path()]);
    assert_eq!(
        (ended.code, ended.stderr),
        (Some(1), format!("pen: cannot listen on {at}: another service listens there\n"))
    );
}

#[test]
fn a_default_service_that_is_not_in_use_has_no_servers_for_programs_either() {
    let web = Backend::named("web");
    let pen = Pen::builder().config(&service("web", private_address(), &[&web])).without_address().start();
    for (question, answer) in [("servers", "[]\n"), ("connections", "[]\n"), ("recent", "[]\n")] {
        let output = pen.penctl(&format!("--json {question}"));
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()),
            (Some(0), answer)
        );
    }
    pen.stop();
}
