//! OCSP responses that are stapled.

use std::fs;

use nix::sys::signal::Signal;
use pen_tests::{Authority, Backend, Order, Pen, wait_until};

use super::seen::{NAME, visit};

/// What a client is told who asks for the state of the certificate.
fn status(pen: &Pen, name: &str) -> String {
    let stdout = visit(pen, name, &["-status"]).stdout;
    let line = stdout.lines().find_map(|line| line.trim().strip_prefix("Cert Status: "));
    line.unwrap_or(if stdout.contains("OCSP response: no response sent") { "none" } else { "?" }).to_owned()
}

#[test]
fn responses_are_stapled_for_the_certificate_and_for_names() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let directory = tempfile::tempdir().unwrap();
    let (default, named) = (root.issue(&Order::server("default")), root.issue(&Order::server(NAME)));
    named.install(directory.path(), NAME);
    root.issue(&Order::server("bare.example")).install(directory.path(), "bare.example");
    fs::copy(root.ocsp_response(&named), directory.path().join(format!("{NAME}.ocsp"))).unwrap();
    let pen = Pen::builder()
        .server(&echo)
        .tls(&default)
        .command(&format!("ssl_ocsp_response {}", root.ocsp_response(&default).display()))
        .command(&format!("ssl_sni_path {}", directory.path().display()))
        .start();
    for (name, expected) in [("default", "good"), (NAME, "good"), ("bare.example", "none")] {
        assert_eq!(status(&pen, name), expected, "{name}");
    }
    pen.tell("no ssl_ocsp_response");
    assert_eq!(status(&pen, "default"), "none");
    pen.stop();
}

#[test]
fn a_response_that_is_of_no_use_is_not_stapled_and_one_that_is_none_refused() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let (site, other) = (root.issue(&Order::server(NAME)), root.issue(&Order::server("other")));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ocsp");
    fs::copy(root.ocsp_response(&site), &file).unwrap();
    let pen = Pen::builder()
        .server(&echo)
        .tls(&site)
        .command(&format!("ssl_ocsp_response {}", file.display()))
        .start();
    let hup = |expected: &str| {
        pen.signal(Signal::SIGHUP);
        let expected = format!("ssl_ocsp_response {}: {expected}", file.display());
        wait_until(&expected, || pen.stderr().contains(&expected));
    };
    // At a renewal the certificate may be newer than its response.
    fs::copy(root.ocsp_response(&other), &file).unwrap();
    hup("it is about another certificate; it is not stapled");
    wait_until("nothing is stapled", || status(&pen, NAME) == "none");
    fs::copy(root.ocsp_response(&site), &file).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("it is stapled again", || status(&pen, NAME) == "good");
    fs::write(&file, "").unwrap();
    hup("it is empty; the certificates stay as they were");
    assert_eq!(status(&pen, NAME), "good");
    // try later
    fs::write(&file, [0x30, 3, 0x0a, 1, 3]).unwrap();
    hup("the authority gave no answer in it; it is not stapled");
    root.revoke(&site);
    fs::copy(root.ocsp_response(&site), &file).unwrap();
    hup("it says that the certificate is revoked; it is not stapled");
    wait_until("nothing is stapled", || status(&pen, NAME) == "none");
    pen.stop();
}
