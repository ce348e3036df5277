//! Every wrong form, with its exact error.

use super::*;

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
        ("no tarpit_acl", "no tarpit_acl", "tarpit"),
        ("dsr_if eth0", "dsr_if", "direct server return"),
        ("geoip_db x", "geoip_db", "GeoIP"),
        ("acl 1 permit country SE", "country", "GeoIP"),
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

const PROXY_PROTOCOL: &str = "proxy_protocol accept ACL|send|send-v2";
const BROKEN_SSL2: &str =
    "ssl2 is broken and does not exist here: ssl23 or tls1, which mean TLS 1.2 and 1.3, are expected";
const BROKEN_SSL3: &str =
    "ssl3 is broken and does not exist here: ssl23 or tls1, which mean TLS 1.2 and 1.3, are expected";

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
    assert_eq!(
        wrong(&format!("tls_alpn h2,{long}")),
        format!(
            "error: bad protocol '{long}': a name of at most 255 bytes is expected; usage: tls_alpn [LIST]"
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
    // What servers are told of clients.
    ("http x", "superfluous word 'x'", "http"),
    ("proxy_protocol", "missing direction", PROXY_PROTOCOL),
    ("proxy_protocol on", "bad direction 'on': accept, send or send-v2 is expected", PROXY_PROTOCOL),
    (
        "proxy_protocol send-v1",
        "bad direction 'send-v1': accept, send or send-v2 is expected",
        PROXY_PROTOCOL,
    ),
    ("proxy_protocol accept", "missing access list", PROXY_PROTOCOL),
    ("proxy_protocol accept 10", "bad access list '10': a number from 0 to 9 is expected", PROXY_PROTOCOL),
    (
        "proxy_protocol accept 10.0.0.0/8",
        "bad access list '10.0.0.0/8': a number from 0 to 9 is expected",
        PROXY_PROTOCOL,
    ),
    ("proxy_protocol accept 1 2", "superfluous word '2'", PROXY_PROTOCOL),
    ("proxy_protocol send 1", "superfluous word '1'", PROXY_PROTOCOL),
    (
        "no proxy_protocol x",
        "bad direction 'x': accept or send is expected",
        "no proxy_protocol [accept|send]",
    ),
    ("no proxy_protocol accept 1", "superfluous word '1'", "no proxy_protocol [accept|send]"),
    // TLS.
    ("require_client_cert 1", "superfluous word '1'", "require_client_cert"),
    ("no ssl_ciphers ALL", "superfluous word 'ALL'", "no ssl_ciphers"),
    ("no ssl_ocsp_response x", "superfluous word 'x'", "no ssl_ocsp_response"),
    ("ssl_option", "missing option", "ssl_option OPTION"),
    (
        "ssl_option no_ticket",
        "unknown option 'no_ticket': there are cipher_client_preference, cipher_server_preference, no_sslv2, no_sslv3, \
         no_tlsv1, no_tlsv1.1, no_tlsv1.2, no_tlsv1.3",
        "ssl_option OPTION",
    ),
    ("ssl_option no_tlsv1.2 no_tlsv1", "superfluous word 'no_tlsv1'", "ssl_option OPTION"),
    ("no ssl_option no_tlsv1.2", "superfluous word 'no_tlsv1.2'", "no ssl_option"),
    ("no ssl_sni_path x", "superfluous word 'x'", "no ssl_sni_path"),
    ("tls_alpn ,", "no protocol is named: one such as http/1.1 is expected", "tls_alpn [LIST]"),
    ("no tls_alpn h2", "superfluous word 'h2'", "no tls_alpn"),
    ("no tls_cert x.pem", "superfluous word 'x.pem'", "no tls_cert"),
    ("tls_protocol ssl2", BROKEN_SSL2, "tls_protocol [ssl23|tls1]"),
    ("tls_protocol ssl3", BROKEN_SSL3, "tls_protocol [ssl23|tls1]"),
    ("tls_protocol tls1.2", "bad protocol 'tls1.2': ssl23 or tls1 is expected", "tls_protocol [ssl23|tls1]"),
    ("tls_protocol ssl23 tls1", "superfluous word 'tls1'", "tls_protocol [ssl23|tls1]"),
    ("no tls_protocol", "'tls_protocol' cannot be negated", "tls_protocol [ssl23|tls1]"),
    ("ssl_client_renegotiation_interval", "missing number", "ssl_client_renegotiation_interval T"),
    (
        "ssl_client_renegotiation_interval -1",
        "bad number '-1': a number from 0 to 31536000 is expected",
        "ssl_client_renegotiation_interval T",
    ),
    (
        "no ssl_client_renegotiation_interval",
        "'ssl_client_renegotiation_interval' cannot be negated",
        "ssl_client_renegotiation_interval T",
    ),
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
    (
        "help tarpit_acl",
        "'tarpit_acl' is not available in this version of pen: tarpit support comes later",
        "help [COMMAND]",
    ),
    ("help acl x", "superfluous word 'x'", "help [COMMAND]"),
    ("include", "missing file name", "include FILE"),
    (
        "log host:70000",
        "bad port '70000' in 'host:70000': a number from 1 to 65535 or a service name is expected",
        "log [FILE|HOST:PORT] [connections]",
    ),
    (
        "log a b:80",
        "bad host 'a b' in 'a b:80': a name or an IP address is expected",
        "log [FILE|HOST:PORT] [connections]",
    ),
    ("threads 0", "bad number '0': a number from 1 to 1024 or auto is expected", "threads [N|auto]"),
    ("threads x", "bad number 'x': a number from 1 to 1024 or auto is expected", "threads [N|auto]"),
    ("threads 1 2", "superfluous word '2'", "threads [N|auto]"),
];
