//! Checks of real servers.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pen_tests::dns::NameServer;
use pen_tests::{
    Address, Authority, Certificate, Order, Pen, Stream, WebServer, in_own_network, private_address, program,
    wait_until,
};

use super::log::{lines, wait_for_line, wait_until_down, wait_until_passed};

const QUICK: &str = "interval 1 timeout 5 rise 2 fall 2";

/// nginx, which has a site at this address that is as ill as a file in its directory says.
fn nginx(site: &Address) -> WebServer {
    let site = site.to_string();
    WebServer::nginx_logging(Address::Ip(private_address()), move |directory| {
        format!(
            "access_log off;
             server {{
                 listen {site}; root {directory}/site;
                 if (-f {directory}/ill) {{ return 500; }}
             }}"
        )
    })
}

#[test]
fn nginx_fails_and_recovers() {
    let site = Address::Ip(private_address());
    let server = nginx(&site);
    fs::write(server.site().join("state"), "database: well\n").unwrap();
    let pen = Pen::builder()
        .server(&site)
        .command(&format!("health http /state body \"base: well\" {QUICK}"))
        .start();
    let ill = server.directory().join("ill");
    wait_until_passed(&pen, 0, 1);
    fs::write(&ill, "").unwrap();
    wait_for_line(
        &pen,
        &format!("server 0 ({site}) is down: http check: status 500 where 200-399 is expected (2 checks)"),
    );
    fs::remove_file(&ill).unwrap();
    wait_for_line(&pen, &format!("server 0 ({site}) is up again: http check passed (2 checks)"));
    fs::write(server.site().join("state"), "database: lost\n").unwrap();
    wait_for_line(&pen, "is down: http check: the body");
    assert_eq!(lines(&pen, " is down").len(), 2);
    pen.stop();
}

/// `openssl s_server`, which ends when it is dropped.
struct TlsServer {
    program: Child,
    address: Address,
}

impl TlsServer {
    fn start(address: Address, certificate: &Certificate, options: &[&str]) -> TlsServer {
        let mut openssl = Command::new(program::find("openssl"));
        openssl.args(["s_server", "-quiet", "-accept", &address.to_string()]);
        openssl.arg("-cert").arg(certificate.chain()).arg("-key").arg(certificate.key()).args(options);
        openssl.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = openssl.spawn().expect("openssl can be run");
        wait_until("openssl listens", || Stream::connect(&address).is_ok());
        TlsServer { program, address }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn tls_wants_a_handshake_and_judges_no_certificate() {
    // Nobody knows this authority, the name is another one, and the certificate has expired.
    let certificate = Authority::new("somebody").issue(&Order::server("other.example.com").expired());
    for version in ["-tls1_2", "-tls1_3"] {
        let server = TlsServer::start(Address::Ip(private_address()), &certificate, &[version]);
        let pen = Pen::builder().server(&server.address).command(&format!("health tls {QUICK}")).start();
        wait_until_passed(&pen, 0, 1);
        let (address, mut program) = (server.address.clone(), server);
        program.program.kill().unwrap();
        program.program.wait().unwrap();
        wait_for_line(
            &pen,
            &format!("server 0 ({address}) is down: tls check: Connection refused (2 checks)"),
        );
        let _again = TlsServer::start(address.clone(), &certificate, &[version]);
        wait_for_line(&pen, &format!("server 0 ({address}) is up again: tls check passed (2 checks)"));
        pen.stop();
    }
}

#[test]
fn tls_tells_the_name_that_it_is_given() {
    let authority = Authority::new("somebody");
    let certificate = authority.issue(&Order::server("www.example.com"));
    let (chain, key) = (certificate.chain(), certificate.key());
    let words: Vec<&str> = ["-cert2", path(&chain), "-key2", path(&key)].to_vec();
    let options = [&words[..], &["-servername", "www.example.com", "-servername_fatal"]].concat();
    let server = TlsServer::start(Address::Ip(private_address()), &certificate, &options);
    let check = |name: &str| format!("health tls name {name} interval 1 timeout 5 rise 1 fall 1");
    let pen = Pen::builder().server(&server.address).command(&check("other.example.com")).start();
    wait_until_down(&pen, "tls check: TLS handshake: received fatal alert: UnrecognisedName");
    pen.tell(&check("www.example.com"));
    wait_until_passed(&pen, 0, 2);
    assert_eq!(lines(&pen, " is down").len(), 1);
    pen.stop();
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are plain")
}

#[test]
fn name_servers_are_asked() {
    in_own_network(|| {
        let address = |host: u8| IpAddr::from([10, 9, 0, host]);
        let mut servers = [NameServer::bind("bind", address(1)), NameServer::dnsmasq("dnsmasq", address(2))];
        let pen = Pen::builder()
            .udp()
            .servers(&servers)
            .command("health dns host1.example.test interval 1 timeout 2 rise 2 fall 2")
            .start();
        for (slot, server) in servers.iter_mut().enumerate() {
            let who = format!("server {slot} ({server})");
            wait_until_passed(&pen, slot, 1);
            server.kill();
            wait_for_line(&pen, &format!("{who} is down: dns check: Connection refused (2 checks)"));
            server.start_again();
            wait_for_line(&pen, &format!("{who} is up again: dns check passed (2 checks)"));
        }
        assert_eq!(lines(&pen, " is down").len(), 2);
        pen.stop();
    });
}
