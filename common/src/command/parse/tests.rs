//! Tests of [`super`]: every right form. `errors` has the wrong ones.

mod errors;
mod examples;
mod health;

use proptest::prelude::*;

use super::super::typed::*;
use super::super::{FAMILIES, Row};
use super::*;
use crate::acl::{Action, Entry, Network};

fn right(line: &str) -> Command {
    match parse(line) {
        Ok(Some(command)) => command,
        other => panic!("{line}: {other:?}"),
    }
}

fn log_to(destination: LogDestination, connections: bool) -> Command {
    Command::Log(Setting::Set(Logging { destination, connections }))
}

fn penlogd(given: &str) -> LogDestination {
    LogDestination::Penlogd { address: given.parse().unwrap(), given: given.to_owned() }
}

fn wrong(line: &str) -> String {
    match parse(line) {
        Err(error) => error.to_string(),
        Ok(command) => panic!("{line}: {command:?}"),
    }
}

fn list(number: u32) -> AclNumber {
    AclNumber::new(number).unwrap()
}

fn slot(number: u32) -> Slot {
    Slot::new(number).unwrap()
}

#[test]
fn empty_lines_and_comments_are_no_commands() {
    for line in ["", " ", "\t", "\r", "#", "# server 0", "  #x", "#\u{1}"] {
        assert_eq!(parse(line), Ok(None), "{line:?}");
    }
}

#[test]
fn blanks_around_words_and_a_carriage_return_do_not_matter() {
    assert_eq!(right("  blacklist \t 7  \r"), Command::Number(Number::Blacklist, Some(7)));
    assert_eq!(right("no\thash"), Command::Switch(Switch::Hash, Toggle::Off));
}

#[test]
fn every_switch_can_be_turned_on_and_off() {
    for (name, switch) in [
        ("abort_on_error", Switch::AbortOnError),
        ("ascii", Switch::Ascii),
        ("dummy", Switch::Dummy),
        ("fail_open", Switch::FailOpen),
        ("hash", Switch::Hash),
        ("hash_only", Switch::HashOnly),
        ("http", Switch::Http),
        ("keepalive", Switch::Keepalive),
        ("prio", Switch::Prio),
        ("require_client_cert", Switch::RequireClientCert),
        ("roundrobin", Switch::Roundrobin),
        ("stubborn", Switch::Stubborn),
        ("tcp_nodelay", Switch::TcpNodelay),
        ("transparent", Switch::Transparent),
        ("udp", Switch::Udp),
        ("weight", Switch::Weight),
    ] {
        assert_eq!(right(name), Command::Switch(switch, Toggle::On));
        assert_eq!(right(&format!("no {name}")), Command::Switch(switch, Toggle::Off));
    }
}

#[test]
fn every_number_can_be_asked_for_and_set_from_its_least_to_its_greatest() {
    const YEAR: u32 = 31_536_000;
    for (name, number, least, most) in [
        ("backlog", Number::Backlog, 50, 65_535),
        ("blacklist", Number::Blacklist, 0, YEAR),
        ("clients_max", Number::ClientsMax, 1, 10_000_000),
        ("conn_max", Number::ConnMax, 1, 10_000_000),
        ("debug", Number::Debug, 0, 9),
        ("idle_timeout", Number::IdleTimeout, 0, YEAR),
        ("multi_accept", Number::MultiAccept, 1, 1_000_000),
        ("pending_max", Number::PendingMax, 1, 10_000_000),
        ("shutdown_timeout", Number::ShutdownTimeout, 0, YEAR),
        ("slow_start", Number::SlowStart, 0, 86_400),
        ("timeout", Number::Timeout, 1, YEAR),
        ("tracking", Number::Tracking, 0, YEAR),
        ("udp_requests", Number::UdpRequests, 0, 1_000_000_000),
        ("udp_responses", Number::UdpResponses, 0, 1_000_000_000),
        ("udp_timeout", Number::UdpTimeout, 1, YEAR),
    ] {
        let usage = Row::find(name).unwrap().usage();
        assert_eq!(right(name), Command::Number(number, None));
        assert_eq!(right(&format!("{name} {least}")), Command::Number(number, Some(least)));
        assert_eq!(right(&format!("{name} {most}")), Command::Number(number, Some(most)));
        let outside = [least.checked_sub(1).map(|n| n.to_string()), Some((most + 1).to_string())];
        let words = ["x", "-1", "+5", "1.5", "0x10", "5s", "99999999999999999999"].map(str::to_owned);
        for word in outside.into_iter().flatten().chain(words) {
            assert_eq!(
                wrong(&format!("{name} {word}")),
                format!(
                    "error: bad {name} '{word}': a number from {least} to {most} is expected; usage: {usage}"
                )
            );
        }
    }
}

