//! The harness's own certificates are what was ordered, as openssl judges them.

use std::process::Command;

use pen_tests::{Authority, Ended, Key, Order, run, run_to_the_end};

const NAME: &str = "www.example.com";

fn verify(root: &Authority, issuer: &Authority, order: &Order, purpose: &str) -> Ended {
    let certificate = issuer.issue(order);
    let mut openssl = Command::new("openssl");
    openssl.args(["verify", "-purpose", purpose, "-CAfile"]).arg(root.certificate());
    openssl.arg("-untrusted").arg(certificate.chain()).arg(certificate.leaf());
    run_to_the_end(openssl)
}

#[test]
fn certificates_are_good_or_bad_as_ordered() {
    let root = Authority::new("root");
    let issuer = root.intermediate("issuer").intermediate("issuer below");
    for key in Key::ALL {
        for issuer in [&root, &issuer] {
            let ended = verify(&root, issuer, &Order::server(NAME).key(key), "sslserver");
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }
    assert_eq!(verify(&root, &issuer, &Order::client("somebody"), "sslclient").code, Some(0));
    for (order, purpose, complaint) in [
        (Order::server(NAME).expired(), "sslserver", "certificate has expired"),
        (Order::server(NAME).valid(1, 2), "sslserver", "certificate is not yet valid"),
        (Order::client("somebody"), "sslserver", "purpose"),
        (Order::server(NAME), "sslclient", "purpose"),
    ] {
        let ended = verify(&root, &issuer, &order, purpose);
        assert!(ended.stderr.contains(complaint), "{complaint} in {ended:?}");
    }
    let stranger = verify(&Authority::new("root"), &issuer, &Order::server(NAME), "sslserver");
    assert_ne!(stranger.code, Some(0), "{stranger:?}");
}

#[test]
fn certificates_say_what_was_ordered() {
    let root = Authority::new("root");
    for (order, text) in [
        (Order::client("old").version_1(), "Version: 1 "),
        (Order::client("authority").of_an_authority(), "CA:TRUE"),
        (Order::server(NAME), "DNS:www.example.com"),
        (Order::server(NAME).name("*.example.com"), "DNS:*.example.com"),
        (Order::server(NAME).name("127.0.0.1"), "IP Address:127.0.0.1"),
        (Order::server(NAME).extension("tlsfeature=status_request"), "status_request"),
    ] {
        let leaf = root.issue(&order).leaf();
        let said = run("openssl", &["x509", "-text", "-noout", "-in", &leaf.to_string_lossy()]);
        assert!(said.contains(text), "{text} in {said}");
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
