//! The commands: their answers by our penctl, by the penctl of pen 0.34.1, and on the wire; and what they do.

use std::fs;
use std::process::Output;

use pen_tests::{Address, Backend, End, Family, Manual, Pen, Stream, private_address, program, wait_until};

/// Commands in order, and their exact answers in a pen that listens at `LISTEN`, and has two servers at port 1.
const DIALOGUE: &[(&str, &str)] = &[
    ("mode", "no hash no roundrobin no stubborn no weight no prio\n"),
    ("hash", ""),
    ("roundrobin", ""),
    ("stubborn", ""),
    ("weight", ""),
    ("prio", ""),
    ("mode", "hash roundrobin stubborn weight prio\n"),
    ("no hash", ""),
    ("no roundrobin", ""),
    ("no stubborn", ""),
    ("no weight", ""),
    ("no prio", ""),
    ("mode", "no hash no roundrobin no stubborn no weight no prio\n"),
    (
        "servers",
        concat!(
            "0 addr 127.0.0.1 port 1 conn 0 max 0 hard 0 weight 0 prio 0 sx 0 rx 0\n",
            "1 addr 127.0.0.2 port 1 conn 0 max 0 hard 0 weight 0 prio 0 sx 0 rx 0\n",
        ),
    ),
    ("server 1 max 7 hard 9 weight 3 prio 2", ""),
    ("server 0 address 127.0.0.3 port 2", ""),
    (
        "servers",
        concat!(
            "0 addr 127.0.0.3 port 2 conn 0 max 0 hard 0 weight 0 prio 0 sx 0 rx 0\n",
            "1 addr 127.0.0.2 port 1 conn 0 max 7 hard 9 weight 3 prio 2 sx 0 rx 0\n",
        ),
    ),
    ("server 0 acl 4", ""),
    ("server 0 acl 0", ""),
    ("server 0 blacklist 5", ""),
    ("server 0 blacklist 0", ""),
    ("blacklist", "30\n"),
    ("blacklist 12", "12\n"),
    ("blacklist", "12\n"),
    ("timeout 8", "8\n"),
    ("timeout", "8\n"),
    ("tracking", "0\n"),
    ("tracking 60", "60\n"),
    ("tracking", "60\n"),
    ("idle_timeout", "Idle timeout: 0 seconds\n"),
    ("idle_timeout 90", "Idle timeout: 90 seconds\n"),
    ("clients_max", "2048\n"),
    ("clients_max 3000", "3000\n"),
    ("conn_max", "500\n"),
    ("conn_max 600", "600\n"),
    ("acl 1 permit 10.0.0.0 255.0.0.0", ""),
    ("acl 1 deny 10.1.2.3", ""),
    ("no acl 1", ""),
    ("client_acl", "0\n"),
    ("client_acl 1", "1\n"),
    ("client_acl", "1\n"),
    ("client_acl 0", "0\n"),
    ("client_acl", "0\n"),
    ("acl 2 permit 2001:db8::/32", ""),
    ("no acl 2", ""),
    ("control_acl", "0\n"),
    ("control_acl 3", "3\n"),
    ("control_acl", "3\n"),
    ("control_acl 0", "0\n"),
    ("listen", "LISTEN\n"),
    ("control", "CONTROL\n"),
    ("pid", "PID\n"),
    ("recent", ""),
    ("recent 10", ""),
    (
        "connection 0",
        concat!(
            "Connection 0:\n",
            "state = 0\n",
            "downfd = -1, upfd = -1\n",
            "client = 0, server = 0\n",
            "pend = 0\n",
        ),
    ),
    ("connection 600", "Connection 600 out of range\n"),
    ("connection 99999", "Connection 99999 out of range\n"),
    ("close 0", "Forcibly closing connection 0\n"),
    ("close 600", "Connection 600 out of range\n"),
    ("close 99999", "Connection 99999 out of range\n"),
    ("socket 9999", "Socket 9999 belongs to connection -1\n"),
    ("debug", "0\n"),
    ("debug 1", "1\n"),
    ("debug 0", "0\n"),
    ("exit", "Exit is not enabled; restart with -X flag\n"),
    ("nonsense", "do_cmd: ignoring command starting with 'nonsense'\n"),
    ("nonsense with words", "do_cmd: ignoring command starting with 'nonsense'\n"),
    ("# blacklist 99", ""),
    ("tcp_nodelay", ""),
    ("no tcp_nodelay", ""),
    ("tcp_fastclose up", ""),
    ("tcp_fastclose down", ""),
    ("tcp_fastclose both", ""),
    ("tcp_fastclose off", ""),
    ("keepalive", ""),
    ("source 127.0.0.1", ""),
    ("pending_max 50", ""),
    ("idlers", "Idlers: 0/0\n"),
    ("idle_timeout", "Idle timeout: 90 seconds\n"),
    ("conn_max 10", "600\n"),
    ("clients_max 10", "3000\n"),
    ("web_stats", ""),
    ("web_stats stats.html", "stats.html\n"),
    ("web_stats", "stats.html\n"),
    ("no web_stats", ""),
    ("web_stats", ""),
    ("log", ""),
    ("log requests.log", "requests.log\n"),
    ("log", "requests.log\n"),
    ("no log", ""),
    ("log", ""),
    ("ascii", ""),
    ("no ascii", ""),
    ("dummy", ""),
    ("no dummy", ""),
    ("abort_on_error", ""),
    ("epoll", ""),
    ("no epoll", ""),
    ("kqueue", ""),
    ("poll", ""),
    ("select", ""),
    ("no block", ""),
    ("no delayed_forward", ""),
    ("http", ""),
    ("no http", ""),
    ("ssl_client_renegotiation_interval 5", ""),
    ("ssl_option no_tlsv1.2", ""),
    ("no ssl_option", ""),
    ("no transparent", ""),
    ("no udp", ""),
];

