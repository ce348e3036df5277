//! Real programs on both sides of pen: haproxy, nginx, Apache and curl, which wrote and read such headers before pen did.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::thread;

use pen_tests::http::page;
use pen_tests::tls::{client_hello, trusting};
use pen_tests::{
    Address, Authority, Backend, Balancer, Manual, Order, Pen, Stream, TlsStream, WebServer, clients,
    private_address, program, run_patiently, wait_until,
};

use super::header::{VERSIONS, Version, accepting, connect_for, connect_with, extension, v2_with};

const NAME: &str = "www.example.com";

fn address() -> Address {
    Address::Ip(private_address())
}

/// A server of headers that names the four parts of the header of each connection, and what else is said in the first line.
fn reader_of_lines() -> Backend {
    Backend::serve(|client| {
        let header = client.line();
        let line = client.line();
        client.send(format!("{} {}", header.trim_end(), line.trim_end()));
        client.finish();
        client.drain();
    })
}

/// haproxy that answers each request with whom it takes for the client, and where that connected to.
fn haproxy_telling() -> (Balancer, Address) {
    let at = address();
    let balancer = Balancer::haproxy(&format!(
        "frontend web\n  mode http\n  bind {at} accept-proxy\n  \
         http-request return status 200 content-type text/plain lf-string \"%[src] %[src_port] %[dst] %[dst_port]\""
    ));
    (balancer, at)
}

/// nginx that does so, at the second address.
fn nginx_telling() -> (WebServer, Address) {
    let at = address();
    let told =
        "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
    let server = format!("server {{ listen {at} proxy_protocol; location / {{ return 200 '{told}'; }} }}");
    (WebServer::nginx_logging(address(), |_| format!("access_log off; {server}")), at)
}

fn page_of(stream: &Stream) -> String {
    pen_tests::http::page_through(stream, "/").unwrap_or_else(|error| error.to_string())
}

/// As these servers write it.
fn told(source: &str, destination: &str) -> String {
    let parts = |address: &str| {
        let address: std::net::SocketAddr = address.parse().unwrap();
        format!("{} {}", address.ip(), address.port())
    };
    format!("{} {}", parts(source), parts(destination))
}

#[test]
fn haproxy_and_nginx_behind_pen_know_the_client() {
    let (_haproxy, at_haproxy) = haproxy_telling();
    let (_nginx, at_nginx) = nginx_telling();
    for server in [&at_haproxy, &at_nginx] {
        for version in VERSIONS {
            let pen = Pen::builder().server(server).command(version.send()).start();
            let client = pen.connect_from(77);
            let expected = told(&client.local().unwrap().to_string(), &pen.address().to_string());
            assert_eq!(page_of(&client), expected, "{server} {version:?}");
            let pen = accepting().server(server).command(version.send()).start();
            for (source, destination) in
                [("192.0.2.7:56324", "198.51.100.1:443"), ("[2001:db8::7]:1", "[2001:db8::1]:65535")]
            {
                let proxy = connect_with(&pen, Version::V1.header(source, destination));
                assert_eq!(page_of(&proxy), told(source, destination), "{server} {version:?}");
            }
        }
    }
}

#[test]
fn haproxy_and_nginx_behind_pen_take_what_nothing_is_known_of() {
    let (_haproxy, at_haproxy) = haproxy_telling();
    let (_nginx, at_nginx) = nginx_telling();
    for version in VERSIONS {
        let unix = |server: &Address| {
            let builder = Pen::builder().listen_on(pen_tests::Family::Unix);
            builder.server(server).command(version.send()).start()
        };
        let pen = unix(&at_haproxy);
        let page = page_of(&pen.connect());
        assert!(page.starts_with("127.0.0.1 "), "haproxy goes by pen's own address: {page}");
        let pen = unix(&at_nginx);
        let page = page_of(&pen.connect());
        assert!(!page.contains("HTTP"), "nginx serves it: {page}");
    }
}

#[test]
fn apache_behind_pen_knows_the_client() {
    let at = address();
    let apache = WebServer::apache_logging(address(), |directory| {
        format!(
            "LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so\nListen {at}\n\
             <VirtualHost {at}>\nRemoteIPProxyProtocol On\nLogFormat \"%a %r\" who\n\
             CustomLog {directory}/who.log who\n</VirtualHost>"
        )
    });
    let log = apache.directory().join("who.log");
    for (number, version) in VERSIONS.into_iter().enumerate() {
        let pen = accepting().server(&at).command(version.send()).start();
        for source in ["192.0.2.7:1", "[2001:db8::7]:1"] {
            let proxy = connect_for(&pen, source);
            pen_tests::http::request(&proxy, &format!("GET /name?{number}"), "").unwrap();
            assert!(proxy.drain().text().ends_with("apache"));
        }
    }
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    wait_until("apache has logged all", || lines().lines().count() == 4);
    let expected = |number: usize| {
        format!("192.0.2.7 GET /name?{number} HTTP/1.1\n2001:db8::7 GET /name?{number} HTTP/1.1\n")
    };
    assert_eq!(lines(), [expected(0), expected(1)].concat());
}