#[test]
fn every_other_command_is_read() {
    let any = Command::Ignored;
    for (line, command) in [
        ("abuse www1", Command::Fallback(Fallback::Abuse, Some("www1".parse().unwrap()))),
        ("emergency [::1]:80", Command::Fallback(Fallback::Emergency, Some("[::1]:80".parse().unwrap()))),
        ("no abuse", Command::Fallback(Fallback::Abuse, None)),
        ("no emergency", Command::Fallback(Fallback::Emergency, None)),
        ("no acl 9", Command::AclClear(list(9))),
        ("client_acl", Command::AclUse(AclUser::Client, None)),
        ("client_acl 0", Command::AclUse(AclUser::Client, Some(list(0)))),
        ("control_acl", Command::AclUse(AclUser::Control, None)),
        ("control_acl 3", Command::AclUse(AclUser::Control, Some(list(3)))),
        ("close 0", Command::Close(0)),
        ("connection 12", Command::Ask(Question::Connection(12))),
        ("connections", Command::Ask(Question::Connections)),
        ("socket 2147483647", Command::Ask(Question::Socket(2_147_483_647))),
        ("control", Command::Control),
        ("exit", Command::Exit),
        ("help", Command::Help(None)),
        ("help acl", Command::Help(Row::find("acl"))),
        ("include /etc/pen/my servers", Command::Include("/etc/pen/my servers".into())),
        ("listen", Command::Listen(None)),
        ("listen 80 :::80", Command::Listen(Some(vec!["80".parse().unwrap(), ":::80".parse().unwrap()]))),
        ("log", Command::Log(Setting::Show)),
        ("log /var/log/a b:1 ", log_to(LogDestination::File("/var/log/a b:1".into()), false)),
        ("log pen.log", log_to(LogDestination::File("pen.log".into()), false)),
        ("log a b \t connections", log_to(LogDestination::File("a b".into()), true)),
        ("log ./connections", log_to(LogDestination::File("./connections".into()), false)),
        ("log a connections b", log_to(LogDestination::File("a connections b".into()), false)),
        ("log loghost:10000", log_to(penlogd("loghost:10000"), false)),
        ("log ::1:10000 connections", log_to(penlogd("::1:10000"), true)),
        ("no log", Command::Log(Setting::Remove)),
        ("mode", Command::Mode),
        ("pid", Command::Pid),
        ("recent", Command::Ask(Question::Recent(300))),
        ("recent 0", Command::Ask(Question::Recent(0))),
        ("no server 9999", Command::NoServer(slot(9999))),
        ("servers", Command::Ask(Question::Servers)),
        ("source 10.0.0.1", Command::Source(Some([10, 0, 0, 1].into()))),
        ("source ::1", Command::Source(Some(std::net::Ipv6Addr::LOCALHOST.into()))),
        ("no source", Command::Source(None)),
        ("status", Command::Ask(Question::Status(StatusFormat::Html))),
        ("status html", Command::Ask(Question::Status(StatusFormat::Html))),
        ("status text", Command::Ask(Question::Status(StatusFormat::Text))),
        ("tcp_fastclose up", Command::TcpFastclose(FastClose::Up)),
        ("tcp_fastclose down", Command::TcpFastclose(FastClose::Down)),
        ("tcp_fastclose both", Command::TcpFastclose(FastClose::Both)),
        ("tcp_fastclose off", Command::TcpFastclose(FastClose::Off)),
        ("threads", Command::Threads(None)),
        ("threads auto", Command::Threads(Some(Threads::Auto))),
        ("threads 4", Command::Threads(Some(Threads::Exactly(4)))),
        ("web_stats", Command::WebStats(Setting::Show)),
        ("web_stats pen.html", Command::WebStats(Setting::Set("pen.html".into()))),
        ("no web_stats", Command::WebStats(Setting::Remove)),
        ("block", any.clone()),
        ("no block", any.clone()),
        ("delayed_forward", any.clone()),
        ("no epoll", any.clone()),
        ("kqueue", any.clone()),
        ("no poll", any.clone()),
        ("select", any.clone()),
        ("ssl_client_renegotiation_interval 5", any),
    ] {
        assert_eq!(right(line), command, "{line}");
    }
}

