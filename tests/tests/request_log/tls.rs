//! What is logged of clients that speak TLS is what they say within it.

use std::io::Write as _;

use pen_tests::{Authority, Order, Pen, PenBuilder, TlsStream, WebServer, clients, tls};

use super::log_host::LogHost;

const NAME: &str = "www.example.com";

/// Has curl fetch two pages over one connection, by https; what the log got when pen has ended.
#[track_caller]
fn logged(prepare: impl FnOnce(PenBuilder) -> PenBuilder, arguments: &[&str]) -> Vec<String> {
    let (authority, server, loghost) = (Authority::new("root"), WebServer::nginx(), LogHost::new());
    let builder = Pen::builder().server(server.address()).tls(&authority.issue(&Order::server(NAME)));
    let pen = prepare(builder.option(&format!("-l {}", loghost.address()))).start();
    let second = format!("https://{NAME}:{}/2?b=c", pen.address().port());
    let ended =
        clients::curl(pen.address(), NAME, "/1", &authority.certificate(), &[arguments, &[&second]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    pen.stop();
    records(&loghost, &server)
}

/// What the log got, with `SERVER` for the server's address.
fn records(loghost: &LogHost, server: &WebServer) -> Vec<String> {
    let address = server.address().ip().ip().to_string();
    loghost.arrived().iter().map(|record| record.replacen(&address, "SERVER", 1)).collect()
}

#[test]
fn each_request_within_tls_has_a_record() {
    let expected = ["+ 127.0.0.1 SERVER GET /2?b=c HTTP/1.1\n", "+ 127.0.0.1 SERVER GET /1 HTTP/1.1\n"];
    for version in [["--tlsv1.3", "--tls-max", "1.3"], ["--tlsv1.2", "--tls-max", "1.2"]] {
        assert_eq!(logged(|builder| builder, &version), expected, "{version:?}");
    }
    assert_eq!(logged(|builder| builder.option("-H"), &[]), expected, "as the client sent them");
}

#[test]
fn a_client_that_a_proxy_header_names_is_logged_with_its_address() {
    let (authority, server, loghost) = (Authority::new("root"), WebServer::nginx(), LogHost::new());
    let pen = Pen::builder()
        .server(server.address())
        .tls(&authority.issue(&Order::server(NAME)))
        .option(&format!("-l {}", loghost.address()))
        .command("acl 1 permit 127.0.0.1")
        .command("proxy_protocol accept 1")
        .start();
    let client = pen.connect();
    client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n");
    let mut client = TlsStream::over(client, NAME, &tls::trusting(&authority)).unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    client.drain();
    pen.stop();
    assert_eq!(records(&loghost, &server), ["+ 192.0.2.7 SERVER GET / HTTP/1.0\n"]);
}
