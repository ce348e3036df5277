use std::fmt::Write as _;

use common::command::{FAMILIES, When, parse};
use proptest::prelude::*;

use super::*;
use crate::settings::apply::{apply, listen};
use crate::settings::draft::{Draft, Stage};
use crate::settings::testing::{draft, next, run};
use crate::settings::{Place, file};

/// What the language says of settings; the rest asks, acts, or does nothing.
const NO_SETTINGS: &[&str] = &[
    "close",
    "connection",
    "connections",
    "control",
    "exit",
    "help",
    "include",
    "mode",
    "pid",
    "recent",
    "servers",
    "services",
    "socket",
    "status",
    "write",
    "block",
    "delayed_forward",
    "epoll",
    "kqueue",
    "poll",
    "select",
];

fn rendered(draft: &Draft) -> String {
    render(draft.settings(), &[]).unwrap()
}

/// Reads text as the file that pen starts with, or that HUP reads again.
fn read(text: &str, draft: &mut Draft) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file::read(file.path(), draft).unwrap();
}

/// All settings, as text to compare. Removed services do not count, nor does the order of the others.
fn essence(settings: &Settings) -> String {
    let Settings { process, acls, services } = settings;
    let mut text = format!("{process:#?}\n");
    for acl in acls {
        writeln!(text, "{:?}", acl.entries()).unwrap();
    }
    let living = services.iter().filter(|(_, service)| !service.draining);
    let mut living: Vec<_> = living.map(|(_, service)| essence_of_service(service)).collect();
    living.sort_unstable();
    text + &living.concat()
}

fn essence_of_service(service: &Service) -> String {
    let mut service = service.clone();
    let servers = std::mem::take(&mut service.servers);
    let fallbacks = [service.abuse.take(), service.emergency.take()];
    let state = format!("{:?}", service.state);
    let mut text = format!("{service:?}\n").replace(&state, "");
    for server in servers.iter().chain(&fallbacks) {
        let Some(server) = server else {
            text.push_str("nobody\n");
            continue;
        };
        let Server { name, host, acl, max, hard, weight, prio, state: _, .. } = &**server;
        let rest = (name, host, acl, max, hard, weight, prio);
        writeln!(text, "{:?} {rest:?}", server.address()).unwrap();
    }
    text
}