#[test]
fn commands_of_tls_and_of_proxy_headers_are_read() {
    let accept = |number| Command::ProxyProtocol(ProxyProtocol::Accept(number));
    let send = |version| Command::ProxyProtocol(ProxyProtocol::Send(version));
    let alpn = |names: &[&str]| {
        Command::TlsAlpn(Setting::Set(AlpnProtocols(names.iter().map(|&name| name.to_owned()).collect())))
    };
    for (line, command) in [
        ("proxy_protocol accept 3", accept(Some(list(3)))),
        ("proxy_protocol send", send(Some(ProxyVersion::V1))),
        ("proxy_protocol send-v2", send(Some(ProxyVersion::V2))),
        ("no proxy_protocol accept", accept(None)),
        ("no proxy_protocol send", send(None)),
        ("no proxy_protocol send-v2", send(None)),
        ("no proxy_protocol", Command::ProxyProtocol(ProxyProtocol::Neither)),
        ("ssl_ciphers", Command::TlsCiphers(Setting::Show)),
        ("ssl_ciphers HIGH:!aNULL, ECDHE ", Command::TlsCiphers(Setting::Set("HIGH:!aNULL, ECDHE".into()))),
        ("no ssl_ciphers", Command::TlsCiphers(Setting::Remove)),
        ("no ssl_option", Command::TlsOption(None)),
        ("tls_alpn", Command::TlsAlpn(Setting::Show)),
        ("tls_alpn http/1.1", alpn(&["http/1.1"])),
        ("tls_alpn ,h2 ,, http/1.1,", alpn(&["h2", "http/1.1"])),
        ("no tls_alpn", Command::TlsAlpn(Setting::Remove)),
        ("tls_protocol", Command::TlsProtocol(None)),
        ("tls_protocol ssl23", Command::TlsProtocol(Some(TlsProtocol::Ssl23))),
        ("tls_protocol tls1", Command::TlsProtocol(Some(TlsProtocol::Tls1))),
    ] {
        assert_eq!(right(line), command, "{line}");
    }
    for option in TlsOption::ALL {
        assert_eq!(right(&format!("ssl_option {}", option.name())), Command::TlsOption(Some(option)));
    }
    for (name, which) in [
        ("ssl_ocsp_response", TlsFile::OcspResponse),
        ("ssl_sni_path", TlsFile::SniPath),
        ("tls_ca_dir", TlsFile::CaDir),
        ("tls_ca_file", TlsFile::CaFile),
        ("tls_cert", TlsFile::Cert),
        ("tls_key", TlsFile::Key),
    ] {
        let set = Command::TlsFile(which, Setting::Set("/etc/my keys/a".into()));
        assert_eq!(right(&format!("{name} /etc/my keys/a ")), set);
        assert_eq!(right(name), Command::TlsFile(which, Setting::Show));
        assert_eq!(right(&format!("no {name}")), Command::TlsFile(which, Setting::Remove));
    }
}

#[test]
fn acl_entries_are_read() {
    let entry = |line: &str| match right(line) {
        Command::AclAppend(number, entry) => (number, entry),
        other => panic!("{line}: {other:?}"),
    };
    let network = |words: &[&str]| Network::parse(words).unwrap();
    assert_eq!(
        entry("acl 0 permit 10.0.0.1"),
        (list(0), Entry { action: Action::Permit, network: network(&["10.0.0.1"]) })
    );
    assert_eq!(
        entry("acl 9 deny 10.0.0.0 255.0.0.0"),
        (list(9), Entry { action: Action::Deny, network: network(&["10.0.0.0", "255.0.0.0"]) })
    );
    assert_eq!(
        entry("acl 1 permit fe80::/10"),
        (list(1), Entry { action: Action::Permit, network: network(&["fe80::/10"]) })
    );
}

