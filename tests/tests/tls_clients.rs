//! TLS as clients see it that others wrote: openssl's, `GnuTLS`, Python and rustls. Those that speak https are in `https_clients`.

use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::thread;

use pen_tests::tls::trusting;
use pen_tests::{
    Authority, Backend, Content, End, Ended, Family, Key, Manual, Order, Pen, TlsEnd, TlsStream, clients,
    run, run_to_the_end,
};
use serde_json::{Value, json};

const NAME: &str = "www.example.com";

/// The suites of TLS 1.2, with ECDSA certificates and with RSA's.
const SUITES: [&str; 3] = ["AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305"];
/// The suites of TLS 1.3.
const SUITES_13: [&str; 3] =
    ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];

/// A server that says hello, and a pen with a certificate before it.
struct Rig {
    root: Authority,
    pen: Pen,
    _server: Backend,
}

impl Rig {
    fn new(key: Key) -> Self {
        Self::before(Backend::named("hello from the server"), key)
    }

    fn before(server: Backend, key: Key) -> Self {
        let root = Authority::with_key("root", key);
        let site = root.intermediate("issuer").issue(&Order::server(NAME).name("127.0.0.1").key(key));
        let pen = Pen::builder().server(&server).tls(&site).command("threads 2").start();
        Self { root, pen, _server: server }
    }

    /// What `openssl s_client` tells of a connection, and the server's greeting, if it verifies the certificate.
    #[track_caller]
    fn s_client(&self, arguments: &[&str]) -> Ended {
        let root = self.root.certificate();
        let verify = ["-CAfile", &root.to_string_lossy(), "-verify_return_error", "-servername", NAME];
        clients::s_client(self.pen.address(), &[&verify, arguments].concat(), b"")
    }
}

#[track_caller]
fn assert_greeted(ended: &Ended, as_expected: &str) {
    assert!(ended.stdout.contains("hello from the server"), "{ended:?}");
    assert!(ended.stdout.contains(as_expected), "{as_expected} in {ended:?}");
}

#[test]
fn every_kind_of_key_serves_a_client_that_verifies_it() {
    for key in Key::ALL {
        let rig = Rig::new(key);
        for version in ["-tls1_2", "-tls1_3"] {
            let ended = rig.s_client(&[version, "-verify_hostname", NAME]);
            assert_greeted(&ended, "Verify return code: 0 (ok)");
        }
        rig.pen.stop();
    }
}

#[test]
fn versions_12_and_13_are_spoken_and_older_ones_are_told_so() {
    let rig = Rig::new(Key::EcdsaP256);
    assert_greeted(&rig.s_client(&["-tls1_2"]), "New, TLSv1.2,");
    assert_greeted(&rig.s_client(&["-tls1_3"]), "New, TLSv1.3,");
    for version in ["-tls1_1", "-tls1"] {
        let ended = rig.s_client(&[version, "-cipher", "ALL:@SECLEVEL=0"]);
        // Without the extensions of 1.2 it may be another alert than that about the version.
        assert!(ended.stderr.contains("SSL alert number"), "{version}: {ended:?}");
        assert!(!ended.stdout.contains("hello from the server"), "{version}: {ended:?}");
    }
    // A hello of SSL 3.0, which no openssl of today can say: cipher suites 0x0005 and 0x0004, no compression.
    let hello = [
        b"\x16\x03\x00\x00\x2f\x01\x00\x00\x2b\x03\x00".as_slice(),
        &[7; 32],
        b"\x00\x00\x04\x00\x05\x00\x04\x01\x00",
    ];
    let client = rig.pen.connect();
    client.send(hello.concat());
    let answer = client.drain();
    assert_eq!(answer.bytes.first(), Some(&21), "an alert is expected: {answer:?}");
    assert_ne!(answer.end, End::Open);
    rig.pen.wait_until_idle();
}

