//! Unix sockets for datagrams, to listen on.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::path::Path;

use pen_tests::{Address, Backend, Family, LIMIT, Pen, PenBuilder, UdpBackend, is_root, run, wait_until};

fn before(server: &UdpBackend) -> PenBuilder {
    Pen::builder().udp().listen_on(Family::Unix).server(server)
}

fn path(pen: &Pen) -> &Path {
    match pen.address() {
        Address::Unix(path) => path,
        Address::Ip(address) => panic!("{address} is no path"),
    }
}

fn answer(client: &UnixDatagram) -> Vec<u8> {
    client.set_read_timeout(Some(LIMIT)).unwrap();
    let mut bytes = vec![0; 1000];
    let length = client.recv(&mut bytes).expect("an answer comes");
    bytes.truncate(length);
    bytes
}

#[test]
fn clients_with_a_name_of_either_kind_get_answers() {
    let server = UdpBackend::echo();
    let pen = before(&server).start();
    let named = pen.udp_client();
    assert_eq!((named.ask("one"), named.ask("two")), (b"one".to_vec(), b"two".to_vec()));
    let name = format!("pen-tests-{}", std::process::id());
    let abstract_name = SocketAddr::from_abstract_name(name).unwrap();
    let client = UnixDatagram::bind_addr(&abstract_name).unwrap();
    client.send_to(b"three", path(&pen)).unwrap();
    assert_eq!(answer(&client), b"three");
    assert_eq!(pen.ask("recent").lines().count(), 1, "clients of Unix sockets are one client");
    pen.stop();
}

#[test]
fn clients_without_a_name_are_served_and_cannot_be_answered() {
    let server = UdpBackend::echo();
    let pen = before(&server).start();
    for number in 0..20 {
        let client = UnixDatagram::unbound().unwrap();
        client.send_to(format!("message {number}").as_bytes(), path(&pen)).unwrap();
    }
    server.wait_for(20);
    let messages: Vec<_> = (0..20).map(|number| format!("message {number}").into_bytes()).collect();
    assert_eq!(server.datagrams(), messages, "in their order");
    assert_eq!(pen.udp_client().ask("?"), b"?");
    assert!(!pen.ask("servers").contains("blacklist"));
    pen.stop();
}

#[test]
fn a_stream_of_messages_is_spread_over_all_servers() {
    let (a, b) = (UdpBackend::silent(), UdpBackend::silent());
    let pen = Pen::builder()
        .udp()
        .listen_on(Family::Unix)
        .servers([&a, &b])
        .command("udp_requests 1")
        .command("threads 4")
        .start();
    let at = path(&pen).to_str().unwrap().to_owned();
    for number in 0..10 {
        run("logger", &["--socket", &at, "--socket-errors=on", "-t", "test", &format!("message {number}")]);
    }
    wait_until("all messages have come", || a.count() + b.count() == 10);
    assert_eq!((a.count(), b.count()), (5, 5));
    assert!(String::from_utf8_lossy(&a.datagrams()[0]).contains("test: message 0"));
    pen.stop();
}

#[test]
fn nothing_of_a_burst_is_lost() {
    let server = UdpBackend::silent();
    let pen = before(&server).command("threads 2").start();
    let at = path(&pen);
    let client = UnixDatagram::unbound().unwrap();
    for burst in 1..=25 {
        // More than pen's queue holds, so that the client waits; but no more than the server's does.
        (0..200).for_each(|number| _ = client.send_to(format!("{number}").as_bytes(), at).unwrap());
        server.wait_for(burst * 200);
    }
    pen.stop();
}

#[test]
fn the_file_is_pens_users_and_goes_with_pen() {
    let server = UdpBackend::echo();
    let builder = before(&server);
    let pen = if is_root() { builder.user("nobody") } else { builder }.start();
    let file = fs::symlink_metadata(path(&pen)).unwrap();
    assert!(file.file_type().is_socket());
    let streams = Backend::named("tcp");
    let other = Pen::builder().listen_on(Family::Unix).server(&streams);
    let other = if is_root() { other.user("nobody") } else { other }.start();
    let like = fs::symlink_metadata(path(&other)).unwrap();
    assert_eq!((file.uid(), file.permissions().mode()), (like.uid(), like.permissions().mode()));
    let path = path(&pen).to_owned();
    // The directory goes with the pen, but not before it.
    let directory = fs::File::open(pen.directory()).unwrap();
    pen.signal(nix::sys::signal::Signal::SIGTERM);
    wait_until("the file is gone", || !path.exists());
    drop(directory);
    other.stop();
}

#[test]
fn a_file_without_a_listener_is_replaced_and_one_with_is_an_error() {
    let server = UdpBackend::named("here");
    let builder = before(&server);
    let stale = builder.directory().join("stale");
    drop(UnixDatagram::bind(&stale).unwrap());
    let pen = builder.listen_at(Address::Unix(stale.clone())).start();
    assert_eq!(pen.udp_client().ask_for_text("?"), "here");
    let at = stale.to_str().unwrap();
    let expected = format!("pen: cannot listen on {at}: another process listens there\n");
    for mode in ["-fU", "-f"] {
        let ended = Pen::run([mode, at, &server.to_string()]);
        assert_eq!(ended.stderr, expected);
    }
    assert_eq!(pen.udp_client().ask_for_text("?"), "here");
    pen.stop();
}

#[test]
fn a_service_goes_over_from_connections_to_datagrams_at_one_file() {
    let udp = UdpBackend::named("udp");
    let tcp = Backend::serve_at(udp.address(), |client| {
        client.send("tcp");
        client.finish();
        client.drain();
    });
    let pen = Pen::builder().listen_on(Family::Unix).server(&tcp).start();
    let files = || fs::read_dir(path(&pen).parent().unwrap()).unwrap().count();
    let before = files();
    for _ in 0..3 {
        assert_eq!(pen.get(), "tcp");
        let _stays = UnixStream::connect(path(&pen)).unwrap();
        pen.tell("udp");
        assert_eq!(pen.udp_client().ask_for_text("?"), "udp");
        assert!(UnixStream::connect(path(&pen)).is_err());
        assert!(pen.ask("listen 192.0.2.1:1").starts_with("error: "));
        assert_eq!(pen.udp_client().ask_for_text("?"), "udp");
        pen.tell("no udp");
        assert_eq!(files(), before);
    }
    pen.stop();
}
