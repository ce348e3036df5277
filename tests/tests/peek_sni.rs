//! `peek sni`: the server name in a client's handshake picks the server, which shakes hands itself. The servers are openssl's, and
//! their certificates tell which one it was.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pen_tests::tls::{client_hello, trusting};
use pen_tests::{
    Address, Authority, Backend, Certificate, End, LIMIT, Order, Pen, PenBuilder, Stream, clients, program,
    wait_until,
};

/// An `openssl s_server` that has a certificate for its name and sends every line back, reversed.
struct SecureServer {
    program: Child,
    address: Address,
    _certificate: Certificate,
}

impl SecureServer {
    fn new(authority: &Authority, name: &str) -> Self {
        let certificate = authority.issue(&Order::server(name));
        // A port of an address that nobody else has.
        let address: Address = pen_tests::private_address().into();
        let mut command = Command::new(program::find("openssl"));
        command.args(["s_server", "-quiet", "-rev", "-accept", &address.to_string()]);
        command.arg("-cert").arg(certificate.pem()).arg("-key").arg(certificate.key());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = command.spawn().expect("openssl can be run");
        wait_until("openssl listens", || Stream::connect(&address).is_ok());
        Self { program, address, _certificate: certificate }
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A server for each of these names, whose certificates are for `N.test`, and a pen in front of them.
struct Rig {
    authority: Authority,
    pen: Pen,
    _servers: Vec<SecureServer>,
}

impl Rig {
    fn new(names: &[Option<&str>]) -> Self {
        let authority = Authority::new("root");
        let servers = (0..names.len()).map(|number| SecureServer::new(&authority, &format!("{number}.test")));
        let servers: Vec<_> = servers.collect();
        let mut pen =
            Pen::builder().servers(servers.iter().map(|server| &server.address)).command("peek sni");
        for (slot, name) in names.iter().enumerate() {
            if let Some(name) = name {
                pen = pen.command(&format!("server {slot} name {name}"));
            }
        }
        Self { authority, pen: pen.start(), _servers: servers }
    }

    /// The server that openssl gets when it asks for this name; `None`: none.
    #[track_caller]
    fn asked_for(&self, name: Option<&str>) -> Option<usize> {
        let root = self.authority.certificate();
        let trust = ["-CAfile", &root.to_string_lossy(), "-verify_return_error"];
        let name = name.map_or(vec!["-noservername"], |name| vec!["-servername", name]);
        let ended = clients::s_client(self.pen.address(), &[&trust, &name[..]].concat(), b"hello\nCLOSE\n");
        let subject = ended.stdout.lines().find_map(|line| line.strip_prefix("subject=CN = "))?;
        assert!(ended.stdout.contains("olleh"), "the server answers: {ended:?}");
        Some(subject.strip_suffix(".test").and_then(|number| number.parse().ok()).expect("a name of ours"))
    }
}

#[test]
fn each_name_has_its_servers() {
    let names =
        [Some("www.example.com"), Some("*.example.com"), None, Some("MAIL.example.com"), Some("example.org")];
    let rig = Rig::new(&names);
    for (name, server) in [
        ("www.example.com", 0),
        ("WWW.EXAMPLE.COM", 0),
        ("shop.example.com", 1),
        ("mail.example.com", 3),
        ("example.org", 4),
        ("www.example.org", 2),
        ("a.b.example.com", 2),
        ("example.com", 2),
        ("localhost", 2),
    ] {
        assert_eq!(rig.asked_for(Some(name)), Some(server), "{name}");
    }
    assert_eq!(rig.asked_for(None), Some(2));
}

#[test]
fn servers_of_one_name_share_its_clients_in_the_mode_of_the_service() {
    let rig = Rig::new(&[Some("a.test"), Some("b.test"), Some("a.test"), Some("*")]);
    rig.pen.tell("roundrobin");
    let servers: Vec<_> = (0..4).map(|_| rig.asked_for(Some("a.test")).unwrap()).collect();
    assert!(servers == [0, 2, 0, 2] || servers == [2, 0, 2, 0], "{servers:?}");
    assert_eq!(rig.asked_for(Some("b.test")), Some(1));
    assert_eq!(rig.asked_for(Some("c.test")), Some(3));
    // The client's last server counts among those that have the name.
    rig.pen.tell("no roundrobin");
    let last = rig.asked_for(Some("a.test"));
    assert_eq!([rig.asked_for(Some("a.test")), rig.asked_for(Some("a.test"))], [last, last]);
    assert_eq!(rig.asked_for(Some("b.test")), Some(1));
}

#[test]
fn a_name_that_nobody_has_is_for_the_emergency_server_or_for_nobody() {
    let rig = Rig::new(&[Some("a.test")]);
    assert_eq!(rig.asked_for(Some("b.test")), None);
    assert_eq!(rig.asked_for(None), None);
    let emergency = SecureServer::new(&rig.authority, "7.test");
    rig.pen.tell(&format!("emergency {}", emergency.address));
    assert_eq!([rig.asked_for(Some("b.test")), rig.asked_for(Some("a.test"))], [Some(7), Some(0)]);
}

/// A server that tells its name and then sends back what it got; names are `a` and `b`, and the second one is `b.test`.
fn echoing() -> ([Backend; 2], PenBuilder) {
    let servers = ["a", "b"].map(|name| {
        Backend::serve(move |client| {
            client.send(format!("{name}\n"));
            client.drain_with(|part| client.send(part));
            client.finish();
        })
    });
    let pen = Pen::builder().servers(&servers).command("server 1 name b.test").command("peek sni");
    (servers, pen)
}

fn hello(name: &str) -> Vec<u8> {
    client_hello(&trusting(&Authority::new("anybody")), name)
}

#[test]
fn a_handshake_in_small_pieces_is_read_and_arrives_as_it_was() {
    let (servers, pen) = echoing();
    let pen = pen.start();
    let hello = hello("b.test");
    // In records of three bytes each, and these in pieces.
    let records: Vec<u8> =
        hello[5..].chunks(3).flat_map(|part| [&[22, 3, 1, 0, part.len() as u8], part].concat()).collect();
    for (bytes, size) in [(&hello, 1), (&hello, 100), (&records, 7), (&records, 5000)] {
        let client = pen.connect();
        let (last, first) = bytes.split_last().unwrap();
        first.chunks(size).for_each(|part| client.send(part));
        client.patience(Duration::from_millis(50));
        assert_eq!(client.drain().end, End::Open, "it is not complete");
        client.patience(LIMIT);
        client.send([*last]);
        assert_eq!(client.line(), "b");
        assert_eq!(&client.receive(bytes.len()), bytes);
    }
    assert_eq!(servers[0].total(), 0);
}

#[test]
fn what_is_no_handshake_asks_for_no_name() {
    let (servers, pen) = echoing();
    let pen = pen.start();
    let mut spoiled = hello("b.test");
    spoiled[5] = 2;
    let endless = [&[22, 3, 1, 0x40, 0, 1, 0, 0x40, 0][..], &vec![0; 20_000]].concat();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &spoiled, &endless] {
        let client = pen.connect();
        client.send(bytes);
        assert_eq!(client.line(), "a");
        assert_eq!(client.receive(bytes.len()), bytes);
    }
    assert_eq!(servers[1].total(), 0);
}

#[test]
fn a_client_that_is_too_slow_or_leaves_early_has_asked_for_no_name() {
    let (servers, pen) = echoing();
    let pen = pen.start();
    let hello = hello("b.test");
    let (silent, slow) = (pen.connect(), pen.connect());
    slow.send(&hello[..100]);
    let gone = pen.connect();
    gone.send(&hello[..50]);
    gone.finish();
    assert_eq!(gone.drain().bytes, [b"a\n", &hello[..50]].concat());
    drop(pen.connect());
    assert_eq!([silent.line(), slow.line()], ["a", "a"]);
    slow.send(&hello[100..]);
    assert_eq!(slow.receive(hello.len()), hello);
    assert_eq!((servers[0].total(), servers[1].total()), (3, 0));
}

#[test]
fn names_can_be_given_and_taken_while_pen_runs() {
    let (_servers, pen) = echoing();
    let pen = pen.start();
    let server = |name: &str| {
        let client = pen.connect();
        client.send(hello(name));
        client.line()
    };
    assert_eq!([server("b.test"), server("c.test")], ["b", "a"]);
    pen.tell("server 0 name c.test");
    assert_eq!([server("b.test"), server("c.test")], ["b", "a"]);
    pen.tell("server 1 name d.test");
    assert_eq!([server("d.test"), server("c.test")], ["b", "a"]);
    pen.tell("no peek");
    // Now it is the address alone, which a served last.
    assert_eq!([server("d.test"), server("c.test")], ["a", "a"]);
}

#[test]
fn a_service_that_decrypts_looks_for_no_names_in_what_others_encrypted() {
    let (_servers, pen) = echoing();
    let pen = pen.start();
    let certificate = Authority::new("root").issue(&Order::server("b.test"));
    let said = pen.ask(&format!("tls_cert {}", certificate.pem().display()));
    let error = "error: peek sni does not go with tls_cert: the client is to shake hands with its server, not with pen, which \
                 has a certificate for each name from ssl_sni_path; 'no peek' or 'no tls_cert' is expected\n";
    assert_eq!(said, error);
    let client = pen.connect();
    client.send(hello("b.test"));
    assert_eq!(client.line(), "b");
}
