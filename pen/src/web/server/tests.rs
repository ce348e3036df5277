use std::io::{Read, Write};

use super::*;
use crate::settings::Settings;
use crate::settings::draft::{Draft, Stage};
use crate::settings::testing::{environment, initial_settings, run};
use crate::shared::testing::shared;

fn settings(lines: &[&str]) -> Settings {
    let mut draft = Draft::new(initial_settings(), Stage::Live, environment(false));
    run(&mut draft, lines);
    draft.finish().unwrap().0
}

fn wanted(line: &str) -> ListenOn {
    settings(&[line]).process.web.unwrap()
}

fn web() -> Web {
    let mut web = Web::new(shared(initial_settings(), 0).0);
    web.serve().unwrap();
    web
}

/// Does what a command comes to, and tells where the pages are then.
fn set(web: &mut Web, line: &str) -> Result<SocketAddr, String> {
    let plan = web.plan(Some(&wanted(line)))?;
    let Some(Place::Inet(address)) = web.bound(&plan).cloned() else { panic!("it is open") };
    web.carry_out(plan);
    Ok(address)
}

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_bare_port_is_for_this_host_only() {
    let on = wanted("web 0");
    assert_eq!(on.asked, Place::Inet("127.0.0.1:0".parse().unwrap()));
    assert_eq!(wanted("web 0.0.0.0:80").asked, Place::Inet("0.0.0.0:80".parse().unwrap()));
}

#[test]
fn pages_are_served_where_they_are_wanted_and_nowhere_else() {
    let mut web = web();
    let first = set(&mut web, "web 0").unwrap();
    assert!(ask(first, "/healthz").ends_with("\r\n\r\nok\n"));
    let second = set(&mut web, "web [::1]:0").unwrap();
    assert!(TcpStream::connect(first).is_err());
    assert!(ask(second, "/healthz").ends_with("\r\n\r\nok\n"));
    let plan = web.plan(None).unwrap();
    web.carry_out(plan);
    assert!(TcpStream::connect(second).is_err());
}

#[test]
fn the_same_address_is_kept_however_it_is_written() {
    let mut web = web();
    let address = set(&mut web, "web 0").unwrap();
    for line in ["web 0", "web 127.0.0.1:0", &format!("web {}", address.port()), &format!("web {address}")] {
        assert!(matches!(web.plan(Some(&wanted(line))).unwrap(), Plan::Keep), "{line}");
        assert_eq!(set(&mut web, line), Ok(address), "{line}");
    }
}

#[test]
fn what_cannot_be_opened_leaves_the_old_one() {
    let mut web = web();
    let address = set(&mut web, "web 0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    assert_eq!(
        set(&mut web, &format!("web {taken}")),
        Err(format!("web: cannot listen on {taken}: another process listens there"))
    );
    assert_eq!(
        set(&mut web, "web 192.0.2.1:80"),
        Err("web: cannot listen on 192.0.2.1:80: this machine does not have that address".to_owned())
    );
    let wider = format!("0.0.0.0:{}", address.port());
    assert_eq!(
        set(&mut web, &format!("web {wider}")),
        Err(format!("web: cannot listen on {wider} beside {address}: 'no web' closes that first"))
    );
    assert!(ask(address, "/healthz").contains("200 OK"));
}

#[test]
fn a_plan_that_is_dropped_closes_what_it_opened() {
    let web = web();
    let plan = web.plan(Some(&wanted("web 0"))).unwrap();
    let Some(Place::Inet(address)) = web.bound(&plan).cloned() else { panic!("it is open") };
    assert!(ask(address, "/healthz").contains("200 OK"));
    drop(plan);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn before_there_may_be_threads_it_is_only_open() {
    let mut web = Web::new(shared(initial_settings(), 0).0);
    let address = set(&mut web, "web 0").unwrap();
    let mut early = TcpStream::connect(address).unwrap();
    early.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    web.serve().unwrap();
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nok\n"));
}

#[test]
fn health_is_told_by_service() {
    let lines = [
        "server 0 address 192.0.2.1 port 80",
        "service mail listen 25",
        "service down listen 26",
        "service down server 0 address 192.0.2.1 port 80 blacklist 60",
    ];
    let (shared, _polls) = shared(settings(&lines), 0);
    let down = shared.settings.load().services.find("down").unwrap();
    let server = shared.settings.load().service(down).servers[0].clone().unwrap();
    server.state.blacklist_by_hand(shared.now().plus_seconds(60));
    let mut web = Web::new(shared);
    web.serve().unwrap();
    let address = set(&mut web, "web 0").unwrap();
    for (path, status, body) in [
        ("/healthz/default", "200", "ok, usable servers: 1\n"),
        ("/healthz/mail", "503", "no usable server\n"),
        ("/healthz/down", "503", "no usable server\n"),
        ("/healthz/nonesuch", "404", "There is no such service.\n"),
        ("/healthz/", "404", "There is no such service.\n"),
    ] {
        let answer = ask(address, path);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(body),
            "{path}: {answer}"
        );
    }
    web.pen_is_stopping();
    for path in ["/healthz", "/healthz/default"] {
        assert!(ask(address, path).starts_with("HTTP/1.1 503 "), "{path}");
    }
    assert!(ask(address, "/status.json?connections=0").starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_access_list_decides_who_may_read_from_now_on() {
    let (shared, _polls) = shared(initial_settings(), 0);
    let mut web = Web::new(Arc::clone(&shared));
    web.serve().unwrap();
    let address = set(&mut web, "web 0").unwrap();
    assert!(ask(address, "/").starts_with("HTTP/1.1 200 "));
    shared.publish(Arc::new(settings(&["acl 3 deny 127.0.0.0/8", "web_acl 3"])));
    assert!(ask(address, "/").starts_with("HTTP/1.1 403 "));
    shared.publish(Arc::new(settings(&["acl 3 permit 127.0.0.1", "web_acl 3"])));
    assert!(ask(address, "/").starts_with("HTTP/1.1 200 "));
}
