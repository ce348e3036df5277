//! What the status tells of TLS, PROXY headers, and connections that have not come to a server yet.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use pen_tests::{
    Authority, Backend, Order, Pen, TlsEnd, TlsStream, clients, complaints_of_promtool, tls, wait_until,
};
use rustls::ClientConfig;
use serde_json::{Value, json};

const NAME: &str = "www.example.com";

fn service(pen: &Pen) -> Value {
    let status: Value = serde_json::from_str(&pen.ask("status json")).expect("JSON is told");
    status["services"][0].clone()
}

/// Hears what the server says, over a connection of its own.
fn listen(pen: &Pen, config: &Arc<ClientConfig>) {
    let mut client = TlsStream::over(pen.connect(), NAME, config).unwrap();
    assert_eq!(client.drain(), (b"a".to_vec(), TlsEnd::Goodbye));
}

#[test]
fn handshakes_are_counted_by_version_and_outcome() {
    let (authority, server) = (Authority::new("root"), Backend::named("a"));
    let pen = Pen::builder().server(&server).tls(&authority.issue(&Order::server(NAME))).start();
    assert_eq!(
        service(&pen)["tls"]["handshakes"],
        json!({"tls12": 0, "tls13": 0, "resumed": 0, "failed": 0})
    );
    let config = tls::trusting(&authority);
    listen(&pen, &config);
    listen(&pen, &config);
    let ended = clients::s_client(pen.address(), &["-tls1_2"], b"");
    assert!(ended.stdout.contains("TLSv1.2"), "{}", ended.stdout);
    let plain = pen.connect();
    plain.send("GET / HTTP/1.0\r\n\r\n");
    plain.drain();
    let expected = json!({"tls12": 1, "tls13": 2, "resumed": 1, "failed": 1});
    wait_until("all are counted", || service(&pen)["tls"]["handshakes"] == expected);

    let metrics = pen.ask("status prometheus");
    assert_eq!(complaints_of_promtool(&metrics), "", "of:\n{metrics}");
    for line in [
        "pen_tls_handshakes_total{service=\"default\",version=\"TLSv1.2\"} 1",
        "pen_tls_handshakes_total{service=\"default\",version=\"TLSv1.3\"} 2",
        "pen_tls_resumptions_total{service=\"default\"} 1",
        "pen_tls_handshake_failures_total{service=\"default\"} 1",
    ] {
        assert!(metrics.contains(&format!("\n{line}\n")), "{line} in:\n{metrics}");
    }
    let told = "2 handshakes of TLS 1.3, 1 of TLS 1.2, 1 resumed, 1 failed";
    assert!(pen.ask("status text").contains(&format!("\n  tls          {told}\n")));
    assert!(pen.ask("status html").contains(&format!("<dt>tls</dt><dd>{told}</dd>")));
}

#[test]
fn every_certificate_in_force_tells_when_it_expires_and_hup_puts_others_in_force() {
    let (authority, echo) = (Authority::new("root"), Backend::echo());
    let builder = Pen::builder().server(&echo);
    let names = builder.directory().join("names");
    std::fs::create_dir(&names).unwrap();
    let install = |days| {
        authority.issue(&Order::server("b.example.com").valid(-1, days)).install(&names, "b.example.com");
    };
    install(20);
    let site = authority.issue(&Order::server(NAME).name("192.0.2.1").valid(-1, 90));
    let pen = builder.tls(&site).command(&format!("ssl_sni_path {}", names.display())).start();
    let days_left = |certificate: &Value| {
        let left = certificate["not_after"].as_u64().unwrap() - time(&pen);
        left.div_ceil(86_400)
    };
    let told = service(&pen)["tls"]["certificates"].clone();
    let by_name = names.join("b.example.com.crt").display().to_string();
    assert_eq!(told[0]["file"], site.pem().display().to_string());
    assert_eq!(told[0]["names"], json!([NAME, "192.0.2.1"]));
    assert_eq!((&told[1]["file"], &told[1]["names"]), (&json!(by_name), &json!(["b.example.com"])));
    assert_eq!((days_left(&told[0]), days_left(&told[1])), (90, 20));
    let text = pen.ask("status text");
    assert!(text.contains(&format!(" for {NAME}, 192.0.2.1, expires in ")), "{text}");
    assert!(text.contains("  by name      1 more, first to expire: "), "{text}");
    let expiry = |number: &Value| {
        let file = format!("service=\"default\",file=\"{by_name}\"");
        format!("\npen_tls_certificate_expiry_timestamp_seconds{{{file}}} {number}\n")
    };
    assert!(pen.ask("status prometheus").contains(&expiry(&told[1]["not_after"])));

    install(60);
    pen.signal(Signal::SIGHUP);
    wait_until("the new one is in force", || days_left(&service(&pen)["tls"]["certificates"][1]) == 60);
}