#[test]
fn everything_is_said_of_what_pen_starts_from() {
    let mut expected: Vec<String> = (0..10).map(|number| format!("no acl {number}")).collect();
    expected.extend(
        "no abort_on_error;no ascii;control_acl 0;debug 0;resolve 0;shutdown_timeout 0;threads auto;web_acl 0;no web;\
         no web_stats;no hash;no hash_only;no prio;no roundrobin;no stubborn;no weight;backlog 500;blacklist 30;\
         clients_max 2048;conn_max 500;idle_timeout 0;idlers 0;multi_accept 100;pending_max 100;timeout 5;tracking 0;\
         client_acl 0;no dummy;no keepalive;no log;no source;tcp_fastclose off;tcp_nodelay;no abuse;no emergency"
            .split(';')
            .map(str::to_owned),
    );
    assert_eq!(rendered(&draft(Stage::Start)).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn every_setting_of_the_table_is_written() {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["acl 1 permit ::1", "listen 80", "server 0 address www1", "service web"]);
    let (settings, _) = draft.finish().unwrap();
    let text = render(&settings, &[]).unwrap();
    let said = |name: &str| {
        text.lines().any(|line| line.strip_prefix("no ").unwrap_or(line).split(' ').next() == Some(name))
    };
    for row in FAMILIES.iter().flat_map(|family| family.rows) {
        assert_ne!(said(row.name), NO_SETTINGS.contains(&row.name), "{}", row.name);
    }
    assert!(FAMILIES.iter().flat_map(|family| family.rows).any(|row| row.when == When::AtStart));
}

#[test]
fn lists_servers_and_services_are_written_as_they_are() {
    let mut draft = draft(Stage::Start);
    run(
        &mut draft,
        &[
            "acl 3 permit 10.0.0.0/8",
            "acl 3 deny ::ffff:192.0.2.1",
            "acl 3 permit 2001:db8::/32",
            "listen 0 [::1]:8081",
            "web 127.0.0.1:0",
            "server 0 address 2001:db8::7 port 80 max 1 hard 2 weight 3 prio 4 acl 5 name www.example.com",
            "server 2 address /run/web.sock",
            "emergency [2001:db8::6]:81",
            "abuse /run/abuse.sock",
            "source 127.0.0.9",
            "log a b.log",
            "service zeta listen /run/zeta.sock",
            "service alpha listen 9000",
            "service zeta server 0 address 127.0.0.1 port 1",
        ],
    );
    let text = render(&draft.finish().unwrap().0, &[]).unwrap();
    for lines in [
        "acl 3 permit 10.0.0.0 255.0.0.0\nacl 3 deny 192.0.2.1 255.255.255.255\nacl 3 permit 2001:db8::/32\n",
        "\nlisten 0 [::1]:8081\n",
        "\nweb 127.0.0.1:0\n",
        "\nserver 0 name www.example.com acl 5 address 2001:db8::7 port 80 max 1 hard 2 weight 3 prio 4\n\
         server 1 address 0.0.0.0\n\
         server 2 name - acl 0 address /run/web.sock max 0 hard 0 weight 0 prio 0\n\n\
         service alpha\nlisten 9000\n",
        "\nemergency [2001:db8::6]:81\n",
        "\nabuse /run/abuse.sock\n",
        "\nsource 127.0.0.9\n",
        "\nlog a b.log\n",
        "\n\nservice zeta\nlisten /run/zeta.sock\n",
    ] {
        assert!(text.contains(lines), "{lines}\nis not in\n{text}");
    }
}

#[test]
fn a_name_that_was_looked_up_is_written_and_not_its_address() {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["server 0 address 10.0.0.1 port 80", "emergency 10.0.0.2:81"]);
    let named = |server: &mut Option<Arc<Server>>, host: &str| {
        Arc::make_mut(server.as_mut().unwrap()).host = Some(host.parse().unwrap());
    };
    let service = draft.service_mut();
    named(&mut service.servers[0], "www1");
    named(&mut service.emergency, "www2");
    let text = rendered(&draft);
    assert!(text.contains("\nemergency www2:81\n"), "{text}");
    assert!(text.contains("\nserver 0 name - acl 0 address www1 port 80 "), "{text}");
}

#[test]
fn ports_that_the_system_chose_are_not_written() {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["listen 127.0.0.1:0", "web 0"]);
    let bound = Place::Inet("127.0.0.1:4711".parse().unwrap());
    draft.service_mut().listen[0].bind_to(&bound);
    draft.process_mut().web.as_mut().unwrap().bind_to(&bound);
    let text = rendered(&draft);
    assert!(text.contains("\nlisten 127.0.0.1:0\n") && text.contains("\nweb 0\n"), "{text}");
}

#[test]
fn an_address_of_the_command_line_is_not_written_until_listen_changes_it() {
    let mut draft = draft(Stage::Start);
    listen(&mut draft, &["8080".parse().unwrap()]).unwrap();
    draft.service_mut().listen_is_argument = true;
    assert!(!rendered(&draft).contains("listen"));
    run(&mut draft, &["listen"]);
    assert!(!rendered(&draft).contains("listen"));
    run(&mut draft, &["listen 8080"]);
    assert!(rendered(&draft).contains("\nlisten 8080\n"));
}

#[test]
fn a_service_of_the_command_line_that_is_gone_is_removed_again() {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["service web listen 81", "service kept listen 82"]);
    let added = ["web", "kept"].map(|name| ServiceName::new(name).unwrap());
    assert!(!render(draft.settings(), &added).unwrap().contains("no service"));
    run(&mut draft, &["no service web"]);
    let text = render(draft.settings(), &added).unwrap();
    assert!(text.contains("\nservice web\nno service web\n"), "{text}");
    assert!(!text.contains("no service kept"), "{text}");
    let mut fresh = self::draft(Stage::Start);
    run(&mut fresh, &["service web listen 81"]);
    read(&text, &mut fresh);
    assert!(fresh.settings().services.find("web").is_none());
}

