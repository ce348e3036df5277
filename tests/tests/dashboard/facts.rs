//! What the dashboard tells of some services only.

use std::io::Write as _;

use pen_tests::{Authority, Backend, Browser, Order, Pen, TlsStream, UdpBackend, tls};

use super::super::{assert_no_complaints, open};

/// What is so of a fact of the first service.
fn fact(name: &str, what: &str) -> String {
    let facts = "[...document.querySelectorAll('.facts > div')]";
    format!("{facts}.find((fact) => fact.querySelector('dt').textContent === '{name}'){what}")
}

#[test]
fn tls_is_told_as_long_as_it_is_on_and_a_certificate_that_expires_soon_stands_out() {
    let authority = Authority::new("root");
    let [long, short] =
        [90, 5].map(|days| authority.issue(&Order::server("www.example.com").valid(-1, days)));
    let server = Backend::holding("a");
    let pen = Pen::builder().servers([&server]).tls(&long).command("http").command("web 0").start();
    let browser = Browser::start();
    open(&browser, &pen);
    browser.wait_until(&fact("certificate expires in", "?.textContent.includes(' d ')"));
    browser.wait_until(&fact("certificate expires in", "?.className === ''"));
    browser.wait_until(&fact("http refused", "?.querySelector('dd').textContent === '0'"));
    let mut client = TlsStream::over(pen.connect(), "www.example.com", &tls::trusting(&authority)).unwrap();
    client.write_all(b"hello").unwrap();
    browser.wait_until(&fact("TLS handshakes", "?.querySelector('dd').textContent === '1'"));
    browser.wait_until("document.querySelector('#connections').textContent.includes('connected, TLS')");
    pen.tell(&format!("tls_cert {}", short.pem().display()));
    browser.wait_until(&fact("certificate expires in", "?.className === 'worry'"));
    browser.screenshot("tls");
    pen.tell("no tls_cert");
    browser.wait_until(&fact("TLS handshakes", " === undefined"));
    assert_no_complaints(&browser);
    pen.stop();
}

#[test]
fn datagrams_are_told_and_those_that_were_dropped_stand_out() {
    let server = UdpBackend::named("a");
    let pen = Pen::builder().udp().servers([&server]).command("web 0").start();
    let browser = Browser::start();
    open(&browser, &pen);
    let is = |name: &str, text: &str| fact(name, &format!("?.querySelector('dd').textContent === '{text}'"));
    browser.wait_until(&is("datagrams", "0"));
    let told = format!("listens on {} (UDP)", pen.address());
    browser.wait_until(&format!("document.querySelector('.listeners').textContent === '{told}'"));
    let client = pen.udp_client();
    client.ask("?");
    browser.wait_until(&is("answers", "1"));
    browser.wait_until("document.querySelector('#connections').textContent.includes('connected')");
    browser.wait_until(&fact("dropped", "?.className === ''"));
    pen.tell("no server 0");
    client.send("?");
    browser.wait_until(&is("dropped", "1"));
    browser.wait_until(&fact("dropped", "?.className === 'worry'"));
    browser.wait_until(&is("lost in queues", "0"));
    browser.screenshot("udp");
    assert_no_complaints(&browser);
    pen.stop();
}