/// Commands that pen 0.34.1 does not know, or answers in another way. `FILE` holds `timeout 9`.
const OURS: &[(&str, &str)] = &[
    ("no server 0", ""),
    (
        "servers",
        concat!(
            "0 addr 0.0.0.0 port 0 conn 0 max 0 hard 0 weight 0 prio 0 sx 0 rx 0\n",
            "1 addr 127.0.0.2 port 1 conn 0 max 7 hard 9 weight 3 prio 2 sx 0 rx 0\n",
        ),
    ),
    ("pending_max", "50\n"),
    ("pending_max 7", ""),
    ("pending_max", "7\n"),
    ("connections", ""),
    ("listen LISTEN", "LISTEN\n"),
    ("include FILE", ""),
    ("timeout", "9\n"),
    ("abuse 127.0.0.1:7", ""),
    ("no abuse", ""),
    ("emergency 127.0.0.1:7", ""),
    ("no emergency", ""),
    ("no source", ""),
    ("no keepalive", ""),
    ("backlog 600", ""),
    ("multi_accept 50", ""),
    ("shutdown_timeout 3", ""),
    ("web_stats page.html", "page.html\n"),
    ("no web_stats", ""),
    ("proxy_protocol accept 3", ""),
    ("proxy_protocol send-v2", ""),
    ("no proxy_protocol accept", ""),
    ("no proxy_protocol", ""),
    ("tls_protocol", "ssl23\n"),
    ("tls_protocol tls1", "tls1\n"),
    ("tls_protocol ssl23", "ssl23\n"),
    ("tls_alpn", ""),
    ("tls_alpn h2, http/1.1", ""),
    ("tls_alpn", "h2,http/1.1\n"),
    ("no tls_alpn", ""),
    ("ssl_ciphers", ""),
    ("ssl_ciphers HIGH", ""),
    ("ssl_ciphers", "HIGH\n"),
    ("no ssl_ciphers", ""),
    ("tls_cert", ""),
    ("no tls_cert", ""),
    ("tls_key", ""),
    ("no tls_key", ""),
    ("tls_ca_file", ""),
    ("no tls_ca_file", ""),
    ("tls_ca_dir", ""),
    ("no tls_ca_dir", ""),
    ("ssl_sni_path", ""),
    ("no ssl_sni_path", ""),
    ("ssl_ocsp_response", ""),
    ("no ssl_ocsp_response", ""),
    ("no require_client_cert", ""),
    ("drain 1", ""),
    ("maint 1", ""),
    ("no drain 1", ""),
    ("no maint 1", ""),
    ("fail_open", ""),
    ("no fail_open", ""),
    ("slow_start", "0\n"),
    ("slow_start 60", ""),
    ("slow_start", "60\n"),
    ("health http / status 200-204 body \"all is \\\"well\\\"\" interval 60", ""),
    ("health agent 9 interval 60", ""),
    ("no health agent", ""),
    ("health tcp interval 60", ""),
    ("no health", ""),
    ("peek rdp fold", ""),
    ("peek sni", ""),
    ("no peek", ""),
];