#[test]
fn server_changes_what_it_names_and_nothing_else() {
    let changes = |line: &str| match right(line) {
        Command::Server(_, changes) => changes,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(
        right("server 7 name a.b acl 1 address www1 port smtp max 2 hard 3 blacklist 4 weight 5 prio 6"),
        Command::Server(
            slot(7),
            ServerChanges {
                name: Some(ServerName::Named("a.b".into())),
                acl: Some(list(1)),
                address: Some(ServerHost::Inet("www1".parse().unwrap())),
                port: Some("smtp".parse().unwrap()),
                max: Some(2),
                hard: Some(3),
                blacklist: Some(4),
                weight: Some(5),
                prio: Some(6),
            }
        )
    );
    assert_eq!(changes("server 0 max 0"), ServerChanges { max: Some(0), ..ServerChanges::default() });
    assert_eq!(changes("server 0 address 0.0.0.0").address, Some(ServerHost::Nobody));
    assert_eq!(changes("server 0 address /run/app").address, Some(ServerHost::Unix("/run/app".into())));
    assert_eq!(changes("server 0 address [::1]").address, changes("server 0 address ::1").address);
    // The line that pen 0.34 writes for an empty slot.
    assert_eq!(
        changes("server 2 acl 0 address 0.0.0.0 port 0 max 0 hard 0").port,
        Some(crate::addr::Port::Number(0))
    );
    let empty =
        changes("server 4 acl 0 address (unknown address family 0 port 0 max 0 hard 0 weight 0 prio 0");
    assert_eq!((empty.address, empty.prio), (Some(ServerHost::Nobody), Some(0)));
    assert!(wrong("server 4 address (unknown").contains("bad host '(unknown'"));
    assert!(wrong("server 4 address ::1 address (unknown address family 0").contains("given twice"));
    assert_eq!(changes("server 0 name -").name, Some(ServerName::Nameless));
}

#[test]
fn the_file_that_pen_0_34_writes_is_understood() {
    let file = "\
# Generated by pen 2016-01-01 00:00:00
no acl 0
acl 9 permit 10.0.0.0 255.0.0.0
no ascii
blacklist 30
client_acl 0
control_acl 0
debug 0
no hash
no http
no log
no roundrobin
server 0 acl 0 address 127.0.0.1 port 17780 max 5 hard 0
server 1 acl 0 address 0.0.0.0 port 0 max 0 hard 0
no stubborn
tcp_fastclose off
no tcp_nodelay
timeout 3
tracking 0
no web_stats
no weight
no prio
";
    for line in file.lines() {
        assert!(parse(line).is_ok(), "{line}");
    }
}

/// Lines that often get deep into the parser.
fn lines() -> impl Strategy<Value = String> {
    let names: Vec<&str> = FAMILIES.iter().flat_map(|family| family.rows).map(|row| row.name).collect();
    let words = prop_oneof![
        proptest::sample::select(names),
        proptest::sample::select(vec![
            "no", "0", "5", "99999", "permit", "country", "10.0.0.1", "::1", "/x", "max", "address",
            "[::1]:80", "text", "auto", "#", "é", "http", "send", "\"a b\"", "\"", "expect", "agent",
            "interval"
        ]),
    ];
    prop_oneof![proptest::collection::vec(words, 0..8).prop_map(|words| words.join(" ")), any::<String>()]
}

proptest! {
    #[test]
    fn any_line_gets_a_command_or_a_one_line_error(line in lines()) {
        if let Err(error) = parse(&line) {
            let error = error.to_string();
            prop_assert!(error.starts_with("error: ") || error.starts_with("do_cmd: ignoring command starting with '"));
            prop_assert!(!error.contains('\n'));
        }
    }
}

#[test]
fn a_command_may_be_for_one_service() {
    let web = ServiceName::new("web").unwrap();
    assert_eq!(right("service web"), Command::Service(web.clone(), None));
    assert_eq!(right("no service web"), Command::NoService(web.clone()));
    let within = |command| Command::Service(web.clone(), Some(Box::new(command)));
    assert_eq!(right("service web servers"), within(Command::Ask(Question::Servers)));
    assert_eq!(right("service web no server 7"), within(Command::NoServer(slot(7))));
    assert_eq!(
        wrong("service web pid"),
        "error: 'pid' speaks of the whole process, not of one service; usage: service NAME [COMMAND]"
    );
    assert_eq!(wrong("service web nonesuch"), "do_cmd: ignoring command starting with 'nonesuch'");
    assert_eq!(
        wrong("service web blacklist x"),
        "error: bad blacklist 'x': a number from 0 to 31536000 is expected; usage: blacklist [T]"
    );
    let deep = "service a ".repeat(1_000_000);
    assert!(wrong(&deep).starts_with("error: 'service' speaks of the whole process"));
    assert_eq!(
        wrong("service a/b"),
        "error: bad name 'a/b': at most 64 letters, digits, '-', '.' and '_' are expected; usage: service NAME [COMMAND]"
    );
}