#[test]
fn pen_behind_haproxy_knows_the_client() {
    for option in [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2-ssl",
        "send-proxy-v2-ssl-cn proxy-v2-options crc32c,unique-id,authority,cert-key,cert-sig,ssl-cipher",
    ] {
        let server = reader_of_lines();
        let pen = accepting().server(&server).command("proxy_protocol send").start();
        let front = address();
        let _haproxy = Balancer::haproxy(&format!(
            "frontend front\n  bind {front}\n  unique-id-format %[src]-%[src_port]-%ID\n  default_backend pen\n\
             backend pen\n  server pen {} {option}",
            pen.address()
        ));
        let client = Stream::connect_from([127, 0, 0, 55].into(), &front).unwrap();
        client.send("hello\n");
        let local = client.local().unwrap();
        let expected =
            format!("PROXY TCP4 127.0.0.55 {} {} {} hello", front.ip().ip(), local.port(), front.port());
        assert_eq!(client.drain().text(), expected, "{option}");
        assert!(pen.ask("recent").starts_with("127.0.0.55 connects 1 "), "{}", pen.ask("recent"));
    }
}

#[test]
fn haproxys_health_checks_find_pen_up() {
    let server = Backend::named("a");
    for option in ["send-proxy check-send-proxy", "send-proxy-v2 check-send-proxy"] {
        let pen = accepting().server(&server).option("-d").start();
        let balancer = Balancer::haproxy(&format!(
            "backend pen\n  timeout check 20s\n  option tcp-check\n  tcp-check expect string a\n  \
             server pen {} check inter 50ms rise 2 fall 1 {option}",
            pen.address()
        ));
        let before = server.total();
        wait_until("checks have come through", || server.total() > before + 5);
        let stat = balancer.ask("show stat");
        let row = stat.lines().find(|line| line.starts_with("pen,pen,")).expect("haproxy knows its server");
        assert!(row.contains(",UP,"), "{row}");
        assert!(!pen.stderr().contains("closing a connection"), "{}", pen.stderr());
    }
}

/// A server of http that sends back the head of each request.
fn mirror() -> Backend {
    Backend::serve(|client| {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head += &client.line();
            head.push('\n');
        }
        client.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}", head.len()));
        client.finish();
        client.drain();
    })
}

/// What pen has added to a request.
fn added(stream: &Stream) -> Vec<String> {
    page_of(stream).lines().filter(|line| line.starts_with("X-")).map(str::to_owned).collect()
}

#[test]
fn the_headers_of_requests_name_the_client_and_whether_it_spoke_tls_in_front() {
    let server = mirror();
    let pen = accepting().server(&server).option("-H").start();
    let headers =
        |proto: &str| [format!("X-Forwarded-Proto: {proto}"), "X-Forwarded-For: 192.0.2.7".to_owned()];
    assert_eq!(added(&connect_for(&pen, "192.0.2.7:1")), headers("http"));
    for (client, proto) in [(0, "http"), (1, "https")] {
        let tls = extension(0x20, &[client, 0, 0, 0, 1]);
        let proxy = connect_with(&pen, v2_with("192.0.2.7:1", "198.51.100.1:2", &tls));
        assert_eq!(added(&proxy), headers(proto));
    }
}

#[test]
fn haproxy_that_ends_tls_tells_pen_that_it_did() {
    let authority = Authority::new("root");
    let site = authority.issue(&Order::server(NAME));
    let server = mirror();
    let pen = accepting().server(&server).option("-H").start();
    let front = address();
    let _haproxy = Balancer::haproxy(&format!(
        "frontend front\n  bind {front} ssl crt {}\n  default_backend pen\n\
         backend pen\n  server pen {} send-proxy-v2-ssl-cn",
        site.pem().display(),
        pen.address()
    ));
    let ended = clients::curl(&front, NAME, "/", &authority.certificate(), &[]);
    let added = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n";
    assert!(ended.stdout.ends_with(added), "{ended:?}");
}

#[test]
fn nginx_in_front_and_behind_agree_about_the_client() {
    let (_nginx, behind) = nginx_telling();
    let pen = accepting().server(&behind).command("proxy_protocol send-v2").start();
    let front = address();
    let _stream = Balancer::nginx_stream(&format!(
        "server {{ listen {front}; proxy_pass {}; proxy_protocol on; }}",
        pen.address()
    ));
    let client = Stream::connect_from([127, 0, 0, 56].into(), &front).unwrap();
    let expected = told(&client.local().unwrap().to_string(), &front.to_string());
    assert_eq!(page_of(&client), expected);
}