#[test]
fn what_no_line_can_say_is_refused() {
    let server = |path: &str| {
        let mut draft = draft(Stage::Start);
        servers::append(&mut draft, &path.parse().unwrap()).unwrap();
        render(draft.settings(), &[])
    };
    let refusal = |line: &str| {
        Err(format!("'{line}' would be read as something else: a file of commands cannot say such a name"))
    };
    let line = |place: &str| format!("server 0 name - acl 0 address {place} max 0 hard 0 weight 0 prio 0");
    assert_eq!(server("/run/a b"), refusal(&line("/run/a b")));
    assert_eq!(server("/run/a max 7"), refusal(&line("/run/a max 7")));
    assert_eq!(server("0.0.0.0:80"), refusal(&line("0.0.0.0 port 80")));

    let stats = |path: &str| {
        let mut draft = draft(Stage::Start);
        draft.process_mut().web_stats = Some(path.into());
        render(draft.settings(), &[])
    };
    assert_eq!(stats("a\nexit"), refusal(r"web_stats a\u{a}exit"));
    assert_eq!(stats("a\r"), refusal(r"web_stats a\u{d}"));
    assert_eq!(stats(" a"), refusal("web_stats  a"));
    assert_eq!(stats(""), refusal("web_stats "));
    assert!(stats("/a b/#c").is_ok());
}

use crate::settings::servers;

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "www1",
            "www2",
            "six",
            "many",
            "127.0.0.1",
            "2001:db8::7",
            "/run/web.sock"
        ])
        .prop_map(str::to_owned),
        any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        any::<[u8; 16]>().prop_map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
    ]
}

fn switch() -> impl Strategy<Value = String> {
    let names = vec![
        "abort_on_error",
        "ascii",
        "dummy",
        "hash",
        "hash_only",
        "keepalive",
        "prio",
        "roundrobin",
        "stubborn",
        "tcp_nodelay",
        "weight",
    ];
    (any::<bool>(), prop::sample::select(names))
        .prop_map(|(on, name)| format!("{}{name}", if on { "" } else { "no " }))
}

fn number() -> impl Strategy<Value = String> {
    let names = vec![
        "backlog",
        "blacklist",
        "clients_max",
        "conn_max",
        "idle_timeout",
        "idlers",
        "multi_accept",
        "pending_max",
        "timeout",
        "tracking",
        "debug",
        "resolve",
        "shutdown_timeout",
        "threads",
        "client_acl",
        "control_acl",
        "web_acl",
    ];
    (prop::sample::select(names), prop_oneof![0..10_u32, 50..70_000_u32])
        .prop_map(|(name, value)| format!("{name} {value}"))
}

fn entry() -> impl Strategy<Value = String> {
    let network = prop_oneof![
        (any::<u32>(), 0..=32_u8).prop_map(|(bits, len)| format!("{}/{len}", std::net::Ipv4Addr::from(bits))),
        (any::<u32>(), any::<u32>()).prop_map(|(bits, mask)| {
            format!("{} {}", std::net::Ipv4Addr::from(bits), std::net::Ipv4Addr::from(mask))
        }),
        (any::<u128>(), 0..=128_u8)
            .prop_map(|(bits, len)| format!("{}/{len}", std::net::Ipv6Addr::from(bits))),
    ];
    (0..10, any::<bool>(), network).prop_map(|(list, permit, network)| {
        format!("acl {list} {} {network}", if permit { "permit" } else { "deny" })
    })
}

fn server() -> impl Strategy<Value = String> {
    let name = prop::option::of("[a-zA-Z0-9.*_-]{1,9}");
    let numbers = prop::collection::vec(prop::option::of(0..1_000_000_u32), 5);
    (0..6_u32, prop::option::of(address()), prop::option::of(1..=65_535_u16), name, 0..10_u32, numbers)
        .prop_map(|(slot, address, port, name, acl, numbers)| {
            let mut line = format!("server {slot} acl {acl}");
            let mut add = |name: &str, value: Option<String>| {
                if let Some(value) = value {
                    write!(line, " {name} {value}").unwrap();
                }
            };
            add("address", address);
            add("port", port.map(|port| port.to_string()));
            add("name", name);
            for (name, number) in ["max", "hard", "weight", "prio", "blacklist"].into_iter().zip(numbers) {
                add(name, number.map(|number| number.to_string()));
            }
            line
        })
}

