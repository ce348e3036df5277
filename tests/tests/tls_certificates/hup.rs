//! Certificates that are read again while clients come and go.

use std::fs;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::sys::signal::Signal;
use pen_tests::tls::trusting;
use pen_tests::{Authority, Backend, Order, Pen, TlsStream, wait_until};

use super::seen::{NAME, subject};

#[test]
fn hups_under_load_drop_no_connection() {
    let echo = Backend::echo();
    let root = Authority::new("root");
    let directory = tempfile::tempdir().unwrap();
    let cert = directory.path().join("site.pem");
    let sites = [0, 1].map(|_| root.issue(&Order::server(NAME)).pem());
    fs::copy(&sites[0], &cert).unwrap();
    let builder = Pen::builder().server(&echo).option(&format!("-E {}", cert.display()));
    let pen = builder.command("threads 2").start();
    let config = trusting(&root);
    let connect = || TlsStream::over(pen.connect(), NAME, &config).unwrap();
    let exchange = |client: &mut TlsStream| {
        let mut answer = [0; 64];
        client.write_all(&[b'q'; 64]).and_then(|()| client.read_exact(&mut answer))
    };
    let mut held = connect();
    exchange(&mut held).unwrap();
    let (served, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let read_again = || pen.stderr().matches("certificates were read again").count();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stopped.load(Ordering::Relaxed) {
                    exchange(&mut connect()).expect("the exchange succeeds");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 1..=30 {
            let new = directory.path().join("new.pem");
            fs::copy(&sites[round % 2], &new).unwrap();
            fs::rename(&new, &cert).unwrap();
            let before = served.load(Ordering::Relaxed);
            pen.signal(Signal::SIGHUP);
            wait_until("clients are served and certificates read", || {
                served.load(Ordering::Relaxed) > before + 4 && read_again() >= round
            });
        }
        stopped.store(true, Ordering::Relaxed);
    });
    exchange(&mut held).expect("a connection from before lives on");
    drop(held);
    pen.wait_until_idle();
    pen.stop();
}

#[test]
fn a_new_certificate_is_served_after_hup_and_a_bad_one_leaves_the_old() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let directory = tempfile::tempdir().unwrap();
    let cert = directory.path().join("site.pem");
    fs::copy(root.issue(&Order::server("first")).pem(), &cert).unwrap();
    let config = format!("tls_cert {}\nblacklist 7\n", cert.display());
    let pen = Pen::builder().server(&echo).config(&config).start();
    assert_eq!(subject(&pen, NAME), "first");
    fs::write(&cert, "nonsense").unwrap();
    let file = pen.directory().join("pen.cfg");
    fs::write(&file, config.replace("blacklist 7", "blacklist 8")).unwrap();
    pen.signal(Signal::SIGHUP);
    let error = format!("tls_cert {}: no certificate is in it: PEM is expected", cert.display());
    wait_until("the bad file is told", || {
        pen.stderr().contains(&format!("{error}; the certificates stay as they were"))
    });
    assert_eq!(subject(&pen, NAME), "first");
    assert_eq!(pen.ask("blacklist"), "8\n", "what else the file says is in force");
    fs::copy(root.issue(&Order::server("second")).pem(), &cert).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the new certificate is served", || subject(&pen, NAME) == "second");
    wait_until("that is told", || pen.stderr().contains("certificates were read again"));
    assert_eq!(pen.stderr().matches("certificates were read again").count(), 1);

    // A file that names a bad one is refused as a whole.
    let bad = directory.path().join("bad.pem");
    fs::write(&bad, "").unwrap();
    fs::write(&file, format!("tls_cert {}\nblacklist 9\n", bad.display())).unwrap();
    pen.signal(Signal::SIGHUP);
    let expected =
        format!("{}: tls_cert {}: it is empty; nothing was changed", file.display(), bad.display());
    wait_until("the file is refused", || pen.stderr().contains(&expected));
    assert_eq!((subject(&pen, NAME), pen.ask("blacklist")), ("second".into(), "8\n".into()));
    // And one that names another good one is read only once.
    fs::copy(root.issue(&Order::server("third")).pem(), &bad).unwrap();
    pen.signal(Signal::SIGHUP);
    wait_until("the third certificate is served", || subject(&pen, NAME) == "third");
    pen.stop();
}