#[test]
fn curl_is_known_by_its_own_header() {
    let (_nginx, behind) = nginx_telling();
    let pen = accepting().server(&behind).command("proxy_protocol send").start();
    let mut curl = Command::new(program::find("curl"));
    curl.args(["-q", "-sS", "--noproxy", "*", "--haproxy-protocol", "-w", "\n%{local_ip} %{local_port}"]);
    curl.arg(format!("http://{}/", pen.address()));
    let ended = run_patiently(curl);
    let (page, local) = ended.stdout.trim_end().split_once('\n').expect("a page, and what curl tells");
    let at = pen.address().ip();
    assert_eq!(page, format!("{local} {} {}", at.ip(), at.port()), "{}", ended.stderr);
}

#[test]
fn the_client_is_known_behind_several_pens() {
    let (_haproxy, behind) = haproxy_telling();
    let last = accepting().server(&behind).command("proxy_protocol send").start();
    let middle = accepting().server(last.address()).command("proxy_protocol send-v2").start();
    let first = Pen::builder().server(middle.address()).command("proxy_protocol send").start();
    let client = first.connect_from(99);
    let expected = told(&client.local().unwrap().to_string(), &first.address().to_string());
    assert_eq!(page_of(&client), expected);
    for pen in [&first, &middle, &last] {
        assert!(pen.ask("recent").starts_with("127.0.0.99 "), "{}", pen.ask("recent"));
    }
}

#[test]
fn a_header_stands_before_the_handshake_in_every_way_to_send_both() {
    let authority = Authority::new("root");
    let site = authority.issue(&Order::server(NAME));
    let echo = Backend::echo();
    let pen = accepting().server(&echo).tls(&site).start();
    let config = trusting(&authority);
    let header = v2_with("192.0.2.7:1", "198.51.100.1:2", &extension(0x04, &[0; 500]));
    // One after the other.
    let mut tls = TlsStream::over(connect_with(&pen, &header), NAME, &config).unwrap();
    tls.write_all(b"hello").unwrap();
    tls.finish().unwrap();
    assert_eq!(tls.drain().0, b"hello");
    // In one write: what a relay has read at once of a client.
    for split in [0, 1, header.len() - 1, header.len(), header.len() + 1, header.len() + 200] {
        let relayed = address();
        let relay = relay_first_read(&relayed, &pen, &header, split);
        let mut tls = TlsStream::over(Stream::connect(&relayed).unwrap(), NAME, &config).unwrap();
        tls.write_all(b"hello").unwrap();
        tls.finish().unwrap();
        assert_eq!(tls.drain().0, b"hello", "split at {split}");
        drop(relay);
    }
    // A handshake without a header, and a header with a wrong handshake.
    let hello = connect_with(&pen, client_hello(&config, NAME));
    assert_eq!(hello.drain().text(), "");
    let recent = pen.ask("recent");
    assert!(recent.starts_with("192.0.2.7 connects 7 "), "{recent}");
    assert_eq!(recent.lines().count(), 1, "{recent}");
}

/// Listens at `address`, and passes what comes on to pen behind a header; with the first read in one piece, or in two that
/// part at `split`.
fn relay_first_read(address: &Address, pen: &Pen, header: &[u8], split: usize) -> Backend {
    let (to, header) = (pen.address().clone(), header.to_vec());
    Backend::serve_at(address, move |client| {
        let mut first = vec![0; 4096];
        let length = std::io::Read::read(&mut { client }, &mut first).unwrap();
        let both = [&header[..], &first[..length]].concat();
        let pen = Stream::connect(&to).unwrap();
        let (one, other) = both.split_at(split.min(both.len()));
        pen.send(one);
        pen.send(other);
        thread::scope(|scope| {
            scope.spawn(|| {
                client.drain_with(|part| pen.send(part));
                pen.finish();
            });
            pen.drain_with(|part| client.send(part));
            client.finish();
        });
    })
}

#[test]
fn curl_speaks_tls_behind_its_header() {
    let authority = Authority::new("root");
    let site = authority.issue(&Order::server(NAME));
    let (_nginx, behind) = nginx_telling();
    let pen = accepting().server(&behind).tls(&site).command("proxy_protocol send-v2").start();
    let arguments = ["--haproxy-protocol", "-w", "\n%{local_ip} %{local_port}"];
    let ended = clients::curl(pen.address(), NAME, "/", &authority.certificate(), &arguments);
    let (page, local) = ended.stdout.trim_end().split_once('\n').unwrap_or_else(|| panic!("{ended:?}"));
    let at = pen.address().ip();
    assert_eq!(page, format!("{local} {} {}", at.ip(), at.port()), "{}", ended.stderr);
}

#[test]
fn a_web_server_behind_pen_refuses_those_who_come_without_pen() {
    // So that the tests above could fail.
    let (_nginx, behind) = nginx_telling();
    assert!(page(&behind, "/").is_err());
    let pen = Pen::builder().server(&behind).start();
    assert!(pen_tests::http::page_through(&pen.connect(), "/").is_err());
    let manual = Manual::on(pen_tests::Family::Tcp4);
    let pen = Pen::builder().server(&manual.backend).start();
    let client = pen.connect();
    client.finish();
    assert_eq!(manual.accept().drain().bytes, b"", "no header where none is wanted");
}