fn time(pen: &Pen) -> u64 {
    let status: Value = serde_json::from_str(&pen.ask("status json")).expect("JSON is told");
    Duration::from_secs_f64(status["time"].as_f64().unwrap()).as_secs()
}

#[test]
fn a_client_that_has_not_said_what_must_come_first_waits() {
    let (authority, echo) = (Authority::new("root"), Backend::echo());
    let pen = Pen::builder()
        .server(&echo)
        .tls(&authority.issue(&Order::server(NAME)))
        .command("acl 1 permit 127.0.0.1")
        .command("proxy_protocol accept 1")
        .start();
    let connection = |field: &str| service(&pen)["open_connections"][0][field].clone();
    let state = |number: u32| pen.ask("connection 0").contains(&format!("\nstate = {number}\n"));
    let client = pen.connect();
    wait_until("it waits for the PROXY header", || state(32));
    assert!(pen.ask("connections").contains(" server -1 state waiting downfd "));
    assert_eq!((connection("waiting"), connection("tls")), (json!(true), json!(false)));
    client.send("PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n");
    wait_until("the client is the one that the header names", || {
        connection("client_address") == json!("192.0.2.7")
    });
    assert!(state(32), "it waits for the handshake");
    assert!(pen.ask("status text").contains("  waiting\n"));
    let _client = TlsStream::over(client, NAME, &tls::trusting(&authority)).unwrap();
    wait_until("it is served", || state(2));
    assert_eq!((connection("waiting"), connection("tls")), (json!(false), json!(true)));
    assert!(pen.ask("status text").contains("  tls  connected\n"));
}

#[test]
fn what_a_service_does_with_headers_is_told_with_what_it_refused() {
    let web = Backend::silent();
    let pen = Pen::builder()
        .server(&web)
        .command("http")
        .command("acl 1 deny 0.0.0.0/0")
        .command("proxy_protocol accept 1")
        .command("proxy_protocol send-v2")
        .start();
    let told = service(&pen);
    assert_eq!((&told["http"], &told["http_refused"], &told["tls"]), (&json!(true), &json!(0), &Value::Null));
    assert_eq!(told["proxy_protocol"], json!({"accept": 1, "send": "v2"}));
    pen.connect().drain();
    wait_until("a client is refused", || service(&pen)["proxy_refused"] == 1);
    let refused = "\npen_service_proxy_refused_total{service=\"default\"} 1\n";
    assert!(pen.ask("status prometheus").contains(refused));
    let text = pen.ask("status text");
    let line = "  proxy        headers expected from access list 1, headers of v2 sent to servers, 1 connections refused\n";
    assert!(text.contains(line), "{text}");
    pen.tell("no proxy_protocol");
    assert_eq!(service(&pen)["proxy_protocol"], json!({"accept": null, "send": null}));
    let client = pen.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    assert!(client.drain().text().starts_with("HTTP/1.1 400 "));
    wait_until("a request is refused", || service(&pen)["http_refused"] == 1);
    assert!(
        pen.ask("status prometheus").contains("\npen_service_http_refused_total{service=\"default\"} 1\n")
    );
    assert!(
        pen.ask("status text").contains("\n  http         tells servers of clients, 1 requests refused\n")
    );
}
