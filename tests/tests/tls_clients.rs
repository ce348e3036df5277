//! TLS as clients see it that others wrote: openssl's, curl, `GnuTLS` and Python.

use std::io::Write;

use pen_tests::tls::trusting;
use pen_tests::{Authority, Backend, Key, Order, Pen, TlsEnd, TlsStream, clients, run};

const NAME: &str = "www.example.com";

#[test]
fn certificates_are_what_was_ordered() {
    let root = Authority::new("root");
    let issuer = root.intermediate("issuer");
    let verify = |ca: &Authority, order: &Order, purpose: &str| {
        let certificate = ca.issue(order);
        let mut command = std::process::Command::new("openssl");
        command.args(["verify", "-purpose", purpose, "-CAfile"]).arg(root.certificate());
        command.arg("-untrusted").arg(certificate.chain()).arg(certificate.leaf());
        pen_tests::run_to_the_end(command)
    };
    for key in Key::ALL {
        let order = Order::server(NAME).key(key);
        for ca in [&root, &issuer] {
            let ended = verify(ca, &order, "sslserver");
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }
    assert_eq!(verify(&issuer, &Order::client("somebody"), "sslclient").code, Some(0));
    let expired = verify(&issuer, &Order::server(NAME).expired(), "sslserver");
    assert!(expired.stderr.contains("certificate has expired"), "{expired:?}");
    let client = verify(&issuer, &Order::client("somebody"), "sslserver");
    assert!(client.stderr.contains("purpose"), "{client:?}");
    let show = |order: &Order| {
        let certificate = issuer.issue(order);
        run("openssl", &["x509", "-text", "-noout", "-in", &certificate.leaf().to_string_lossy()])
    };
    assert!(show(&Order::client("old").version_1()).contains("Version: 1 "));
    assert!(show(&Order::client("ca").of_an_authority()).contains("CA:TRUE"));
    let names = show(&Order::server(NAME).name("*.example.com").name("127.0.0.1"));
    for name in ["DNS:www.example.com", "DNS:*.example.com", "IP Address:127.0.0.1"] {
        assert!(names.contains(name), "{names}");
    }
}

#[test]
fn an_ocsp_response_says_what_the_authority_knows() {
    let root = Authority::new("root");
    let site = root.issue(&Order::server(NAME));
    let ask = || {
        let response = root.ocsp_response(&site);
        run("openssl", &["ocsp", "-noverify", "-resp_text", "-respin", &response.to_string_lossy()])
    };
    assert!(ask().contains("Cert Status: good"));
    root.revoke(&site);
    assert!(ask().contains("Cert Status: revoked"));
}

#[test]
fn a_pen_with_every_kind_of_key_serves_a_client_that_verifies_it() {
    let echo = Backend::named("hello");
    for key in Key::ALL {
        let root = Authority::with_key("root", key);
        let site = root.intermediate("issuer").issue(&Order::server(NAME).key(key));
        let pen = Pen::builder().server(&echo).tls(&site).start();
        let root = root.certificate();
        let arguments =
            ["-CAfile", &root.to_string_lossy(), "-verify_hostname", NAME, "-verify_return_error"];
        let ended = clients::s_client(pen.address(), &arguments, b"");
        assert!(ended.stdout.contains("hello"), "{key:?}: {ended:?}");
        assert!(ended.stdout.contains("Verify return code: 0 (ok)"), "{key:?}: {ended:?}");
        pen.stop();
    }
}

#[test]
fn a_half_close_under_tls_is_passed_on_and_answered() {
    let root = Authority::new("root");
    let echo = Backend::echo();
    let pen = Pen::builder().server(&echo).tls(&root.issue(&Order::server(NAME))).start();
    let mut client = TlsStream::over(pen.connect(), NAME, &trusting(&root)).unwrap();
    client.write_all(b"question").unwrap();
    client.finish().unwrap();
    let (answer, end) = client.drain();
    assert_eq!((answer.as_slice(), end), (b"question".as_slice(), TlsEnd::Goodbye));
    pen.wait_until_idle();
}
