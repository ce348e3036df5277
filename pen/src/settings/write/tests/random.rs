//! Random settings, written and read again.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use common::command::parse;
use proptest::prelude::*;

use super::*;
use crate::settings::apply::apply;
use crate::settings::testing::{environment, next};

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
        let Server { name, host, acl, max, hard, weight, prio, admin, state: _, .. } = &**server;
        let rest = (name, host, acl, max, hard, weight, prio, admin);
        // Which of its name's addresses it has is no setting: a running pen stays at the one that it has.
        let has_several = host.as_ref().is_some_and(|host| host.as_str() == "many");
        match server.address() {
            ServerAddr::Inet(address) if has_several => writeln!(text, "{} {rest:?}", address.port()),
            address => writeln!(text, "{address:?} {rest:?}"),
        }
        .unwrap();
    }
    text
}

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
        any::<[u8; 4]>().prop_map(|bytes| Ipv4Addr::from(bytes).to_string()),
        any::<[u8; 16]>().prop_map(|bytes| Ipv6Addr::from(bytes).to_string()),
    ]
}

fn switch() -> impl Strategy<Value = String> {
    let names = vec![
        "abort_on_error",
        "ascii",
        "dummy",
        "fail_open",
        "hash",
        "hash_only",
        "http",
        "keepalive",
        "prio",
        "require_client_cert",
        "roundrobin",
        "stubborn",
        "tcp_nodelay",
        "transparent",
        "udp",
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
        "slow_start",
        "timeout",
        "tracking",
        "udp_requests",
        "udp_responses",
        "udp_timeout",
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
        (any::<u32>(), 0..=32_u8).prop_map(|(bits, len)| format!("{}/{len}", Ipv4Addr::from(bits))),
        (any::<u32>(), any::<u32>())
            .prop_map(|(bits, mask)| { format!("{} {}", Ipv4Addr::from(bits), Ipv4Addr::from(mask)) }),
        (any::<u128>(), 0..=128_u8).prop_map(|(bits, len)| format!("{}/{len}", Ipv6Addr::from(bits))),
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

fn headers_and_tls() -> impl Strategy<Value = String> {
    let lines = vec![
        "proxy_protocol accept 3",
        "proxy_protocol send",
        "proxy_protocol send-v2",
        "no proxy_protocol",
        "no proxy_protocol accept",
        "no proxy_protocol send",
        "ssl_ciphers HIGH:!aNULL, ECDHE",
        "no ssl_ciphers",
        "ssl_client_renegotiation_interval 5",
        "ssl_ocsp_response /etc/pen/www.ocsp",
        "no ssl_ocsp_response",
        "ssl_option no_tlsv1.2",
        "ssl_option no_sslv3",
        "ssl_option cipher_client_preference",
        "ssl_option cipher_server_preference",
        "no ssl_option",
        "ssl_sni_path names",
        "no ssl_sni_path",
        "tls_alpn h2, http/1.1",
        "no tls_alpn",
        "tls_ca_dir /etc/ssl/my certs",
        "no tls_ca_dir",
        "tls_ca_file #ca.pem",
        "no tls_ca_file",
        "tls_cert /etc/pen/a b.pem",
        "no tls_cert",
        "tls_key key",
        "no tls_key",
        "tls_protocol tls1",
        "tls_protocol ssl23",
    ];
    prop::sample::select(lines).prop_map(str::to_owned)
}

fn health() -> impl Strategy<Value = String> {
    let checks = vec![
        "no health",
        "no health agent",
        "health agent 8081",
        "health agent 9 timeout 5 interval 3",
        "health tcp",
        "health tls name www.example.com port 443",
        "health http /?a=\"b\" host [::1] status 200",
        "health http / status 200-204 body \"a \\\"b\\\" \\xff\\n#\"",
        "health dns . rise 1 fall 1",
        "health rdp interval 60",
        "health send \"a\\r\\n\" expect b",
        "health expect \"220 \"",
        "health exec \"check $PEN_PORT\" timeout 30",
    ];
    let peek = vec!["no peek", "peek sni", "peek rdp", "peek rdp short nodomain fold"];
    let check = (prop::sample::select(checks), prop::option::of(1..=86_400_u32));
    prop_oneof![
        2 => check.prop_map(|(check, interval)| match interval {
            Some(interval) if !check.contains("interval") => format!("{check} interval {interval}"),
            _ => check.to_owned(),
        }),
        1 => prop::sample::select(peek).prop_map(str::to_owned),
    ]
}

/// Says how servers are wanted. That a server is wanted again is not written, so these are no commands for options.
fn admin() -> impl Strategy<Value = String> {
    let words = vec!["drain", "no drain", "maint", "no maint"];
    (prop::sample::select(words), 0..6_u32).prop_map(|(words, slot)| format!("{words} {slot}"))
}

/// A command that may or may not fit.
fn command() -> impl Strategy<Value = String> {
    let word = |words: &[&'static str]| prop::sample::select(words.to_vec()).prop_map(str::to_owned);
    prop_oneof![
        3 => switch(),
        3 => number(),
        3 => headers_and_tls(),
        3 => health(),
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
            "web_stats /var/www/a page.html", "web_stats x", "no web_stats", "log a b", "log /x:y connections", "log www1:514 connections", "log [::1]:http", "no log",
            "no abuse", "no emergency", "source 127.0.0.1", "source ::1", "no source", "tcp_fastclose up",
            "tcp_fastclose down", "tcp_fastclose both", "tcp_fastclose off", "service default",
        ]),
    ]
}

/// Commands such as `command`, some of them for services of these names.
fn commands<S: Strategy<Value = String>>(
    command: fn() -> S,
    services: &'static [&'static str],
) -> impl Strategy<Value = Vec<String>> {
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
        options in commands(command, &["first", "second"]),
        // Services that the command line adds may be removed, but not be added again.
        live in commands(|| prop_oneof![9 => command(), 2 => admin()], &["third", "fourth"]),
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
            let servers = settings.services.values().filter(|service| !service.draining).flat_map(|service| service.servers.iter());
            servers.flatten().map(|server| (server.id(), server.address().clone())).collect()
        };
        let mut reread = Draft::new(settings.clone(), Stage::Live, environment(false));
        read(&text, &mut reread);
        let reread = finished(reread);
        prop_assert_eq!(essence(&reread), essence(&settings));
        prop_assert_eq!(servers(&reread), servers(&settings));
    }
}
