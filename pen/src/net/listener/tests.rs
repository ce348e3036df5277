use super::*;

const ID: ListenerId = ListenerId(1);

fn listening() -> Listening {
    let inherited = Inherited { keepalive: false, nodelay: false };
    let options = TcpOptions { backlog: 50, only_v6: false, inherited };
    let socket = ListenSocket::tcp("127.0.0.1:0".parse().unwrap(), options).unwrap();
    socket.set_options(options).unwrap();
    Listening::new(ID, ServiceIndex(0), Arc::new(socket))
}

#[test]
fn errors_of_accept_say_whether_the_next_client_may_be_fine() {
    let table = [
        (Errno::EAGAIN, AcceptTrouble::NobodyWaits),
        (Errno::ECONNABORTED, AcceptTrouble::PeerIsGone),
        (Errno::EINTR, AcceptTrouble::PeerIsGone),
        (Errno::EPROTO, AcceptTrouble::PeerIsGone),
        (Errno::ENETUNREACH, AcceptTrouble::PeerIsGone),
        (Errno::EPERM, AcceptTrouble::PeerIsGone),
        (Errno::EMFILE, AcceptTrouble::Shortage),
        (Errno::ENFILE, AcceptTrouble::Shortage),
        (Errno::ENOBUFS, AcceptTrouble::Shortage),
        (Errno::ENOMEM, AcceptTrouble::Shortage),
        (Errno::EINVAL, AcceptTrouble::Shortage),
    ];
    for (errno, trouble) in table {
        assert_eq!(AcceptTrouble::from(&io::Error::from(errno)), trouble, "{errno}");
    }
}

#[test]
fn an_empty_queue_has_nobody_who_waits() {
    let error = listening().socket.accept().unwrap_err();
    assert_eq!(AcceptTrouble::from(&error), AcceptTrouble::NobodyWaits);
}

#[test]
fn a_new_listener_looks_for_clients_at_once() {
    assert!(listening().can_accept());
}

#[test]
fn nobody_is_accepted_while_there_is_no_room() {
    let mut listening = listening();
    listening.waits_for_room = true;
    assert!(!listening.can_accept());
    listening.waits_for_room = false;
    assert!(listening.can_accept());
}

#[test]
fn a_pause_ends_at_its_time() {
    let mut listening = listening();
    listening.pause(Tick(100));
    assert!(!listening.can_accept());
    listening.resume(Tick(99));
    assert!(!listening.can_accept());
    listening.resume(Tick(100));
    assert!(listening.can_accept());
}

#[test]
fn a_closing_listener_is_finished_when_its_queue_was_seen_empty() {
    let mut listening = listening();
    listening.ready = false;
    assert!(!listening.finished());
    listening.close_when_empty();
    assert!(!listening.finished() && listening.can_accept());
    listening.ready = false;
    assert!(listening.finished());
}

#[test]
fn a_probe_finds_a_free_port_and_leaves_it_free() {
    let inherited = Inherited { keepalive: false, nodelay: false };
    let options = TcpOptions { backlog: 50, only_v6: false, inherited };
    let address = ListenSocket::probe("127.0.0.1:0".parse().unwrap(), options).unwrap();
    assert_ne!(address.port(), 0);
    assert_eq!(std::net::TcpListener::bind(address).unwrap().local_addr().unwrap(), address);
}

#[test]
fn a_socket_names_its_place() {
    let listening = listening();
    assert_eq!(listening.socket.to_string(), listening.socket.local_address().unwrap().to_string());
}