/// A command that may or may not fit.
fn command() -> impl Strategy<Value = String> {
    let word = |words: &[&'static str]| prop::sample::select(words.to_vec()).prop_map(str::to_owned);
    prop_oneof![
        3 => switch(),
        3 => number(),
        2 => entry(),
        4 => server(),
        2 => (0..6_u32).prop_map(|slot| format!("no server {slot}")),
        1 => (0..10_u32).prop_map(|list| format!("no acl {list}")),
        1 => (address(), 1..=65_535_u16).prop_map(|(address, port)| match address {
            path if path.starts_with('/') => format!("emergency {path}"),
            address if address.contains(':') => format!("emergency [{address}]:{port}"),
            address => format!("abuse {address}:{port}"),
        }),
        2 => prop::collection::vec(1..=65_535_u16, 1..4).prop_map(|ports| {
            ports.iter().fold("listen".to_owned(), |line, port| format!("{line} [::1]:{port}"))
        }),
        3 => word(&[
            "listen 0", "listen /run/a.sock 127.0.0.1:0", "web 127.0.0.1:0", "web 8080", "no web", "threads auto",
            "web_stats /var/www/a page.html", "web_stats x", "no web_stats", "log a b", "log /x:y", "no log",
            "no abuse", "no emergency", "source 127.0.0.1", "source ::1", "no source", "tcp_fastclose up",
            "tcp_fastclose down", "tcp_fastclose both", "tcp_fastclose off", "service default",
        ]),
    ]
}

/// Commands, some of them for services of these names.
fn commands(services: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let name = || prop::sample::select(services);
    prop::collection::vec(
        prop_oneof![
            6 => command(),
            2 => (name(), command()).prop_map(|(name, command)| format!("service {name} {command}")),
            1 => name().prop_map(|name| format!("service {name}")),
            1 => name().prop_map(|name| format!("no service {name}")),
        ],
        0..40,
    )
}

/// Applies those that fit.
fn try_all(draft: &mut Draft, lines: &[String]) {
    for line in lines {
        if let Ok(Some(command)) = parse(line) {
            let _ = apply(command, draft);
        }
    }
}

/// A pen's command line: an argument, and options.
fn started(options: &[String]) -> Draft {
    let mut draft = draft(Stage::Start);
    listen(&mut draft, &["8080".parse().unwrap()]).unwrap();
    draft.service_mut().listen_is_argument = true;
    try_all(&mut draft, options);
    draft.speak_of(&ServiceName::new("default").unwrap()).unwrap();
    draft
}

fn finished(draft: Draft) -> Settings {
    let unchanged = draft.settings().clone();
    draft.finish().map_or(unchanged, |(settings, _)| settings)
}

proptest! {
    #[test]
    fn a_written_file_reproduces_the_settings(
        options in commands(&["first", "second"]),
        // Services that the command line adds may be removed, but not be added again.
        live in commands(&["third", "fourth"]),
        gone in prop::option::of(prop::sample::select(&["first", "second"][..])),
    ) {
        let beginning = finished(started(&options));
        let names: Vec<_> = beginning.services.values().filter(|service| !service.draining)
            .filter_map(|service| ServiceName::new(&service.name)).filter(|name| name.as_str() != "default").collect();

        let mut running = next(started(&options));
        try_all(&mut running, &live);
        try_all(&mut running, &gone.map(|name| format!("no service {name}")).into_iter().collect::<Vec<_>>());
        let settings = finished(running);
        let text = render(&settings, &names).unwrap();

        let mut again = started(&options);
        read(&text, &mut again);
        let again = finished(again);
        prop_assert_eq!(essence(&again), essence(&settings));
        prop_assert_eq!(render(&again, &names).unwrap(), text.clone());

        // A HUP changes nothing: no entry is doubled, no server is another one.
        let servers = |settings: &Settings| -> Vec<_> {
            let servers = settings.services.values().filter(|service| !service.draining).flat_map(|service| &service.servers);
            servers.flatten().map(|server| server.id()).collect()
        };
        let mut reread = Draft::new(settings.clone(), Stage::Live, crate::settings::testing::environment(false));
        read(&text, &mut reread);
        let reread = finished(reread);
        prop_assert_eq!(essence(&reread), essence(&settings));
        prop_assert_eq!(servers(&reread), servers(&settings));
    }
}