#[test]
fn every_suite_can_be_chosen_and_no_other() {
    for (key, kind) in [(Key::EcdsaP256, "ECDSA"), (Key::Rsa, "RSA")] {
        let rig = Rig::new(key);
        let names = SUITES.map(|suite| format!("ECDHE-{kind}-{suite}"));
        for name in &names {
            assert_greeted(&rig.s_client(&["-tls1_2", "-cipher", name]), &format!("Cipher is {name}"));
        }
        let others = format!("ALL:COMPLEMENTOFALL:!{}:@SECLEVEL=0", names.join(":!"));
        let ended = rig.s_client(&["-tls1_2", "-cipher", &others]);
        assert!(ended.stderr.contains("alert handshake failure"), "{ended:?}");
        assert!(ended.stdout.contains("Cipher is (NONE)"), "{ended:?}");
    }
    let rig = Rig::new(Key::EcdsaP256);
    for name in SUITES_13 {
        assert_greeted(&rig.s_client(&["-tls1_3", "-ciphersuites", name]), &format!("Cipher is {name}"));
    }
}

#[test]
fn sessions_are_resumed_by_whichever_worker() {
    let rig = Rig::new(Key::EcdsaP256);
    let session = rig.pen.directory().join("session");
    let session = session.to_string_lossy();
    for version in ["-tls1_2", "-tls1_3"] {
        assert_greeted(&rig.s_client(&[version, "-sess_out", &session]), "New, TLSv1.");
        // Each time on a connection of its own, which goes to either worker.
        for _ in 0..6 {
            assert_greeted(&rig.s_client(&[version, "-sess_in", &session]), "Reused, TLSv1.");
        }
    }
    let again = rig.s_client(&["-tls1_2", "-reconnect"]);
    assert_eq!(again.stdout.matches("Reused, TLSv1.2").count(), 5, "{again:?}");
    rig.pen.wait_until_idle();
    let status: Value = serde_json::from_str(&rig.pen.ask("status json")).unwrap();
    let counted = &status["services"][0]["tls"]["handshakes"];
    assert_eq!(*counted, json!({ "tls12": 1 + 6 + 6, "tls13": 1 + 6, "resumed": 6 + 6 + 5, "failed": 0 }));
}

#[test]
fn a_ticket_that_was_tampered_with_is_no_ticket() {
    let rig = Rig::new(Key::EcdsaP256);
    let session = rig.pen.directory().join("session");
    let name = session.to_string_lossy();
    assert_greeted(&rig.s_client(&["-tls1_2", "-sess_out", &name]), "New, TLSv1.2");
    let der = rig.pen.directory().join("der");
    let der = der.to_string_lossy();
    run("openssl", &["sess_id", "-in", &name, "-outform", "DER", "-out", &der]);
    let mut bytes = fs::read(&*der).unwrap();
    // The ticket of 160 bytes stands near the end.
    let within = bytes.len() - 80;
    bytes[within] ^= 1;
    fs::write(&*der, bytes).unwrap();
    run("openssl", &["sess_id", "-inform", "DER", "-in", &der, "-out", &name]);
    assert_greeted(&rig.s_client(&["-tls1_2", "-sess_in", &name]), "New, TLSv1.2");
}

#[test]
fn a_handshake_on_the_curve_that_pen_likes_less_takes_one_round_more() {
    let rig = Rig::new(Key::EcdsaP256);
    for groups in ["P-256", "P-384", "X25519", "X448:P-256", "P-521:P-384"] {
        assert_greeted(&rig.s_client(&["-tls1_3", "-groups", groups]), "Verify return code: 0 (ok)");
    }
}

#[test]
fn key_updates_go_both_ways() {
    let rig = Rig::before(Backend::echo(), Key::EcdsaP256);
    let mut client = TlsStream::over(rig.pen.connect(), NAME, &trusting(&rig.root)).unwrap();
    for round in 0_u8..20 {
        client.refresh_keys().unwrap();
        client.write_all(&[round]).unwrap();
        let mut back = [0];
        client.read_exact(&mut back).unwrap();
        assert_eq!(back, [round]);
    }
}

