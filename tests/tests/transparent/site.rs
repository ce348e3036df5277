//! A client's host, pen's and a servers', one behind the other, with the routing that docs/transparent.md tells.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use pen_tests::{
    Address, Backend, Host, Pen, PenBuilder, Stream, UdpBackend, UdpClient, is_root, wait_until,
};

/// The hosts.
pub struct Site {
    pub client: Host,
    pub balancer: Host,
    pub server: Host,
}

/// Where pen listens, for the clients of each family.
pub const FRONT: [&str; 2] = ["10.1.0.1", "2001:db8:1::1"];
/// The servers.
pub const BACK: [[&str; 2]; 2] = [["10.2.0.11", "2001:db8:2::11"], ["10.2.0.12", "2001:db8:2::12"]];

/// Clients by number, of the family of IPv4 (0) or IPv6 (1).
pub fn client(family: usize, number: u16) -> IpAddr {
    let text = match family {
        0 => format!("10.9.{}.{}", number / 256, number % 256),
        _ => format!("2001:db8:9::{number:x}"),
    };
    text.parse().unwrap()
}

pub fn at(address: &str, port: u16) -> Address {
    SocketAddr::new(address.parse().unwrap(), port).into()
}

/// Runs a test with all hosts, if it is root's.
pub fn with_site(test: impl FnOnce(&Site)) {
    if is_root() {
        test(&Site::new());
    } else {
        eprintln!("skipped: network namespaces need root");
    }
}

impl Site {
    fn new() -> Site {
        let site = Site { client: Host::new(), balancer: Host::new(), server: Host::new() };
        site.client.connect("eth0", &site.balancer, "front");
        site.balancer.connect("back", &site.server, "eth0");
        // The clients' host has their networks as a whole.
        site.client.set("net/ipv6/ip_nonlocal_bind", "1");
        site.client.ip("
            addr add 10.1.0.2/24 dev eth0
            addr add 2001:db8:1::2/64 dev eth0 nodad
            route add local 10.9.0.0/16 dev lo
            -6 route add local 2001:db8:9::/64 dev lo
            route replace default via 10.1.0.1
            -6 route replace default via 2001:db8:1::1");
        site.balancer.ip("
            addr add 10.1.0.1/24 dev front
            addr add 2001:db8:1::1/64 dev front nodad
            addr add 10.2.0.1/24 dev back
            addr add 2001:db8:2::1/64 dev back nodad
            route add 10.9.0.0/16 via 10.1.0.2
            -6 route add 2001:db8:9::/64 via 2001:db8:1::2");
        site.balancer.set("net/ipv4/conf/all/rp_filter", "1");
        site.balancer.ip("
            rule add iif back lookup 100
            route add local default dev lo table 100
            -6 rule add iif back lookup 100
            -6 route add local default dev lo table 100");
        let mut lines = String::new();
        for [v4, v6] in BACK {
            writeln!(lines, "addr add {v4}/24 dev eth0\naddr add {v6}/64 dev eth0 nodad").unwrap();
        }
        site.server.ip(&lines);
        site.server.ip("
            route replace default via 10.2.0.1
            -6 route replace default via 2001:db8:2::1");
        for family in [0, 1] {
            wait_for_neighbour(&site.client, FRONT[family]);
            for server in BACK {
                wait_for_neighbour(&site.balancer, server[family]);
            }
        }
        site
    }

    /// Takes in answers by their ports, where servers have other ways through pen's host.
    pub fn take_in_by_port(&self) {
        self.balancer.ip("
            rule del iif back lookup 100
            rule add iif back ipproto tcp sport 80 lookup 100
            rule add iif back ipproto udp sport 80 lookup 100
            rule add iif back ipproto icmp lookup 100
            -6 rule del iif back lookup 100
            -6 rule add iif back ipproto tcp sport 80 lookup 100
            -6 rule add iif back ipproto udp sport 80 lookup 100
            -6 rule add iif back ipproto ipv6-icmp lookup 100");
        self.balancer.set("net/ipv4/ip_forward", "1");
        self.balancer.set("net/ipv6/conf/all/forwarding", "1");
    }

    /// A pen at the front address of this family, and port 80.
    pub fn pen(family: usize) -> PenBuilder {
        Pen::builder().listen_at(at(FRONT[family], 80)).command("transparent")
    }

    pub fn start(&self, pen: PenBuilder) -> Pen {
        self.balancer.on(|| pen.start())
    }

    /// A web server that tells its number and whom it sees, and then sends back what it gets.
    pub fn web(&self, family: usize, number: usize) -> Backend {
        self.server.on(|| {
            Backend::serve_at(&at(BACK[number][family], 80), move |client| {
                let seen = client.peer().unwrap().ip();
                let _ = writeln!({ client }, "{number} {seen}");
                client.drain_with(|part| {
                    let _ = { client }.write_all(part);
                });
                client.finish();
            })
        })
    }

    /// A server of datagrams that answers with its number and what it gets.
    pub fn echo(&self, family: usize, number: usize) -> UdpBackend {
        self.server.on(|| {
            UdpBackend::serve_at(&at(BACK[number][family], 80), move |bytes| {
                vec![[number.to_string().as_bytes(), bytes].concat()]
            })
        })
    }

    pub fn connect(&self, from: IpAddr, pen: &Pen) -> Stream {
        self.client.on(|| Stream::connect_from(from, pen.address())).expect("pen accepts")
    }

    pub fn udp_client(&self, from: SocketAddr, pen: &Pen) -> UdpClient {
        self.client.on(|| UdpClient::at(from, pen.address()))
    }
}

/// A link takes a moment until it is up, and a datagram that is sent before is lost.
fn wait_for_neighbour(host: &Host, neighbour: &str) {
    let nobody = SocketAddr::new(neighbour.parse().unwrap(), 9);
    let is_there = || {
        let refused = TcpStream::connect_timeout(&nobody, Duration::from_millis(100)).unwrap_err();
        refused.kind() == ErrorKind::ConnectionRefused
    };
    host.on(|| wait_until("the neighbour is there", is_there));
}
