//! Servers that do what they like when they are checked, while others serve clients.

use std::io::Write;
use std::thread;
use std::time::Duration;

use pen_tests::{Backend, Family, Load, Pen, Stream, answering_512_bytes, wait_until};

use super::log::{lines, wait_for_line};

/// Clients are served while the server in slot 1 of another service behaves like this in its checks: it is found down for this
/// reason, the one that behaves stays up, and no client notices.
#[track_caller]
fn assert_harmless(check: &str, reason: &str, behave: impl Fn(&Stream) + Send + Sync + 'static) -> Pen {
    let (good, bad) = (answering_512_bytes(), Backend::serve(behave));
    let pen = Pen::builder()
        .server(&good)
        .command("health tcp interval 1 timeout 5")
        .command("service bad")
        .command(&format!("service bad server 0 address 127.0.0.1 port {}", bad.address().port()))
        .command(&format!("service bad health {check} interval 1 timeout 2 rise 1 fall 1"))
        .start();
    let load = Load::default();
    thread::scope(|scope| {
        scope.spawn(|| load.keep_up(|| Some(pen.address().clone())));
        wait_for_line(&pen, &format!("server 0 of bad ({bad}) is down: {reason}"));
        let checked = bad.total();
        wait_until("it was checked twice more", || bad.total() >= checked + 2);
        load.stop();
    });
    assert!(load.done() > 0);
    assert_eq!((load.failed(), lines(&pen, " is down").len()), (0, 1));
    pen
}

/// Says this again and again until the client has gone.
fn repeat(client: &Stream, words: &[u8]) {
    while { client }.write_all(words).is_ok() {}
}

#[test]
fn garbage_for_ever() {
    let memory = |pen: &Pen| pen.process().allocated();
    for (check, reason) in [
        ("http /", "http check: "),
        ("expect x", "expect check: "),
        ("rdp", "rdp check: "),
        ("tls", "tls check: TLS handshake: "),
    ] {
        let pen = assert_harmless(check, reason, |client| repeat(client, &[b'g'; 8192]));
        assert!(memory(&pen) < 64 * 1024, "{} KiB", memory(&pen));
        pen.stop();
    }
}

#[test]
fn a_head_without_end() {
    assert_harmless("http /", "http check: ", |client| {
        let _ = { client }.write_all(b"HTTP/1.1 200 OK\r\n");
        repeat(client, b"X-More: yes\r\n");
    });
}

#[test]
fn slow_bytes() {
    assert_harmless("http /", "http check: ", |client| {
        client.patience(Duration::from_millis(50));
        let mut words = b"HTTP/1.1 200 OK\r\nX: ".iter().copied().chain(std::iter::repeat(b'x'));
        // The client says nothing after its request, so that each read takes all the patience there is.
        while { client }.write_all(&[words.next().expect("it is endless")]).is_ok() {
            let _ = std::io::Read::read(&mut { client }, &mut [0; 4096]);
        }
    });
}

#[test]
fn silence() {
    for check in ["http /", "tls", "rdp", "expect x"] {
        assert_harmless(check, "", |client| {
            client.drain();
        })
        .stop();
    }
}

#[test]
fn resets() {
    assert_harmless("http /", "http check: ", |client| {
        client.reset_on_close();
    });
}

#[test]
fn a_peer_that_reads_nothing() {
    let text = "x".repeat(3000);
    assert_harmless(&format!("send \"{text}\" expect y"), "expect check: ", |client| {
        client.small_receive_buffer();
        while { client }.write_all(b"").is_ok() && client.peer().is_some() {
            thread::park_timeout(Duration::from_millis(20));
            if client.socket().take_error().is_ok_and(|error| error.is_some()) {
                return;
            }
        }
    });
}

#[test]
fn an_agent_that_says_garbage_for_ever() {
    let (server, agent) = (answering_512_bytes(), Backend::serve(|client| repeat(client, &[b'g'; 8192])));
    let pen = Pen::builder()
        .server(&server)
        .command(&format!("health agent {} interval 1 timeout 2", agent.address().port()))
        .start();
    wait_for_line(&pen, "does not answer: ");
    let load = Load::run(pen.address(), 200, 4);
    assert_eq!((load.done(), load.failed()), (200, 0));
    pen.stop();
}

#[test]
fn services_whose_servers_hang_do_not_hold_up_the_checks_of_others() {
    let hanging = Backend::silent();
    let well = Backend::silent_on(Family::Tcp4);
    let mut builder = Pen::builder().server(&well);
    for service in 0..3 {
        builder = builder.command(&format!("service hang{service}"));
        for slot in 0..120 {
            let port = hanging.address().port();
            builder = builder
                .command(&format!("service hang{service} server {slot} address 127.0.0.1 port {port}"));
        }
        builder = builder
            .command(&format!("service hang{service} health expect x interval 1 timeout 3600 rise 1 fall 1"));
    }
    let pen = builder.start();
    wait_until("many hang", || hanging.current() > 150);
    pen.tell("health tcp interval 1 timeout 5 rise 1 fall 1");
    wait_until("the other is checked", || well.total() > 2);
    assert!(hanging.peak() < 256);
    pen.stop();
}

#[test]
fn servers_that_hang_take_no_descriptors_from_clients_and_that_checks_wait_is_told_once() {
    let (good, hanging) = (answering_512_bytes(), Backend::silent());
    let mut builder = Pen::builder().under(["prlimit", "--nofile=100"]).server(&good).command("service bad");
    for slot in 0..100 {
        let port = hanging.address().port();
        builder = builder.command(&format!("service bad server {slot} address 127.0.0.1 port {port}"));
    }
    let pen = builder.command("service bad health expect x interval 1 timeout 3600").start();
    wait_for_line(&pen, "checks of servers wait: pen lacks descriptors, ports, processes or memory for them");
    wait_until("some hang", || hanging.current() > 5);
    let load = Load::run(pen.address(), 200, 2);
    assert_eq!((load.done(), load.failed()), (200, 0));
    assert!(hanging.peak() < 50, "{}", hanging.peak());
    assert_eq!(lines(&pen, "checks of servers wait").len(), 1);
    pen.stop();
}
