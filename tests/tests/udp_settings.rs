//! The settings of UDP: whose the names of ports are, and what cannot be together.

use std::fs;

use nix::sys::signal::Signal;
use pen_tests::{Backend, Pen, UdpBackend, wait_until};

const TFTP: u64 = 69;

/// The ports of all servers in the status, regular ones first.
fn ports(pen: &Pen) -> Vec<u64> {
    let status = pen.status();
    let service = &status["services"][0];
    let servers = service["servers"].as_array().unwrap().iter();
    let fallbacks = service["fallbacks"].as_array().unwrap().iter().map(|fallback| &fallback["server"]);
    servers.chain(fallbacks).map(|server| server["port"].as_u64().unwrap()).collect()
}

#[test]
fn names_of_ports_are_of_udp_wherever_the_option_stands() {
    // No service of TCP has this name.
    for options in [["-e", "127.0.0.1:tftp", "-U"], ["-U", "-e", "127.0.0.1:tftp"]] {
        let mut pen = Pen::builder().server("127.0.0.1:tftp");
        for option in options {
            pen = pen.option(option);
        }
        let pen = pen.start();
        assert_eq!(ports(&pen), [TFTP, TFTP]);
    }
}

#[test]
fn each_service_has_the_ports_of_its_protocol() {
    let pen = Pen::builder()
        .two_dead_servers()
        .config("service tftp\nudp\nlisten 127.0.0.1:0\nserver 0 address 127.0.0.1 port tftp\n")
        .start();
    assert!(pen.ask("service tftp servers").starts_with("0 addr 127.0.0.1 port 69 "));
    let error = "error: unknown port 'tftp': a number or the name of a TCP service is expected, and this is one of UDP\n";
    assert_eq!(pen.ask("server 0 address 127.0.0.1 port tftp"), error);
}

#[test]
fn a_running_service_refuses_what_does_not_go_with_datagrams() {
    let server = UdpBackend::named("a");
    let pen = Pen::builder().udp().server(&server).start();
    let client = pen.udp_client();
    for (command, setting, remedy) in [
        ("http", "http", "no http"),
        ("idlers 1", "idlers", "idlers 0"),
        ("dummy", "dummy", "no dummy"),
        ("peek rdp", "peek", "no peek"),
        ("proxy_protocol accept 1", "proxy_protocol accept", "no proxy_protocol accept"),
        ("proxy_protocol send-v2", "proxy_protocol send", "no proxy_protocol send"),
        ("tls_cert /etc/no.pem", "tls_cert", "no tls_cert"),
    ] {
        let error = format!(
            "error: udp does not go with {setting}, which is for connections: 'no udp' or '{remedy}' is expected\n"
        );
        assert_eq!(pen.ask(command), error, "{command}");
        assert_eq!(client.ask_for_text("?"), "a", "after {command}");
    }
    assert_eq!(pen.ask("idlers"), "Idlers: 0/0\n");
}

#[test]
fn a_running_service_with_http_refuses_udp_and_goes_on() {
    let server = Backend::named("a");
    let pen = Pen::builder().server(&server).option("-H").start();
    let error =
        "error: udp does not go with http, which is for connections: 'no udp' or 'no http' is expected\n";
    assert_eq!(pen.ask("udp"), error);
    assert_eq!(pen.get(), "a");
}

#[test]
fn a_file_with_both_changes_nothing_when_it_is_read_again() {
    let server = UdpBackend::named("a");
    let pen = Pen::builder().udp().server(&server).config("udp_timeout 40\n").start();
    let file = pen.directory().join("pen.cfg");
    fs::write(&file, "udp_timeout 50\nhttp\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the refusal is told", || pen.stderr().contains("udp does not go with http"));
    assert_eq!(pen.ask("udp_timeout"), "40\n");
    fs::write(&file, "udp_timeout 50\nhttp\nno http\n").unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the file is in force", || pen.ask("udp_timeout") == "50\n");
    assert_eq!(pen.udp_client().ask_for_text("?"), "a");
}

#[test]
fn what_is_written_starts_such_a_pen_again() {
    let server = UdpBackend::named("a");
    let pen = Pen::builder().udp().server(&server).command("udp_requests 7").start();
    let file = pen.directory().join("written.cfg");
    assert_eq!(pen.ask(&format!("write {}", file.display())), "");
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let command_line = lines[1];
    assert!(command_line.starts_with("# pen -f -U "), "{command_line}");
    assert!(lines.contains(&"udp") && lines.contains(&"udp_requests 7"), "{text}");
    pen.stop();
    let again = Pen::builder().udp().config(&text).start();
    assert_eq!(again.ask("udp_requests"), "7\n");
    assert_eq!(again.udp_client().ask_for_text("?"), "a");
}

#[test]
fn what_means_nothing_for_datagrams_is_accepted() {
    let server = UdpBackend::named("a");
    let pen = Pen::builder().udp().server(&server).option("-q").option("60").start();
    for command in ["timeout 1", "idle_timeout 1", "pending_max 1", "keepalive", "tcp_fastclose both"] {
        assert!(!pen.ask(command).starts_with("error"), "{command}");
    }
    assert_eq!(pen.udp_client().ask_for_text("?"), "a");
}

#[test]
fn another_source_is_for_flows_that_begin_later() {
    let [a, b] = ["a", "b"].map(UdpBackend::named);
    let pen = Pen::builder().udp().servers([&a, &b]).option("-r").command("threads 1").start();
    let (before, after) = (pen.udp_client(), pen.udp_client());
    assert_eq!(before.ask_for_text("?"), "a");
    pen.tell("source 127.0.0.7");
    // Its flow would otherwise use the port of the first.
    assert_eq!(after.ask_for_text("?"), "b");
    assert_eq!(before.ask_for_text("?"), "a");
    let hosts = |server: &UdpBackend| -> Vec<String> {
        server
            .sources()
            .iter()
            .map(|source| source.to_string().split(':').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(hosts(&a), ["127.0.0.1", "127.0.0.1"]);
    assert_eq!(hosts(&b), ["127.0.0.7"]);
    pen.stop();
}
