//! Certificates by the name of the server that a client asks for.

use std::fs;

use nix::sys::signal::Signal;
use pen_tests::{Authority, Backend, Order, Pen, wait_until};

use super::seen::{NAME, subject, subject_of, visit};

#[test]
fn the_name_that_a_client_asks_for_chooses_the_certificate() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let directory = tempfile::tempdir().unwrap();
    let install = |name: &str, file: &str| {
        root.issue(&Order::server(name)).install(directory.path(), file);
    };
    install(NAME, NAME);
    install("any.example.com", "_.example.com");
    install("upper.example.org", "Upper.Example.org");
    let pen = Pen::builder()
        .server(&echo)
        .tls(&root.issue(&Order::server("default")))
        .command(&format!("ssl_sni_path {}", directory.path().display()))
        .start();
    for (asked, got) in [
        (NAME, NAME),
        ("WWW.Example.COM", NAME),
        ("a.example.com", "any.example.com"),
        ("upper.example.org", "upper.example.org"),
        ("example.com", "default"),
        ("a.b.example.com", "default"),
        ("elsewhere.example", "default"),
    ] {
        assert_eq!(subject(&pen, asked), got, "{asked}");
    }
    let nameless = pen_tests::clients::s_client(pen.address(), &["-noservername"], b"");
    assert_eq!(subject_of(&nameless), "default");
    // It is read at start and on HUP only.
    install("new.example.org", "new.example.org");
    fs::remove_file(directory.path().join(format!("{NAME}.crt"))).unwrap();
    assert_eq!((subject(&pen, "new.example.org"), subject(&pen, NAME)), ("default".into(), NAME.into()));
    pen.signal(Signal::SIGHUP);
    wait_until("the new name is known", || subject(&pen, "new.example.org") == "new.example.org");
    assert_eq!(subject(&pen, NAME), "any.example.com");
    pen.stop();
}

#[test]
fn a_bad_file_among_the_names_is_refused_at_start_and_ignored_with_the_rest_at_hup() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let directory = tempfile::tempdir().unwrap();
    root.issue(&Order::server(NAME)).install(directory.path(), NAME);
    let bad = directory.path().join("bad.example.crt");
    let start = || {
        Pen::builder()
            .server(&echo)
            .tls(&root.issue(&Order::server("default")))
            .command(&format!("ssl_sni_path {}", directory.path().display()))
    };
    let pen = start().start();
    root.issue(&Order::server("renewed")).install(directory.path(), NAME);
    fs::write(&bad, "").unwrap();
    pen.signal(Signal::SIGHUP);
    let expected = format!("ssl_sni_path {}: it is empty", bad.display());
    wait_until("the bad file is told", || pen.stderr().contains(&expected));
    assert!(!pen.stderr().contains("read again"), "{}", pen.stderr());
    assert_eq!(subject(&pen, NAME), NAME);
    let Err(ended) = start().start_in_background() else { panic!("it starts with a bad file") };
    assert_eq!((ended.code, ended.stderr), (Some(1), format!("pen: {expected}\n")));
    fs::remove_file(&bad).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the names are read", || subject(&pen, NAME) == "renewed");
    pen.stop();
}

#[test]
fn a_names_own_authorities_complete_its_chain() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let issuer = root.intermediate("issuer");
    let site = issuer.issue(&Order::server(NAME));
    let directory = tempfile::tempdir().unwrap();
    let file = |ending: &str| directory.path().join(format!("{NAME}.{ending}"));
    fs::copy(site.leaf(), file("crt")).unwrap();
    fs::copy(site.key(), file("key")).unwrap();
    fs::copy(issuer.certificate(), file("ca")).unwrap();
    let pen = Pen::builder()
        .server(&echo)
        .tls(&root.issue(&Order::server("default")))
        .command(&format!("ssl_sni_path {}", directory.path().display()))
        .start();
    let ended = visit(&pen, NAME, &["-CAfile", &root.certificate().display().to_string()]);
    assert!(ended.stdout.contains("Verify return code: 0 (ok)"), "{ended:?}");
    pen.stop();
}
