//! Sessions that clients resume.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use pen_tests::{Authority, Backend, Certificate, Ended, Order, Pen, wait_until};

use super::seen::{NAME, is_served, text, visit};

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// Connects, with a new session that is kept in this file, or with the one that is in it.
fn with_session(pen: &Pen, name: &str, version: &str, file: &Path, more: &[&str]) -> Ended {
    let way = if file.exists() { "-sess_in" } else { "-sess_out" };
    visit(pen, name, &[&[version, way, text(file)], more].concat())
}

#[track_caller]
fn is_resumed(ended: &Ended) -> bool {
    assert!(is_served(ended), "{ended:?}");
    ended.stdout.contains("\nReused, TLS")
}

#[test]
fn a_session_is_resumed_by_every_worker_and_after_hup_but_not_by_another_name() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let directory = tempfile::tempdir().unwrap();
    let names = directory.path().join("names");
    fs::create_dir(&names).unwrap();
    root.issue(&Order::server(NAME)).install(&names, NAME);
    let cert = directory.path().join("default.pem");
    fs::copy(root.issue(&Order::server("default")).pem(), &cert).unwrap();
    let pen = Pen::builder()
        .server(&echo)
        .option(&format!("-E {}", cert.display()))
        .command(&format!("ssl_sni_path {}", names.display()))
        .command("threads 2")
        .start();
    for version in VERSIONS {
        let session = directory.path().join(format!("session{version}"));
        assert!(!is_resumed(&with_session(&pen, NAME, version, &session, &[])));
        // Enough for both workers to have had some.
        for _ in 0..8 {
            assert!(is_resumed(&with_session(&pen, NAME, version, &session, &[])), "{version}");
        }
        assert!(!is_resumed(&with_session(&pen, "default", version, &session, &[])), "{version}");
    }
    let session = directory.path().join("session by number");
    for _ in 0..2 {
        assert!(!is_resumed(&with_session(&pen, NAME, "-tls1_2", &session, &["-no_ticket"])));
    }
    fs::copy(root.issue(&Order::server("renewed")).pem(), &cert).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("certificates are read again", || super::seen::subject(&pen, "other") == "renewed");
    for version in VERSIONS {
        let session = directory.path().join(format!("session{version}"));
        assert!(is_resumed(&with_session(&pen, NAME, version, &session, &[])), "{version}");
    }
    pen.stop();
}

#[test]
fn who_was_let_in_by_an_authority_does_not_come_back_without_it() {
    let echo = Backend::named("hello");
    let (root, other) = (Authority::new("root"), Authority::new("other"));
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("cas.pem");
    let trust = |authorities: &[&Authority]| {
        let pem = |authority: &&Authority| fs::read_to_string(authority.certificate()).unwrap();
        fs::write(&ca_file, authorities.iter().map(pem).collect::<String>()).unwrap();
    };
    trust(&[&root, &other]);
    let pen = Pen::builder()
        .server(&echo)
        .tls(&root.issue(&Order::server(NAME)))
        .option(&format!("-G {}", ca_file.display()))
        .option("-R")
        .start();
    let somebody = other.issue(&Order::client("somebody"));
    let (cert, key) = (somebody.leaf(), somebody.key());
    let shown = ["-cert", text(&cert), "-key", text(&key)];
    let sessions = VERSIONS.map(|version| (version, directory.path().join(version)));
    for (version, session) in &sessions {
        assert!(!is_resumed(&with_session(&pen, NAME, version, session, &shown)));
        assert!(is_resumed(&with_session(&pen, NAME, version, session, &shown)), "{version}");
    }
    hup(&pen, 1);
    for (version, session) in &sessions {
        assert!(is_resumed(&with_session(&pen, NAME, version, session, &shown)), "{version}");
    }
    trust(&[&root]);
    hup(&pen, 2);
    for (version, session) in &sessions {
        let ended = with_session(&pen, NAME, version, session, &shown);
        assert!(!is_served(&ended), "{version}: {ended:?}");
    }
    pen.stop();
}

#[test]
fn who_came_in_unasked_does_not_come_back_once_certificates_are_required() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let directory = tempfile::tempdir().unwrap();
    let pen = Pen::builder()
        .server(&echo)
        .tls(&root.issue(&Order::server(NAME)))
        .option(&format!("-G {}", root.certificate().display()))
        .start();
    let sessions = VERSIONS.map(|version| (version, directory.path().join(version)));
    for (version, session) in &sessions {
        with_session(&pen, NAME, version, session, &[]);
        assert!(is_resumed(&with_session(&pen, NAME, version, session, &[])), "{version}");
    }
    pen.tell("require_client_cert");
    for (version, session) in &sessions {
        let ended = with_session(&pen, NAME, version, session, &[]);
        assert!(!is_served(&ended), "{version}: {ended:?}");
    }
    pen.stop();
}

#[test]
fn who_was_let_in_under_a_name_does_not_come_back_under_another() {
    let echo = Backend::named("hello");
    let (root, own) = (Authority::new("root"), Authority::new("own"));
    let directory = tempfile::tempdir().unwrap();
    let names = directory.path().join("names");
    fs::create_dir(&names).unwrap();
    root.issue(&Order::server(NAME)).install(&names, NAME);
    let ca = names.join(format!("{NAME}.ca"));
    fs::copy(own.certificate(), &ca).unwrap();
    let pen = Pen::builder()
        .server(&echo)
        .tls(&root.issue(&Order::server("default")))
        .option(&format!("-G {}", root.certificate().display()))
        .option("-R")
        .command(&format!("ssl_sni_path {}", names.display()))
        .start();
    let somebody: Certificate = own.issue(&Order::client("somebody"));
    let (cert, key) = (somebody.leaf(), somebody.key());
    let shown = ["-cert", text(&cert), "-key", text(&key)];
    let sessions = VERSIONS.map(|version| (version, directory.path().join(version)));
    for (version, session) in &sessions {
        assert!(!is_resumed(&with_session(&pen, NAME, version, session, &shown)));
        assert!(is_resumed(&with_session(&pen, NAME, version, session, &shown)), "{version}");
        assert!(!is_served(&with_session(&pen, "default", version, session, &shown)), "{version}");
    }
    fs::remove_file(&ca).unwrap();
    hup(&pen, 1);
    for (version, session) in &sessions {
        assert!(!is_served(&with_session(&pen, NAME, version, session, &shown)), "{version}");
    }
    pen.stop();
}

/// Sends HUP, and waits until certificates were read for the `count`th time.
#[track_caller]
fn hup(pen: &Pen, count: usize) {
    pen.signal(Signal::SIGHUP);
    wait_until("certificates are read again", || {
        pen.stderr().matches("certificates were read again").count() == count
    });
}
