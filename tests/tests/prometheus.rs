//! What Prometheus gets from pen, judged by its own tool and scraped by a real one.

use std::process::Command;

use pen_tests::{
    Address, Authority, Backend, Order, Pen, Prometheus, Stream, complaints_of_promtool, private_address,
    program, run_to_the_end, wait_until,
};
use serde_json::Value;

/// A pen with several services, and servers in every state, outside the slots, with and without limits and names.
fn motley_pen(server: &Backend) -> Pen {
    let hostile = r#"/tmp/a"b\'<script>\u{1b}{slot="7"}#é"#;
    let mail = Address::Ip(private_address());
    let port = server.address().to_string();
    let port = port.rsplit(':').next().unwrap();
    let certificate = Authority::new("root").issue(&Order::server("www.example.com"));
    let config = format!(
        "server 0 address 127.0.0.1 port {port} name www1 max 10 hard 20 weight 3 prio 1\n\
         server 1 address 127.0.0.1 port {port} blacklist 3600\n\
         server 3 address {hostile}\n\
         server 4 address ::1 port {port}\n\
         emergency 127.0.0.1:{port}\nabuse /tmp/abuse\n\
         service mail\nlisten {mail}\nserver 0 address 127.0.0.1 port {port}\n\
         service empty\nlisten {other}\ntls_cert {certificate}\n",
        certificate = certificate.pem().display(),
        other = private_address(),
    );
    Pen::builder().option("-r").config(&config).start()
}

#[test]
fn promtool_has_nothing_against_what_pen_tells() {
    let server = Backend::named("a");
    let pen = motley_pen(&server);
    assert_eq!(pen.get(), "a");
    let metrics = pen.ask("status prometheus");
    assert_eq!(complaints_of_promtool(&metrics), "", "of:\n{metrics}");
    let up: Vec<_> = metrics.lines().filter(|line| line.starts_with("pen_server_up{")).collect();
    assert_eq!(up.len(), 7, "four slots of five, two outside, one of mail: {up:#?}");
    for (labels, value) in [
        (r#"{service="default",slot="0",server="www1"}"#, 1),
        (r#"{service="default",slot="3",server="/tmp/a\"b\\'<script>\\u{1b}{slot=\"7\"}#é"}"#, 1),
        (r#"{service="default",slot="abuse",server="/tmp/abuse"}"#, 1),
    ] {
        assert!(up.contains(&format!("pen_server_up{labels} {value}").as_str()), "{labels} in {up:#?}");
    }
    assert!(metrics.contains("\npen_service_usable_servers{service=\"empty\"} 0\n"));
    assert!(metrics.contains("slot=\"emergency\""));
    assert!(metrics.contains("\npen_tls_handshakes_total{service=\"empty\",version=\"TLSv1.3\"} 0\n"));
}

#[test]
fn promtool_complains_about_what_is_wrong() {
    let wrong = "# HELP a_total A.\n# TYPE a_total gauge\na_total{b=\"\n\"} 1\n";
    assert_ne!(complaints_of_promtool(wrong), "");
}

#[test]
fn a_removed_service_does_not_spoil_the_scrape_when_another_gets_its_name() {
    let server = Backend::holding("a");
    let pen = motley_pen(&server);
    let listen = pen.ask("service mail listen").trim_end().parse().unwrap();
    let client = Stream::connect(&Address::Ip(listen)).unwrap();
    assert_eq!(client.line(), "a");
    pen.tell("no service mail");
    pen.tell("service mail");
    let port = listen.port();
    pen.tell(&format!("service mail server 0 address 127.0.0.1 port {port}"));
    let metrics = pen.ask("status prometheus");
    assert_eq!(complaints_of_promtool(&metrics), "", "of:\n{metrics}");
    assert!(metrics.contains("\npen_draining_services 1\n"), "{metrics}");
    assert!(metrics.contains("\npen_draining_connections 1\n"), "{metrics}");
    assert_eq!(metrics.matches("\npen_service_connections{service=\"mail\"} 0\n").count(), 1);
}

#[test]
fn a_real_prometheus_scrapes_pen_and_sees_what_happens() {
    let server = Backend::named("a");
    let pen = motley_pen(&server);
    let target = pen.ask("web 127.0.0.1:0").trim_end().parse().expect("an address");
    let prometheus = Prometheus::scraping(&Address::Ip(target));
    wait_until("the scrape succeeds", || prometheus.values("up") == ["1"]);
    wait_until("all servers are known", || prometheus.query("pen_server_up").len() == 7);
    let hostile = prometheus.query(r#"pen_server_up{slot="3"}"#);
    assert_eq!(hostile[0].0["server"], Value::from(r#"/tmp/a"b\'<script>\u{1b}{slot="7"}#é"#));

    let www1 = r#"pen_server_up{service="default",server="www1"}"#;
    assert_eq!(prometheus.values(www1), ["1"]);
    pen.tell("server 0 blacklist 3600");
    wait_until("the blacklist is seen", || prometheus.values(www1) == ["0"]);
    pen.tell("server 0 blacklist 0");
    wait_until("its end is seen", || prometheus.values(www1) == ["1"]);

    for _ in 0..5 {
        assert_eq!(pen.get(), "a");
    }
    let accepted = r#"pen_service_accepted_total{service="default"}"#;
    wait_until("the connections are counted", || prometheus.values(accepted) == ["5"]);
    let free = "pen_server_connections_max - pen_server_connections > 0";
    assert_eq!(prometheus.values(free).len(), 7, "no limit is more than any number");
    assert_eq!(prometheus.values("pen_start_time_seconds < bool time()"), ["1"]);
}

/// The blocks of YAML in a page.
fn yaml_in(page: &str) -> Vec<&str> {
    page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_configuration_and_the_alerts_in_the_manual_are_valid() {
    let blocks = yaml_in(include_str!("../../docs/operations.md"));
    let [config, rules] = blocks.as_slice() else { panic!("two blocks are expected: {blocks:?}") };
    let directory = tempfile::TempDir::new().unwrap();
    for (what, block) in [("config", config), ("rules", rules)] {
        let file = directory.path().join(what);
        std::fs::write(&file, block).unwrap();
        let mut promtool = Command::new(program::find("promtool"));
        promtool.args(["check", what]).arg(file);
        let ended = run_to_the_end(promtool);
        assert_eq!(ended.code, Some(0), "{what}: {}{}", ended.stdout, ended.stderr);
    }
    let pen = motley_pen(&Backend::named("a"));
    let agent = Backend::serve(|client| client.send("65\n"));
    let port = agent.to_string().rsplit_once(':').unwrap().1.to_owned();
    pen.tell("health tcp interval 1");
    pen.tell(&format!("health agent {port} interval 1"));
    let mut metrics = String::new();
    wait_until("a check has come to an end, and an agent has answered", || {
        metrics = pen.ask("status prometheus");
        metrics.contains("pen_server_check_up") && metrics.contains("pen_server_agent_up")
    });
    assert_eq!(complaints_of_promtool(&metrics), "", "of:\n{metrics}");
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named: Vec<&str> = rules.split(|c| !is_part(c)).filter(|word| word.starts_with("pen_")).collect();
    assert!(named.len() >= 7, "{named:?}");
    for name in named {
        assert!(metrics.contains(&format!("# TYPE {name} ")), "pen does not tell {name}");
    }
}