/// Asks a whole dialogue with `ask`, and collects what is answered otherwise.
#[track_caller]
fn expect_dialogue(pen: &Pen, dialogue: &[&[(&str, &str)]], ask: impl Fn(&str) -> String) {
    let file = pen.directory().join("commands");
    fs::write(&file, "timeout 9\n").unwrap();
    let in_place = |text: &str| {
        text.replace("LISTEN", &pen.address().to_string())
            .replace("CONTROL", &pen.control_address().to_string())
            .replace("PID", &pen.process().0.to_string())
            .replace("FILE", &file.display().to_string())
    };
    let mut complaints = Vec::new();
    for (command, expected) in dialogue.concat() {
        let (command, expected) = (in_place(command), in_place(expected));
        let answer = ask(&command);
        if answer != expected {
            complaints.push(format!("{command}: expected {expected:?}, got {answer:?}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What our penctl prints; its exit status must tell whether pen did the command.
#[track_caller]
fn printed_by_ours(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_refusal = text.starts_with("do_cmd: ignoring command")
        || text.starts_with("Exit is not enabled")
        || text.ends_with(" out of range\n");
    let expected = i32::from(is_refusal);
    assert_eq!(output.status.code(), Some(expected), "{output:?}");
    text
}

#[test]
fn every_command_is_answered_exactly_on_the_wire() {
    let pen = Pen::builder().two_dead_servers().option("-t 5").start();
    expect_dialogue(&pen, &[DIALOGUE, OURS], |command| pen.ask(command));
}

#[test]
fn every_command_is_answered_exactly_through_our_penctl() {
    let pen = Pen::builder().two_dead_servers().option("-t 5").start();
    expect_dialogue(&pen, &[DIALOGUE, OURS], |command| printed_by_ours(&pen.penctl(command)));
}

#[test]
fn every_command_is_answered_exactly_through_the_old_penctl() {
    let pen = Pen::builder().two_dead_servers().option("-t 5").start();
    expect_dialogue(&pen, &[DIALOGUE, OURS], |command| printed(&pen.old_penctl(command)));
}

#[test]
fn our_penctl_drives_the_old_pen() {
    let pen = Pen::builder().two_dead_servers().option("-t 5").program(program::old_pen()).start();
    expect_dialogue(&pen, &[DIALOGUE], |command| printed_by_ours(&pen.penctl(command)));
}

#[test]
fn penctl_works_over_tcp_with_either_program_on_the_other_end() {
    let control = Address::Ip(private_address());
    let pen = Pen::builder().two_dead_servers().option("-t 5").control_at(control).start();
    assert_eq!(printed_by_ours(&pen.penctl("blacklist")), "30\n");
    assert_eq!(printed(&pen.old_penctl("blacklist")), "30\n");
}

#[test]
fn programs_check_servers_for_the_control_socket_and_not_over_tcp() {
    let socket = Pen::builder().two_dead_servers().start();
    assert_eq!(socket.ask("health exec \"exit 0\""), "");
    wait_until("a program has found them well", || socket.ask("status json").contains("\"passed\":1"));

    let control = Address::Ip(private_address());
    let tcp = Pen::builder().two_dead_servers().control_at(control).start();
    let refused = "error: 'health exec' is refused over TCP, where any local user may ask: use a control socket, or the -F file\n";
    for command in ["health exec \"exit 0\"", "health exec true", "service default health exec true rise 1"] {
        assert_eq!(tcp.ask(command), refused, "{command}");
    }
    assert_eq!(tcp.ask("health tcp interval 60"), "");
}

#[test]
fn the_answers_about_an_open_connection_are_those_of_the_old_pen() {
    let server = Backend::holding("a");
    let pen = Pen::builder().servers([&server]).start();
    let (_, held) = pen.hold_from(1);
    let answer = pen.ask("connection 0");
    let lines: Vec<_> = answer.lines().collect();
    assert_eq!(
        (lines[0], lines[1], lines[3]),
        ("Connection 0:", "state = 2", "client = 0, server = 0"),
        "{answer}"
    );
    let (down, up) = lines[2].split_once(", ").unwrap();
    for (text, label) in [(down, "downfd = "), (up, "upfd = ")] {
        let descriptor = text.strip_prefix(label).unwrap();
        assert_eq!(
            pen.ask(&format!("socket {descriptor}")),
            format!("Socket {descriptor} belongs to connection 0\n")
        );
    }
    assert_eq!(pen.ask("connections").lines().count(), 1);
    held.finish();
    held.drain();
    wait_until("the connection is gone", || pen.ask("connection 0").contains("state = 0"));
    assert_eq!(pen.ask("connections"), "");
}

#[test]
fn the_state_of_a_half_closed_connection_is_that_of_the_old_pen() {
    for program in [program::old_pen(), program::pen()] {
        let server = Manual::on(Family::Tcp4);
        let pen = Pen::builder().program(program).servers([&server.backend]).start();
        let state = |number: u32| {
            let answer = pen.ask("connection 0");
            answer.lines().nth(1) == Some(&format!("state = {number}"))
        };
        let client = pen.connect();
        let other = server.accept();
        wait_until("the connection is open", || state(2));
        client.finish();
        wait_until("the client has closed its half", || state(2 + 8));
        drop((client, other));
        wait_until("the connection is gone", || state(0));
        let client = pen.connect();
        let other = server.accept();
        other.finish();
        wait_until("the server has closed its half", || state(2 + 4));
        drop((client, other));
        wait_until("the connection is gone", || state(0));
    }
}

#[test]
fn recent_tells_what_each_client_sent_and_got() {
    let echo = Backend::echo();
    let pen = Pen::builder().servers([&echo]).start();
    let client = pen.connect_from(9);
    client.send("twelve bytes");
    client.finish();
    assert_eq!(client.drain().bytes.len(), 12);
    pen.wait_until_idle();
    assert_eq!(pen.ask("recent"), "127.0.0.9 connects 1 sx 12 rx 12\n");
    let row = &pen.servers()[0];
    assert_eq!((row.sx, row.rx), (12, 12));
}

#[test]
fn a_server_in_a_far_slot_leaves_empty_slots_between() {
    let pen = Pen::builder().two_dead_servers().option("-t 5").start();
    pen.tell("server 4 address 127.0.0.5 port 5");
    let servers = pen.servers();
    let slots: Vec<_> = servers.iter().map(|row| (row.slot, row.addr.as_str(), row.port)).collect();
    let empty = |slot| (slot, "0.0.0.0", 0);
    assert_eq!(slots, [(0, "127.0.0.1", 1), (1, "127.0.0.2", 1), empty(2), empty(3), (4, "127.0.0.5", 5)]);
    pen.tell("server 0 address 0.0.0.0");
    assert_eq!(pen.servers()[0].addr, "0.0.0.0");
}

#[test]
fn help_names_every_command_and_explains_one() {
    let pen = Pen::builder().two_dead_servers().option("-t 5").start();
    let help = pen.ask("help");
    for command in ["servers", "blacklist", "tcp_fastclose", "listen", "no "] {
        assert!(help.contains(command), "{command} in {help}");
    }
    assert!(pen.ask("help blacklist").contains("blacklist"));
    assert!(pen.ask("help nonsense").starts_with("error: "));
}

#[test]
fn exit_ends_a_pen_that_allows_it() {
    let pen = Pen::builder().two_dead_servers().option("-t 5").option("-X").start();
    let _ = pen.try_ask("exit");
    assert_eq!(pen.wait().code, Some(0));
}

#[test]
fn listen_moves_the_listener_and_keeps_open_connections() {
    let server = Backend::holding("a");
    let pen = Pen::builder().servers([&server]).start();
    let (_, held) = pen.hold_from(1);
    let elsewhere = Address::Ip(private_address());
    assert_eq!(pen.ask(&format!("listen {elsewhere}")), format!("{elsewhere}\n"));
    assert_eq!(pen.ask("listen"), format!("{elsewhere}\n"));
    assert_eq!(Stream::connect(&elsewhere).unwrap().line(), "a");
    wait_until("the old address is closed", || Stream::connect(pen.address()).is_err());
    held.finish();
    assert_eq!(held.drain().end, End::Eof);
}

#[test]
fn listen_on_a_taken_address_leaves_everything_as_it_was() {
    let web = Backend::named("a");
    let taken = Backend::named("other");
    let pen = Pen::builder().servers([&web]).start();
    let elsewhere = private_address();
    assert!(pen.ask(&format!("listen {elsewhere} {taken}")).starts_with("error: "));
    assert_eq!(pen.ask("listen"), format!("{}\n", pen.address()));
    assert_eq!(pen.get(), "a");
    assert!(Stream::connect(&elsewhere.into()).is_err(), "nothing was opened");
}

#[test]
fn pen_listens_on_several_addresses_of_several_kinds() {
    let web = Backend::named("a");
    let pen = Pen::builder().servers([&web]).start();
    let addresses = Family::ALL.map(|family| Address::unused(family, pen.directory()));
    let words = addresses.each_ref().map(ToString::to_string).join(" ");
    pen.ask(&format!("listen {words}"));
    assert_eq!(pen.ask("listen").split_whitespace().collect::<Vec<_>>().join(" "), words);
    for address in &addresses {
        assert_eq!(Stream::connect(address).unwrap().drain().text(), "a", "{address}");
    }
}

#[test]
fn status_is_html_by_default_and_text_on_demand() {
    let pen = Pen::builder().two_dead_servers().option("-t 5").start();
    let page = pen.ask("status");
    assert!(page.contains("<title>Pen status page") && page.contains("2 servers"), "{page}");
    assert!(printed(&pen.old_penctl("status")).contains("2 servers"), "the old penctl gets it too");
    let text = pen.ask("status text");
    assert!(text.contains("127.0.0.2") && text.contains("up") && !text.contains('<'), "{text}");
}

#[test]
fn conn_max_grown_live_serves_more_at_once() {
    let server = Backend::holding("a");
    let pen = Pen::builder().servers([&server]).option("-x 1").option("-r").start();
    let _first = pen.hold_from(1);
    let waiting = pen.connect();
    pen.ask("conn_max 2");
    assert_eq!(waiting.line(), "a");
    assert_eq!(pen.ask("conn_max 1"), "2\n", "it never shrinks");
}
