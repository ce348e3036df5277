//! What pen may do, and what it says when it may not.

use std::fs;
use std::net::SocketAddr;

use nix::sys::signal::Signal;
use pen_tests::{Pen, UdpClient, wait_until};

use super::site::{BACK, FRONT, Site, at, client, with_site};

const LACKING: &str = "needs the capability CAP_NET_RAW, which this pen lacks: \
                       root is to start it with 'transparent' in its options or its file";

#[test]
fn another_user_keeps_the_one_capability_that_connections_need() {
    with_site(|site| {
        let server = site.web(0, 0);
        let pen = Site::pen(0).listen_at(at(FRONT[0], 8080)).server(&server).user("nobody");
        let pen = site.start(pen);
        let process = pen.process();
        assert_eq!((process.status("CapEff"), process.status("CapPrm")), raw());
        assert_eq!(site.connect(client(0, 9), &pen).line(), "0 10.9.0.9");
        pen.tell("no transparent");
        assert_eq!(site.connect(client(0, 9), &pen).line(), "0 10.2.0.1");
        pen.tell("transparent");
        assert_eq!(site.connect(client(0, 9), &pen).line(), "0 10.9.0.9");
        pen.stop();
    });
}

/// `CAP_NET_RAW` alone.
fn raw() -> (String, String) {
    let set = format!("{:016x}", 1 << 13);
    (set.clone(), set)
}

#[test]
fn flows_keep_the_ports_of_their_clients_whatever_these_are_under_another_user_too() {
    with_site(|site| {
        let server = site.echo(0, 0);
        let pen = Site::pen(0).listen_at(at("0.0.0.0", 8080)).server(&server).udp().user("nobody");
        let pen = site.start(pen);
        assert_eq!(pen.process().status("CapEff"), format!("{:016x}", (1 << 13) | (1 << 10)));
        // One that is root's, and the one that pen listens on at all addresses.
        for port in [514, 8080] {
            let from = SocketAddr::new(client(0, 9), port);
            let client = site.client.on(|| UdpClient::at(from, &at(FRONT[0], 8080)));
            assert_eq!(client.ask("x"), b"0x");
            assert_eq!(server.sources().last(), Some(&from.into()));
        }
        pen.stop();
    });
}

#[test]
fn without_the_capability_pen_does_not_start() {
    with_site(|site| {
        let lacking = "--bounding-set=-net_raw,-net_admin";
        let pen = |user: &str| {
            let options = ["-f", "-u", user, "-O", "transparent", "10.1.0.1:8080", BACK[0][0]];
            let wrapper = ["setpriv", lacking, "--inh-caps=-all", "--"];
            let program = pen_tests::program::pen();
            let mut command = std::process::Command::new(wrapper[0]);
            command.args(&wrapper[1..]).arg(program).args(options);
            site.balancer.on(|| pen_tests::run_to_the_end(command))
        };
        for user in ["root", "nobody"] {
            let ended = pen(user);
            assert_eq!((ended.code, ended.stderr), (Some(1), format!("pen: transparent {LACKING}\n")));
        }
    });
}

#[test]
fn a_pen_that_has_given_it_up_says_so_and_goes_on_as_before() {
    with_site(|site| {
        let server = site.web(0, 0);
        let config = format!("listen {}:8080\nserver 0 address {} port 80\n", FRONT[0], BACK[0][0]);
        let pen = Pen::builder().listen_at(at(FRONT[0], 8080)).without_address().config(&config);
        let pen = site.start(pen.user("nobody"));
        let _server = server;
        assert_eq!(pen.ask("transparent"), format!("error: transparent {LACKING}\n"));
        assert_eq!(pen.ask("service web listen 10.1.0.1:8081"), "10.1.0.1:8081\n");
        assert_eq!(pen.ask("service web transparent"), format!("error: transparent of web {LACKING}\n"));
        assert!(!pen.ask("status json").contains(r#""transparent":true"#));
        let file = pen.directory().join("pen.cfg");
        fs::write(file, config + "blacklist 77\ntransparent\n").unwrap();
        pen.signal(Signal::SIGHUP);
        wait_until("HUP is answered", || pen.stderr().contains(LACKING));
        assert_eq!(pen.ask("blacklist"), "30\n");
        assert_eq!(site.connect(client(0, 9), &pen).line(), "0 10.2.0.1");
        pen.stop();
    });
}

#[test]
fn a_configuration_can_be_checked_without_the_capability() {
    let ended = Pen::run(["--check", "-O", "transparent", "8080", "127.0.0.1:80"]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "ok\n", ""));
}
