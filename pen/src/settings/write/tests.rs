use common::command::{FAMILIES, When};

use super::*;
use crate::settings::apply::listen;
use crate::settings::draft::{Draft, Stage};
use crate::settings::testing::{draft, run};
use crate::settings::{Place, file, servers};

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
    "ssl_client_renegotiation_interval",
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

#[test]
fn everything_is_said_of_what_pen_starts_from() {
    let mut expected: Vec<String> = (0..10).map(|number| format!("no acl {number}")).collect();
    expected.extend(
        "no abort_on_error;no ascii;control_acl 0;debug 0;resolve 0;shutdown_timeout 0;threads auto;web_acl 0;no web;\
         no web_stats;no udp;no hash;no hash_only;no prio;no roundrobin;no stubborn;no weight;backlog 500;blacklist 30;\
         clients_max 2048;conn_max 500;idle_timeout 0;idlers 0;multi_accept 100;pending_max 100;slow_start 0;timeout 5;tracking 0;\
         udp_requests 0;udp_responses 0;udp_timeout 30;\
         client_acl 0;no dummy;fail_open;no health;no http;no keepalive;no log;no peek;no proxy_protocol accept;no proxy_protocol send;no source;\
         tcp_fastclose off;tcp_nodelay;no transparent;no tls_cert;no tls_key;no tls_ca_file;no tls_ca_dir;no ssl_ocsp_response;\
         no ssl_sni_path;no ssl_ciphers;no tls_alpn;tls_protocol ssl23;no ssl_option;no require_client_cert;\
         no abuse;no emergency"
            .split(';')
            .map(str::to_owned),
    );
    assert_eq!(rendered(&draft(Stage::Start)).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn every_setting_of_the_table_is_written() {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["acl 1 permit ::1", "listen 80", "server 0 address www1", "maint 0"]);
    run(&mut draft, &["service web", "server 0 address www1 port 80", "drain 0"]);
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
            "service zeta log ::1:syslog connections",
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
         service alpha\nno udp\nlisten 9000\n",
        "\nemergency [2001:db8::6]:81\n",
        "\nabuse /run/abuse.sock\n",
        "\nsource 127.0.0.9\n",
        "\nlog a b.log\n",
        "\n\nservice zeta\nno udp\nlisten /run/zeta.sock\n",
        "\nlog ::1:syslog connections\n",
    ] {
        assert!(text.contains(lines), "{lines}\nis not in\n{text}");
    }
}

#[test]
fn what_is_known_of_the_health_of_servers_is_written_as_it_is() {
    let mut draft = draft(Stage::Start);
    run(
        &mut draft,
        &[
            "listen 80",
            "server 0 address www1",
            "server 1 address www2",
            "server 2 address six",
            "drain 0",
            "maint 1",
            "no fail_open",
            "slow_start 60",
            "health http /a host b status 204 body \"c \\\"d\\\"\" port 81 rise 9",
            "health agent 8081 interval 5",
            "peek rdp short fold",
            "service files",
            "health exec \"check -q\\n$PEN_PORT\" timeout 7",
        ],
    );
    let text = rendered(&draft);
    for lines in [
        "\nno fail_open\nno health\n\
         health http /a host b status 204 body \"c \\\"d\\\"\" port 81 interval 2 timeout 2 rise 9 fall 3\n\
         health agent 8081 interval 5 timeout 2\n",
        "\nslow_start 60\n",
        "\npeek rdp fold short\n",
        "max 0 hard 0 weight 0 prio 0\ndrain 0\n",
        "max 0 hard 0 weight 0 prio 0\nmaint 1\n",
        "\nno health\nhealth exec \"check -q\\n$PEN_PORT\" interval 2 timeout 7 rise 2 fall 3\n",
    ] {
        assert!(text.contains(lines), "{lines}\nis not in\n{text}");
    }
    assert!(!text.contains("drain 2") && !text.contains("maint 2"), "{text}");
}

#[test]
fn a_name_of_a_udp_port_is_read_again_as_it_was() {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["service logs", "udp", "listen syslog mixed", "server 0 address www1 port syslog"]);
    let text = rendered(&draft);
    assert!(text.contains("\nservice logs\nudp\nlisten syslog mixed\n"), "{text}");
    let mut again = self::draft(Stage::Start);
    read(&text, &mut again);
    let places = |draft: &Draft| {
        let service = draft.settings().services.find("logs").map(|index| draft.settings().service(index));
        service.unwrap().listen.iter().map(|on| on.asked.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(places(&again), ["0.0.0.0:514", "0.0.0.0:2000"]);
    assert_eq!(rendered(&again), text);
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

mod random;