#[test]
fn a_record_larger_than_a_read_is_answered_without_another() {
    let rig = Rig::before(Backend::echo(), Key::EcdsaP256);
    for number in 0..20 {
        let mut client = TlsStream::over(rig.pen.connect(), NAME, &trusting(&rig.root)).unwrap();
        for length in [16 * 1024, 8 * 1024, 9_000, 1, 16 * 1024] {
            let content = Content::new(number).bytes(length);
            client.write_all(&content).unwrap();
            let mut back = vec![0; length];
            client.read_exact(&mut back).unwrap();
            assert!(back == content);
        }
    }
}

#[test]
fn a_server_that_was_slow_gets_everything_in_the_end() {
    let manual = Manual::on(Family::Tcp4);
    let root = Authority::new("root");
    let pen = Pen::builder().server(&manual.backend).tls(&root.issue(&Order::server(NAME))).start();
    for number in 0..2 {
        let mut client = TlsStream::over(pen.connect(), NAME, &trusting(&root)).unwrap();
        let server = manual.accept();
        client.stream().stop_writing_when_full();
        let content = Content::new(number);
        let (mut sent, mut part) = (0, vec![0; 32 * 1024]);
        content.fill(sent, &mut part);
        while let Ok(count) = client.write(&part) {
            sent += count as u64;
            content.fill(sent, &mut part);
        }
        client.stream().write_patiently();
        let got = thread::scope(|scope| {
            let got = scope.spawn(|| content.expect_from(&server));
            client.finish().unwrap();
            got.join().unwrap()
        });
        assert_eq!(got, (sent, End::Eof));
    }
}

#[test]
fn a_half_close_under_tls_is_passed_on_and_answered() {
    let rig = Rig::before(Backend::echo(), Key::EcdsaP256);
    let mut client = TlsStream::over(rig.pen.connect(), NAME, &trusting(&rig.root)).unwrap();
    client.write_all(b"question").unwrap();
    client.finish().unwrap();
    let (answer, end) = client.drain();
    assert_eq!((answer.as_slice(), end), (b"question".as_slice(), TlsEnd::Goodbye));
    rig.pen.wait_until_idle();
}

#[test]
fn gnutls_ends_its_half_and_gets_everything_back() {
    const LENGTH: usize = 3 << 20;
    for priority in ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"] {
        let rig = Rig::before(Backend::echo(), Key::Rsa);
        let (sent, log) = (rig.pen.directory().join("sent"), rig.pen.directory().join("log"));
        let back = rig.pen.directory().join("back");
        let content = Content::new(31).bytes(LENGTH);
        fs::write(&sent, &content).unwrap();
        let address = rig.pen.address().ip();
        let line = format!(
            "exec gnutls-cli --logfile={log} --x509cafile={root} --verify-hostname={NAME} --sni-hostname={NAME} \
             --priority={priority} --port={port} {host} < {sent} > {back}",
            log = log.display(),
            root = rig.root.certificate().display(),
            port = address.port(),
            host = address.ip(),
            sent = sent.display(),
            back = back.display(),
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]);
        let ended = run_to_the_end(shell);
        let log = fs::read_to_string(&log).unwrap_or_default();
        assert_eq!(ended.code, Some(0), "{ended:?} {log}");
        assert!(fs::read(&back).unwrap() == content, "{priority}: {log}");
        rig.pen.wait_until_idle();
    }
}

#[test]
fn pythons_ssl_says_goodbye_and_hears_it() {
    let rig = Rig::before(Backend::echo(), Key::Rsa);
    let address = rig.pen.address().ip();
    let mut python = Command::new("/usr/bin/python3");
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/goodbye.py"));
    python.arg(rig.root.certificate()).args([NAME, &address.ip().to_string(), &address.port().to_string()]);
    let ended = run_to_the_end(python);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "TLSv1.2 goodbye\nTLSv1.3 goodbye\n"),
        "{ended:?}"
    );
    rig.pen.wait_until_idle();
}
