//! Tests of [`super`]: every right form, and every wrong one with its exact error.

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
        ("hash", Switch::Hash),
        ("hash_only", Switch::HashOnly),
        ("keepalive", Switch::Keepalive),
        ("prio", Switch::Prio),
        ("roundrobin", Switch::Roundrobin),
        ("stubborn", Switch::Stubborn),
        ("tcp_nodelay", Switch::TcpNodelay),
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
        ("timeout", Number::Timeout, 1, YEAR),
        ("tracking", Number::Tracking, 0, YEAR),
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
        ("log /var/log/a b:1 ", Command::Log(Setting::Set(LogDestination::File("/var/log/a b:1".into())))),
        ("log pen.log", Command::Log(Setting::Set(LogDestination::File("pen.log".into())))),
        (
            "log loghost:10000",
            Command::Log(Setting::Set(LogDestination::Penlogd("loghost:10000".parse().unwrap()))),
        ),
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
        ("no http", any.clone()),
        ("no transparent", any.clone()),
        ("no udp", any),
    ] {
        assert_eq!(right(line), command, "{line}");
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
fn an_unknown_command_has_the_old_answer() {
    for (line, word) in [
        ("foo", "foo"),
        ("foo bar", "foo"),
        ("no", "no"),
        ("no foo", "no foo"),
        ("Servers", "Servers"),
        ("'servers'", "'servers'"),
        ("blacklist=5", "blacklist=5"),
        ("é", "é"),
    ] {
        assert_eq!(wrong(line), format!("do_cmd: ignoring command starting with '{word}'"));
    }
}

#[test]
fn control_characters_are_refused() {
    for (line, error) in [
        ("log /tmp/a\u{7}b", "error: control character 0x07 at byte 11 of the line: a command is plain text"),
        ("a\rb", "error: control character 0x0d at byte 2 of the line: a command is plain text"),
        ("mode\0", "error: control character 0x00 at byte 5 of the line: a command is plain text"),
        ("é\u{85}", "error: control character 0x85 at byte 3 of the line: a command is plain text"),
        ("\u{1b}[2J", "error: control character 0x1b at byte 1 of the line: a command is plain text"),
    ] {
        assert_eq!(wrong(line), error);
    }
}

#[test]
fn commands_of_later_versions_say_so() {
    for (line, words, capability) in [
        ("udp", "udp", "UDP"),
        ("http", "http", "HTTP header"),
        ("tls_cert /etc/x.pem", "tls_cert", "TLS"),
        ("ssl_ciphers ALL", "ssl_ciphers", "TLS"),
        ("no health", "no health", "health check"),
        ("no udp x", "no udp", "UDP"),
        ("drain 3", "drain", "draining"),
        ("geoip_db x", "geoip_db", "GeoIP"),
        ("acl 1 permit country SE", "country", "GeoIP"),
        ("log /var/log/pen connections", "log ... connections", "connection record"),
    ] {
        assert_eq!(
            wrong(line),
            format!(
                "error: '{words}' is not available in this version of pen: {capability} support comes later"
            )
        );
    }
}

const SERVER: &str =
    "server N [name NAME] [acl A] [address A] [port P] [max M] [hard H] [blacklist T] [weight W] [prio P]";

#[test]
fn every_wrong_form_is_explained() {
    for (line, problem, usage) in WRONG {
        assert_eq!(wrong(line), format!("error: {problem}; usage: {usage}"));
    }
    let long = "x".repeat(256);
    assert_eq!(
        wrong(&format!("server 0 name {long}")),
        format!(
            "error: bad name '{long}': at most 255 letters, digits, '-', '.', '_' and '*' are expected; usage: {SERVER}"
        )
    );
}

/// Line, problem, usage.
const WRONG: &[(&str, &str, &str)] = &[
    // Words left over, words missing, negation of what has none.
    ("hash x", "superfluous word 'x'", "hash"),
    ("no hash x", "superfluous word 'x'", "no hash"),
    ("epoll x", "superfluous word 'x'", "epoll"),
    ("servers 1", "superfluous word '1'", "servers"),
    ("mode x", "superfluous word 'x'", "mode"),
    ("control x", "superfluous word 'x'", "control"),
    ("pid x", "superfluous word 'x'", "pid"),
    ("exit now", "superfluous word 'now'", "exit"),
    ("connections 1", "superfluous word '1'", "connections"),
    ("blacklist 1 2", "superfluous word '2'", "blacklist [T]"),
    ("no log x", "superfluous word 'x'", "no log"),
    ("no web_stats x", "superfluous word 'x'", "no web_stats"),
    ("no abuse x", "superfluous word 'x'", "no abuse"),
    ("no emergency x", "superfluous word 'x'", "no emergency"),
    ("no source x", "superfluous word 'x'", "no source"),
    ("no servers", "'servers' cannot be negated", "servers"),
    ("no blacklist", "'blacklist' cannot be negated", "blacklist [T]"),
    ("no listen", "'listen' cannot be negated", "listen [ADDR...]"),
    // Access lists.
    ("acl", "missing list", "acl N permit|deny ADDR[/LEN] [MASK]"),
    ("acl x", "bad list 'x': a number from 0 to 9 is expected", "acl N permit|deny ADDR[/LEN] [MASK]"),
    (
        "acl 10 permit ::1",
        "bad list '10': a number from 0 to 9 is expected",
        "acl N permit|deny ADDR[/LEN] [MASK]",
    ),
    ("acl 1", "missing permit or deny", "acl N permit|deny ADDR[/LEN] [MASK]"),
    (
        "acl 1 allow ::1",
        "bad action 'allow': permit or deny is expected",
        "acl N permit|deny ADDR[/LEN] [MASK]",
    ),
    (
        "acl 1 permit",
        "missing network: ADDRESS, ADDRESS MASK or ADDRESS/LENGTH is expected",
        "acl N permit|deny ADDR[/LEN] [MASK]",
    ),
    (
        "acl 1 permit www1",
        "bad address 'www1': an IPv4 or IPv6 address is expected",
        "acl N permit|deny ADDR[/LEN] [MASK]",
    ),
    (
        "acl 1 permit 10.0.0.0 255",
        "bad mask '255': a dotted mask like 255.255.255.0 is expected",
        "acl N permit|deny ADDR[/LEN] [MASK]",
    ),
    (
        "acl 1 permit 10.0.0.0 255.0.0.0 x",
        "superfluous word 'x': at most an address and a mask are expected",
        "acl N permit|deny ADDR[/LEN] [MASK]",
    ),
    ("no acl", "missing list", "no acl N"),
    ("no acl 1 permit ::1", "superfluous word 'permit'", "no acl N"),
    ("no acl 11", "bad list '11': a number from 0 to 9 is expected", "no acl N"),
    ("client_acl -1", "bad list '-1': a number from 0 to 9 is expected", "client_acl [N]"),
    ("client_acl 1 2", "superfluous word '2'", "client_acl [N]"),
    ("control_acl 10", "bad list '10': a number from 0 to 9 is expected", "control_acl [N]"),
    // Servers.
    ("server", "missing slot", SERVER),
    ("server x", "bad slot 'x': a number from 0 to 9999 is expected", SERVER),
    ("server 10000 max 1", "bad slot '10000': a number from 0 to 9999 is expected", SERVER),
    ("server 0", "missing attribute", SERVER),
    (
        "server 0 foo 1",
        "unknown attribute 'foo': name, acl, address, port, max, hard, blacklist, weight or prio is expected",
        SERVER,
    ),
    ("server 0 max", "missing value of 'max'", SERVER),
    ("server 0 max 1 hard", "missing value of 'hard'", SERVER),
    ("server 0 max 1 max 2", "'max' is given twice", SERVER),
    ("server 0 max x", "bad max 'x': a number from 0 to 10000000 is expected", SERVER),
    ("server 0 hard -1", "bad hard '-1': a number from 0 to 10000000 is expected", SERVER),
    ("server 0 weight 1000001", "bad weight '1000001': a number from 0 to 1000000 is expected", SERVER),
    ("server 0 prio 1.5", "bad prio '1.5': a number from 0 to 1000000 is expected", SERVER),
    ("server 0 blacklist ever", "bad blacklist 'ever': a number from 0 to 31536000 is expected", SERVER),
    ("server 0 acl 10", "bad acl '10': a number from 0 to 9 is expected", SERVER),
    ("server 0 address a/b", "bad host 'a/b': a name or an IP address is expected", SERVER),
    ("server 0 address www:80", "bad host 'www:80': a name or an IP address is expected", SERVER),
    (
        "server 0 port 65536",
        "bad port '65536': a number from 0 to 65535 or a service name is expected",
        SERVER,
    ),
    (
        "server 0 address www1 port 0",
        "bad port '0': a number from 1 to 65535 or a service name is expected",
        SERVER,
    ),
    (
        "server 0 name a/b",
        "bad name 'a/b': at most 255 letters, digits, '-', '.', '_' and '*' are expected",
        SERVER,
    ),
    ("no server", "missing slot", "no server N"),
    ("no server 10000", "bad slot '10000': a number from 0 to 9999 is expected", "no server N"),
    ("no server 1 2", "superfluous word '2'", "no server N"),
    ("abuse", "missing address", "abuse HOST[:PORT]"),
    (
        "abuse www1:0",
        "bad port '0' in 'www1:0': a number from 1 to 65535 or a service name is expected",
        "abuse HOST[:PORT]",
    ),
    ("abuse www1 80", "superfluous word '80'", "abuse HOST[:PORT]"),
    ("emergency", "missing address", "emergency HOST[:PORT]"),
    ("emergency 80", "bad host '80': a name or an IP address is expected", "emergency HOST[:PORT]"),
    // Forwarding.
    ("listen 80 x:y:z", "bad host 'x:y' in 'x:y:z': a name or an IP address is expected", "listen [ADDR...]"),
    ("listen 80 80", "'80' is given twice", "listen [ADDR...]"),
    (
        "listen 65536",
        "bad port '65536': a number from 0 to 65535 or a service name is expected",
        "listen [ADDR...]",
    ),
    ("source", "missing address", "source IP"),
    ("source www1", "bad address 'www1': an IPv4 or IPv6 address is expected", "source IP"),
    ("source ::1 80", "superfluous word '80'", "source IP"),
    ("tcp_fastclose", "missing direction", "tcp_fastclose up|down|both|off"),
    (
        "tcp_fastclose on",
        "bad direction 'on': up, down, both or off is expected",
        "tcp_fastclose up|down|both|off",
    ),
    ("tcp_fastclose up down", "superfluous word 'down'", "tcp_fastclose up|down|both|off"),
    // Looking inside.
    ("close", "missing connection", "close N"),
    ("close x", "bad connection 'x': a number from 0 to 2147483647 is expected", "close N"),
    ("connection", "missing connection", "connection N"),
    ("connection -1", "bad connection '-1': a number from 0 to 2147483647 is expected", "connection N"),
    ("socket", "missing descriptor", "socket F"),
    (
        "socket 2147483648",
        "bad descriptor '2147483648': a number from 0 to 2147483647 is expected",
        "socket F",
    ),
    ("recent x", "bad time 'x': a number from 0 to 31536000 is expected", "recent [T]"),
    ("recent 1 2", "superfluous word '2'", "recent [T]"),
    (
        "status xml",
        "bad format 'xml': html, json, text or prometheus is expected",
        "status [html|json|text|prometheus]",
    ),
    ("status text x", "superfluous word 'x'", "status [html|json|text|prometheus]"),
    // The process.
    ("help foo", "unknown command 'foo': 'help' alone lists all", "help [COMMAND]"),
    ("help udp", "'udp' is not available in this version of pen: UDP support comes later", "help [COMMAND]"),
    ("help acl x", "superfluous word 'x'", "help [COMMAND]"),
    ("include", "missing file name", "include FILE"),
    (
        "log host:70000",
        "bad port '70000' in 'host:70000': a number from 1 to 65535 or a service name is expected",
        "log [FILE|HOST:PORT]",
    ),
    ("log a b:80", "bad host 'a b' in 'a b:80': a name or an IP address is expected", "log [FILE|HOST:PORT]"),
    ("threads 0", "bad number '0': a number from 1 to 1024 or auto is expected", "threads [N|auto]"),
    ("threads x", "bad number 'x': a number from 1 to 1024 or auto is expected", "threads [N|auto]"),
    ("threads 1 2", "superfluous word '2'", "threads [N|auto]"),
];

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
            "[::1]:80", "text", "auto", "#", "é"
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
